"""Specifications of networks as JSON text: written in full, read with suspicion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from types import MappingProxyType
from typing import Any

from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.errors import InvalidData

LIMITS = MappingProxyType(
    {
        "filters": 4096, "kernel": 64, "stride": 64, "pool": 64, "classes": 4096, "hidden": 65536,
        "input_shape": 4096, "layers": 256,
    }
)  # fmt: skip
"""Largest value of each number, and most layers, that a file may ask for."""

MAX_CHARACTERS = 200_000


def to_json(spec: ArchSpec) -> str:
    """Return `spec` as JSON text of one line; `from_json` returns an equal specification.

    Examples
    --------
    >>> from tinyml_course.core.arch import gesture_net
    >>> from_json(to_json(gesture_net(3))) == gesture_net(3)
    True
    """
    return json.dumps(to_fields(spec))


def from_json(text: str) -> ArchSpec:
    """Return the specification that JSON `text` describes.

    Parameters
    ----------
    text : str
        From `to_json`, or by hand; fields that have a default may be missing.

    Raises
    ------
    InvalidData
        If the text is no JSON object, or a field is unknown, missing, of a wrong type, or
        larger than `LIMITS`; the message names the field and its value.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidData(f"{len(text):,} characters for one network; at most {MAX_CHARACTERS:,}")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise InvalidData(f"no JSON ({fault}); write the network with to_json") from None
    return from_fields(found)


def to_fields(spec: ArchSpec) -> dict[str, Any]:
    """Return `spec` as plain lists, numbers and strings, for a larger JSON document."""
    plain: dict[str, Any] = asdict(spec)
    plain["input_shape"] = list(spec.input_shape)
    plain["layers"] = [asdict(layer) for layer in spec.layers]
    return plain


def from_fields(found: Any) -> ArchSpec:
    """Return the specification of fields that were read from a JSON document.

    Raises
    ------
    InvalidData
        As `from_json`.
    """
    given = _checked(found, ArchSpec, "the network")
    if not isinstance(given["layers"], list) or len(given["layers"]) > LIMITS["layers"]:
        raise InvalidData(f"layers must be a list of at most {LIMITS['layers']} blocks")
    layers = tuple(
        _make(LayerSpec, _checked(layer, LayerSpec, f"layer {number}"), f"layer {number}")
        for number, layer in enumerate(given["layers"])
    )
    spec: ArchSpec = _make(ArchSpec, {**given, "layers": layers}, "the network")
    return spec


def _checked(found: Any, kind: type, where: str) -> dict[str, Any]:
    """Return the fields of `found` for a `kind`, each of the right type and size."""
    if not isinstance(found, Mapping):
        raise InvalidData(f"{where} must be a JSON object, got {type(found).__name__}")
    known = {field.name: str(field.type) for field in fields(kind)}
    if unknown := [str(name)[:40] for name in found if name not in known]:
        raise InvalidData(f"{where} has no field {unknown[0]!r}; known: {', '.join(known)}")
    needed = ("op",) if kind is LayerSpec else ("layers", "classes")
    if missing := [name for name in needed if name not in found]:
        raise InvalidData(f"{where} lacks the field {missing[0]!r}")
    return {name: _value(name, known[name], value, where) for name, value in found.items()}


def _value(name: str, kind: str, value: Any, where: str) -> Any:
    if name == "layers":
        return value
    if kind == "Shape":
        if not isinstance(value, list) or len(value) != 3:
            raise InvalidData(f"{where}: {name} must be [H, W, C], got {_short(value)}")
        return tuple(_value(name, "int", size, where) for size in value)
    expected = {"int": int, "bool": bool}.get(kind, str)
    if type(value) is not expected:
        raise InvalidData(f"{where}: {name} must be {expected.__name__}, got {_short(value)}")
    if isinstance(value, int) and not 0 <= value <= LIMITS.get(name, 1):
        raise InvalidData(f"{where}: {name} must be in 0..{LIMITS[name]}, got {_short(value)}")
    return value


def _make(kind: type, given: dict[str, Any], where: str) -> Any:
    try:
        return kind(**given)
    except ValueError as fault:
        raise InvalidData(f"{where}: {fault}") from None


def _short(value: Any) -> str:
    if isinstance(value, (list, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
