"""Plain data between the judge and the learner's process: a codec that can execute nothing.

A message is the length of its JSON text (uint32), the text, and the bytes of its arrays. The
text is a tree of tagged lists, ``["f", "0x1.8p+1"]``. Only exact types pass: an object of any
other class, however it compares, has no encoding. The decoder trusts nothing it reads.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.types import ChannelQParams, CostReport, QParams

REGISTERED: dict[str, type] = {
    cls.__name__: cls for cls in (QParams, ChannelQParams, LayerSpec, ArchSpec, CostReport)
}
"""Frozen dataclasses of the course that may cross."""

DTYPES = frozenset(
    ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8")
)
MAX_BYTES = 16 * 1024**2
"""Largest message."""
MAX_TEXT_BYTES = 4 * 1024**2
"""Largest text of a message, which is parsed before its nodes can be counted."""
MAX_DEPTH = 12
MAX_NODES = 200_000
MAX_DIGITS = 1024
"""Hexadecimal digits of the largest integer."""

_LENGTH = struct.Struct("<I")


class NotPlain(ValueError):
    """A value that can't cross, with the reason."""


class Garbled(ValueError):
    """Bytes that are no message; whoever sent them did not use this codec."""


def encode(value: Any) -> bytes:
    """Return `value` as a message.

    Raises
    ------
    NotPlain
        If a part of it is of another class than those in the table of the module, or too large.

    Examples
    --------
    >>> decode(encode({"scale": 0.1, "codes": (1, None)}))
    {'scale': 0.1, 'codes': (1, None)}
    """
    writer = _Writer()
    text = json.dumps(writer.write(value, 0)).encode()
    message = b"".join((_LENGTH.pack(len(text)), text, *writer.blobs))
    if len(text) > MAX_TEXT_BYTES or len(message) > MAX_BYTES:
        raise NotPlain(f"it takes {len(message):,} B, at most {MAX_BYTES:,} B can be handed over")
    return message


def decode(message: bytes) -> Any:
    """Return the value of a message, made anew from bytes; nothing in it is executed.

    Raises
    ------
    Garbled
        If the bytes are no well-formed message.
    """
    if not _LENGTH.size <= len(message) <= MAX_BYTES:
        raise Garbled(f"a message has {_LENGTH.size} to {MAX_BYTES:,} B, got {len(message):,}")
    end = _LENGTH.size + _LENGTH.unpack_from(message)[0]
    if end > min(len(message), _LENGTH.size + MAX_TEXT_BYTES):
        raise Garbled("the text of the message is cut off or too long")
    try:
        tree = json.loads(message[_LENGTH.size : end], parse_float=_refuse, parse_constant=_refuse)
        return _Reader(message[end:]).read(tree, 0)
    except Garbled:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, MemoryError) as fault:
        raise Garbled(f"the message is malformed: {type(fault).__name__}") from None


def _refuse(text: str) -> Any:
    raise Garbled(f"bare number {text!r}")


class _Writer:
    """Turns values into tagged lists and collects the bytes of arrays."""

    def __init__(self) -> None:
        self.blobs: list[bytes] = []
        self._offset = 0
        self._nodes = 0

    def write(self, value: Any, depth: int) -> list[Any]:
        """Return the tagged list of `value`."""
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise NotPlain("it is nested too deeply or has too many parts; return an array")
        if isinstance(value, np.generic) and type(value).__module__ == "numpy":
            value = value.item()
        kind = type(value)
        if kind in _LEAVES:
            return _LEAVES[kind](value)
        if kind is bytes:
            return ["y", *self._store(value)]
        if kind is np.ndarray:
            return self._write_array(value)
        if kind in (list, tuple):
            return [kind.__name__[0], [self.write(part, depth + 1) for part in value]]
        if kind is dict:
            return ["d", [[_key(k), self.write(v, depth + 1)] for k, v in value.items()]]
        if REGISTERED.get(kind.__name__) is kind:
            parts = [[f.name, self.write(getattr(value, f.name), depth + 1)] for f in fields(value)]
            return ["o", kind.__name__, parts]
        raise NotPlain(f"an object of class {kind.__name__!r} can't be graded; return plain data")

    def _write_array(self, array: Any) -> list[Any]:
        dtype = array.dtype.newbyteorder("<")
        if dtype.str not in DTYPES:
            raise NotPlain(f"an array of dtype {array.dtype} can't be graded")
        if array.nbytes > MAX_BYTES:
            raise NotPlain(f"an array of {array.nbytes:,} B is too large")
        stored = self._store(np.ascontiguousarray(array, dtype).tobytes())
        return ["a", dtype.str, list(array.shape), *stored]

    def _store(self, data: bytes) -> tuple[int, int]:
        start = self._offset
        self.blobs.append(data)
        self._offset += len(data)
        return start, len(data)


def _key(key: Any) -> str:
    if type(key) is not str:
        raise NotPlain(f"keys must be str, got {type(key).__name__}")
    return key


def _write_int(value: int) -> list[Any]:
    digits = f"{value:x}"
    if len(digits) > MAX_DIGITS:
        raise NotPlain("an integer of that size can't be graded")
    return ["i", digits]


_LEAVES: dict[type, Callable[[Any], list[Any]]] = {
    type(None): lambda _: ["n"],
    bool: lambda value: ["b", value],
    int: _write_int,
    float: lambda value: ["f", value.hex()],
    str: lambda value: ["s", value],
}


class _Reader:
    """Turns tagged lists back into values; every field is checked."""

    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self._nodes = 0

    def read(self, tree: Any, depth: int) -> Any:
        """Return the value of one tagged list."""
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES or type(tree) is not list or not tree:
            raise Garbled("the tree is too deep, too large or no list")
        tag, *rest = tree
        if tag == "n" and not rest:
            return None
        if tag == "o":
            name, parts = rest
            return self._read_object(name, parts, depth)
        if tag == "a":
            return self._read_array(*rest)
        if tag == "y":
            return self._take(*rest)
        (content,) = rest
        return self._read_simple(tag, content, depth)

    def _read_simple(self, tag: Any, content: Any, depth: int) -> Any:
        if tag == "b" and type(content) is bool:
            return content
        if tag == "i" and len(_text(content)) <= MAX_DIGITS:
            return int(content, 16)
        if tag == "f":
            return float.fromhex(_text(content))
        if tag == "s":
            return _text(content)
        if tag in ("l", "t") and type(content) is list:
            values = [self.read(part, depth + 1) for part in content]
            return values if tag == "l" else tuple(values)
        if tag == "d" and type(content) is list:
            return {_text(key): self.read(part, depth + 1) for key, part in content}
        raise Garbled(f"unknown tag {tag!r}")

    def _read_object(self, name: Any, parts: Any, depth: int) -> Any:
        cls = REGISTERED[_text(name)]
        values = {_text(key): self.read(part, depth + 1) for key, part in parts}
        if values.keys() != {f.name for f in fields(cls)}:
            raise Garbled(f"the fields do not make a {name}")
        return cls(**values)

    def _read_array(self, dtype: Any, shape: Any, start: Any, size: Any) -> Any:
        if _text(dtype) not in DTYPES or type(shape) is not list or len(shape) > 16:
            raise Garbled("no array")
        if any(type(side) is not int or side < 0 for side in shape):
            raise Garbled("no shape")
        data = self._take(start, size)
        if math.prod(shape) * np.dtype(dtype).itemsize != size:
            raise Garbled("the array's shape and size disagree")
        return np.frombuffer(data, dtype).reshape(shape).copy()

    def _take(self, start: Any, size: Any) -> bytes:
        if type(start) is not int or type(size) is not int or not 0 <= start <= start + size:
            raise Garbled("no range of bytes")
        if start + size > len(self._blob):
            raise Garbled("a range of bytes is cut off")
        return self._blob[start : start + size]


def _text(value: Any) -> str:
    if type(value) is not str:
        raise Garbled("no text")
    return value
