"""States as files, bit for bit: JSON and arrays, nothing that could run code when it is read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.arch_json import from_fields, to_fields
from tinyml_course.core.errors import InvalidData
from tinyml_course.core.types import ModelArtifact
from tinyml_course.pipeline.state import (
    AwareState,
    FlashState,
    FloatState,
    Measurement,
    Provenance,
    SpecState,
    StageRecord,
    State,
    provenance_fields,
)

STATE, WEIGHTS, MODEL, MEASURED = "state.json", "weights.npz", "model.tflite", "measured.json"
"""Names of a state's files; a file of weights or of a model only where the state has one."""

KINDS: MappingProxyType[str, type] = MappingProxyType(
    {kind.kind: kind for kind in (SpecState, FloatState, AwareState, FlashState)}
)


def state_files(state: State) -> dict[str, bytes]:
    """Return the files that hold `state`: name -> content.

    Examples
    --------
    >>> from tinyml_course.core.arch import gesture_net
    >>> state = SpecState(spec=gesture_net(3))
    >>> read_state(state_files(state)) == state
    True
    """
    known: dict[str, Any] = {
        "kind": state.kind,
        "spec": to_fields(state.spec),
        "provenance": provenance_fields(state.provenance),
    }
    files: dict[str, bytes] = {}
    if isinstance(state, FlashState):
        known["artifact"] = _artifact_fields(state.artifact)
        files[MODEL] = state.artifact.tflite
    elif not isinstance(state, SpecState):
        known["weights"] = list(state.weights)
        files[WEIGHTS] = _pack(list(state.weights.values()))
    files[STATE] = (json.dumps(known, indent=1) + "\n").encode()
    return files


def read_state(files: Mapping[str, bytes]) -> State:
    """Return the state that `files` hold.

    Raises
    ------
    InvalidData
        If a file is missing or damaged; names it.
    """
    known = _object(files, STATE)
    try:
        kind = KINDS[known["kind"]]
        common = {"spec": from_fields(known["spec"]), "provenance": _provenance(known)}
        if kind is FlashState:
            artifact = _artifact(known["artifact"], files[MODEL])
            return FlashState(artifact=artifact, **common)
        if kind is SpecState:
            return SpecState(**common)
        arrays = _unpack(files[WEIGHTS])
        state: State = kind(weights=dict(zip(known["weights"], arrays, strict=True)), **common)
        return state
    except InvalidData:
        raise
    except (KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as fault:
        raise InvalidData(
            f"damaged state ({type(fault).__name__}: {fault}); delete its folder and run again"
        ) from None


def measurement_file(measured: Measurement) -> dict[str, bytes]:
    """Return the file that holds a measurement: name -> content."""
    return {MEASURED: (json.dumps(asdict(measured), indent=1) + "\n").encode()}


def read_measurement(files: Mapping[str, bytes]) -> Measurement:
    """Return the measurement that `files` hold.

    Raises
    ------
    InvalidData
        If the file is missing or damaged.
    """
    try:
        return Measurement(**_object(files, MEASURED))
    except TypeError as fault:
        raise InvalidData(
            f"damaged {MEASURED} ({fault}); delete its folder and run again"
        ) from None


def _object(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    """Return the JSON object in the file `name`."""
    try:
        found = json.loads(files[name])
    except (KeyError, ValueError, RecursionError) as fault:
        raise InvalidData(
            f"{name} is missing or damaged ({fault}); delete its folder and run again"
        ) from None
    if not isinstance(found, dict):
        raise InvalidData(f"{name} holds no JSON object; delete its folder and run again")
    return found


def _provenance(known: Mapping[str, Any]) -> Provenance:
    found = known["provenance"]
    return Provenance(
        seed=int(found["seed"]),
        data_fingerprint=str(found["data_fingerprint"]),
        stages=tuple(
            StageRecord(
                name=str(stage["name"]),
                parameters=tuple(stage["parameters"].items()),
                seed=int(stage["seed"]),
            )
            for stage in found["stages"]
        ),
        versions=tuple(found["versions"].items()),
    )


def _artifact_fields(artifact: ModelArtifact) -> dict[str, Any]:
    return {
        "class_names": list(artifact.class_names),
        "seed": artifact.seed,
        "data_fingerprint": artifact.data_fingerprint,
        "versions": dict(artifact.versions),
        "sha256": artifact.sha256,
    }


def _artifact(found: Mapping[str, Any], tflite: bytes) -> ModelArtifact:
    artifact = ModelArtifact(
        tflite=tflite,
        class_names=tuple(found["class_names"]),
        seed=int(found["seed"]),
        data_fingerprint=str(found["data_fingerprint"]),
        versions=tuple(found["versions"].items()),
    )
    if artifact.sha256 != found["sha256"]:
        raise InvalidData(f"{MODEL} is not the file that was written; delete its folder")
    return artifact


def _pack(arrays: list[NDArray[Any]]) -> bytes:
    """Return the arrays as the bytes of an .npz; equal arrays give equal bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, **{f"w{number:04d}": array for number, array in enumerate(arrays)})
    return buffer.getvalue()


def _unpack(content: bytes) -> list[NDArray[Any]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        return [found[name] for name in found.files]
