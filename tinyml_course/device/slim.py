"""A .tflite without what no runtime reads: the same outputs from fewer bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from tinyml_course.core.errors import InvalidModel, UnsupportedModel
from tinyml_course.device.flatbuffer import MAX_NAME_BYTES, read_model
from tinyml_course.device.pack import Field, Packer
from tinyml_course.device.schema import schema_members, union_member

DATA_ALIGNMENT = 16
"""schema.fbs: `Buffer.data` has force_align 16."""

DROPPED = MappingProxyType(
    {
        "SubGraph": ("Name", "DebugMetadataIndex"),
        "Tensor": ("Name", "ShapeSignature"),
        "QuantizationParameters": ("Min", "Max"),
        "Operator": ("DebugMetadataIndex",),
    }
)
"""Fields that neither TFLM nor LiteRT reads when it runs a model.

Of the root, description, signatures and the deprecated metadata buffers go as well. Without
signatures LiteRT has no signature runner; without shape signatures its strict resizing refuses
every new input shape.
"""

KEPT_METADATA = (b"OfflineMemoryAllocation", b"reduced_precision_support")
"""Metadata that a runtime acts on: TFLM's planner, LiteRT's delegates."""

COMPRESSION = b"COMPRESSION_METADATA"

Place = tuple[int, int]
"""Address and bytes of a vector in the file that is read."""

_BROKEN = (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError)


def slim(data: bytes) -> bytes:
    """Return the same model in fewer bytes; every output stays equal, bit for bit.

    Names, signatures, descriptions, calibration ranges, unused buffers and metadata go. Equal
    tables, vectors and constants are stored once. Tensors and operators keep their order, so the
    arena's plan stays as it was. Slimming twice changes nothing more.

    Parameters
    ----------
    data : bytes
        A .tflite.

    Returns
    -------
    bytes
        A .tflite; constants are aligned to 16 bytes, as the schema demands.

    Raises
    ------
    InvalidModel
        If the bytes are no valid .tflite.
    UnsupportedModel
        If the model's constants are compressed or lie outside the flatbuffer.

    References
    ----------
    .. [1] tensorflow/lite/schema/schema.fbs.
    .. [2] tensorflow/lite/micro/micro_allocator.cc; tensorflow/lite/core/interpreter_builder.cc.
    """
    read_model(data)
    try:
        return _Slimmer(bytes(data)).file()
    except (InvalidModel, UnsupportedModel):
        raise
    except (*_BROKEN, RecursionError) as fault:
        raise InvalidModel(
            f"damaged .tflite file of {len(data):,} B ({type(fault).__name__}: {fault}); "
            "download or convert it again"
        ) from None


class _Slimmer:
    """Copies one file, table by table, into a packer."""

    def __init__(self, data: bytes) -> None:
        import tflite

        self.root = tflite.Model.GetRootAs(data, 0)
        self.packer = Packer()
        self.buffers: dict[bytes, int] = {b"": 0}
        self.codes: dict[int, int] = {}
        self.code_blocks: dict[int, int] = {}
        self.vectors: dict[Place, int] = {}
        self.read: dict[Place, bytes] = {}
        self.room = len(data)

    def file(self) -> bytes:
        """Return the slimmed file; what the subgraphs use decides what else is stored."""
        root, pack = self.root, self.packer
        subgraphs = pack.references(
            [self.table(root.Subgraphs(i)) for i in range(root.SubgraphsLength())]
        )
        metadata = self.metadata()
        fields = [
            Field(0, struct.pack("<I", root.Version())),
            Field(1, block=pack.references(list(self.codes))),
            Field(2, block=subgraphs),
            Field(4, block=pack.references([self.stored(data) for data in self.buffers])),
        ]
        if metadata:
            fields.append(Field(6, block=pack.references(metadata)))
        return pack.finish(pack.table(fields), b"TFL3")

    def table(self, table: Any) -> int:
        """Return the block of a copy of any table of the schema."""
        return self.packer.table(self.fields(table))

    def fields(self, table: Any) -> Iterator[Field]:
        """Yield the fields of `table` that a runtime reads and that are not at their default."""
        kind: Any = type(table)
        for member in schema_members(kind):
            if member.name in DROPPED.get(kind.__name__, ()):
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
        """Return the value of a scalar field, with new numbers for buffers and codes."""
        value = getattr(table, name)()
        match type(table).__name__, name:
            case "Tensor", "Buffer":
                return self.buffer(value)
            case "Tensor", "HasRank":
                return value and not table.ShapeLength()
            case "Operator", "OpcodeIndex":
                return self.code(value)
            case "Operator", "LargeCustomOptionsOffset" if value > 1:
                raise UnsupportedModel(
                    "custom options lie outside the flatbuffer; export a file below 2 GB"
                )
        return value

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
        if item is None or (name == "Quantization" and _says_nothing(item)):
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

    def buffer(self, index: int) -> int:
        """Return the new number of a buffer; buffers of equal content share one."""
        array = self.root.Buffers(index).DataAsNumpy() if self.root.BuffersLength() else 0
        if isinstance(array, int):
            return 0
        return self.buffers.setdefault(self.content(array), len(self.buffers))

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

    def code(self, index: int) -> int:
        """Return the new number of an operator code; unused and repeated ones vanish."""
        if index not in self.code_blocks:
            self.code_blocks[index] = self.table(self.root.OperatorCodes(index))
        return self.codes.setdefault(self.code_blocks[index], len(self.codes))

    def metadata(self) -> list[int]:
        """Return the blocks of the metadata that change what a runtime does."""
        found = []
        for i in range(self.root.MetadataLength()):
            entry = self.root.Metadata(i)
            name = entry.Name() or b""
            if name == COMPRESSION:
                raise UnsupportedModel(
                    "the constants are already compressed (COMPRESSION_METADATA); slim the model "
                    "first, then compress it"
                )
            if name in KEPT_METADATA:
                index = struct.pack("<I", self.buffer(entry.Buffer()))
                fields = [Field(0, block=self.packer.string(name)), Field(1, index)]
                found.append(self.packer.table(fields))
        return found


def _place(array: Any) -> Place:
    return array.__array_interface__["data"][0], array.nbytes


def _says_nothing(quantization: Any) -> bool:
    """Return whether only a calibration range, or nothing, is stored."""
    return bool(quantization.ScaleLength() == 0 and quantization.DetailsType() == 0)
