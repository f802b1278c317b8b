"""The .tflite schema as data: every field's slot, type and default.

They are taken from the generated classes of the `tflite` package, by letting their writing
functions write to a recorder.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from tinyml_course.core.errors import InvalidModel


class Member(NamedTuple):
    """A field of the schema; `code` is its struct format, empty for a reference."""

    name: str
    slot: int
    code: str
    default: Any


@cache
def schema_members(kind: type) -> tuple[Member, ...]:
    """Return the fields of a schema class, as its generated functions would write them."""
    import tflite

    found = []
    for name in vars(kind):
        write = getattr(tflite, f"{kind.__name__}Add{name}", None)
        if write is not None:
            recorder = _Recorder()
            write(recorder, 0)
            found.append(Member(name, *recorder.written))
    return tuple(found)


class _Recorder:
    """Takes the place of a builder and notes slot, type and default of the field written."""

    CODES = MappingProxyType(
        {
            "Bool": "?", "Int8": "b", "Uint8": "B", "Int16": "h", "Uint16": "H", "Int32": "i",
            "Uint32": "I", "Int64": "q", "Uint64": "Q", "Float32": "f", "Float64": "d",
            "UOffsetTRelative": "",
        }
    )  # fmt: skip

    def __init__(self) -> None:
        self.written: tuple[int, str, Any] = (0, "", 0)

    def __getattr__(self, name: str) -> Callable[[int, Any, Any], None]:
        code = self.CODES[name.removeprefix("Prepend").removesuffix("Slot")]

        def note(slot: int, _: Any, default: Any) -> None:
            self.written = (slot, code, default)

        return note


UNIONS = MappingProxyType(
    {
        "BuiltinOptions": "BuiltinOptions",
        "BuiltinOptions2": "BuiltinOptions2",
        "Details": "QuantizationDetails",
        "ArraySegments": "SparseIndexVector",
        "ArrayIndices": "SparseIndexVector",
    }
)
"""Which enumeration says what a field of several types holds."""


def union_member(field: str, code: int, table: Any) -> Any:
    """Return `table` as the schema class that `code` stands for."""
    import tflite

    names = {v: k for k, v in vars(getattr(tflite, UNIONS[field])).items() if isinstance(v, int)}
    if code not in names:
        raise InvalidModel(f"{field} of type {code} is not in the schema; convert the model again")
    member = getattr(tflite, names[code])()
    member.Init(table.Bytes, table.Pos)
    return member
