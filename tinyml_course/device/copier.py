"""A .tflite copied table by table; a rewrite overrides what it changes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from tinyml_course.core.errors import InvalidModel
from tinyml_course.device.flatbuffer import MAX_NAME_BYTES
from tinyml_course.device.pack import Field, Packer
from tinyml_course.device.schema import schema_members, union_member

DATA_ALIGNMENT = 16
"""schema.fbs: `Buffer.data` has force_align 16."""

BROKEN = (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError)
"""What the schema's classes raise on a damaged file."""

Place = tuple[int, int]
"""Address and bytes of a vector in the file that is read."""


class TableCopier:
    """Copies one file, table by table, into a packer.

    Parameters
    ----------
    data : bytes
        A .tflite.

    Attributes
    ----------
    root : tflite.Model
        The file's root table.
    packer : Packer
        What has been copied.
    """

    def __init__(self, data: bytes) -> None:
        import tflite

        self.root = tflite.Model.GetRootAs(data, 0)
        self.packer = Packer()
        self.vectors: dict[Place, int] = {}
        self.read: dict[Place, bytes] = {}
        self.room = len(data)

    def file(self) -> bytes:
        """Return the copied file."""
        return self.packer.finish(self.table(self.root), b"TFL3")

    def drops(self, table: Any, name: str) -> bool:  # noqa: ARG002
        """Return whether the field `name` of `table` is left out."""
        return False

    def table(self, table: Any) -> int:
        """Return the block of a copy of any table of the schema."""
        return self.packer.table(self.fields(table))

    def fields(self, table: Any) -> Iterator[Field]:
        """Yield the fields of `table` that are kept and not at their default."""
        kind: Any = type(table)
        for member in schema_members(kind):
            if self.drops(table, member.name):
                continue
            if member.code:
                value = struct.pack(f"<{member.code}", self.scalar(table, member.name))
                if value != struct.pack(f"<{member.code}", member.default):
                    yield Field(member.slot, value)
            else:
                block = self.reference(table, member.name)
                if block is not None:
                    yield Field(member.slot, block=block)

    def scalar(self, table: Any, name: str) -> Any:
        """Return the value of a scalar field."""
        return getattr(table, name)()

    def reference(self, table: Any, name: str) -> int | None:
        """Return the block of what a field refers to, None where it refers to nothing."""
        kind = type(table)
        if hasattr(kind, f"{name}AsNumpy"):
            array = getattr(table, f"{name}AsNumpy")()
            return None if isinstance(array, int) else self.vector(array)
        if hasattr(kind, f"{name}Length"):
            if getattr(table, f"{name}IsNone")():
                return None
            items = [getattr(table, name)(i) for i in range(getattr(table, f"{name}Length")())]
            return self.packer.references([self.item(item) for item in items])
        item = getattr(table, name)()
        if item is None:
            return None
        if hasattr(kind, f"{name}Type"):
            code = getattr(table, f"{name}Type")()
            return self.table(union_member(name, code, item)) if code else None
        return self.item(item)

    def item(self, item: Any) -> int:
        """Return the block of a text or a table."""
        if not isinstance(item, bytes):
            return self.table(item)
        if len(item) > MAX_NAME_BYTES:
            raise InvalidModel(f"a name of {len(item):,} B; at most {MAX_NAME_BYTES:,} work")
        return self.packer.string(item)

    def vector(self, array: Any) -> int:
        """Return the block of a vector of numbers; bytes are aligned as constants are."""
        place = _place(array)
        if place not in self.vectors:
            align = DATA_ALIGNMENT if array.dtype == "uint8" else array.dtype.itemsize
            self.vectors[place] = self.packer.vector(self.content(array), len(array), align)
        return self.vectors[place]

    def content(self, array: Any) -> bytes:
        """Return the bytes of a vector, copied once for each place in the file."""
        place = _place(array)
        if place not in self.read:
            self.room -= array.nbytes
            if self.room < 0:
                raise InvalidModel("vectors overlap: they hold more than the file; convert again")
            self.read[place] = array.tobytes()
        return self.read[place]

    def stored(self, data: bytes) -> int:
        """Return the block of a buffer."""
        if not data:
            return self.packer.table(())
        vector = self.packer.vector(data, len(data), DATA_ALIGNMENT)
        return self.packer.table([Field(0, block=vector)])


def _place(array: Any) -> Place:
    return array.__array_interface__["data"][0], array.nbytes
