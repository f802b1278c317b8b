"""A .tflite without what no runtime reads: the same outputs from fewer bytes."""

from __future__ import annotations

import struct
from types import MappingProxyType
from typing import Any

from tinyml_course.core.errors import InvalidModel, UnsupportedModel
from tinyml_course.device.copier import BROKEN, TableCopier
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.pack import Field

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
    except (*BROKEN, RecursionError) as fault:
        raise InvalidModel(
            f"damaged .tflite file of {len(data):,} B ({type(fault).__name__}: {fault}); "
            "download or convert it again"
        ) from None


class _Slimmer(TableCopier):
    """Copies only what a runtime reads, and each content once."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.buffers: dict[bytes, int] = {b"": 0}
        self.codes: dict[int, int] = {}
        self.code_blocks: dict[int, int] = {}

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

    def drops(self, table: Any, name: str) -> bool:
        """Return whether no runtime reads the field `name` of `table`."""
        if name == "Quantization":
            quantization = table.Quantization()
            return quantization is None or _says_nothing(quantization)
        return name in DROPPED.get(type(table).__name__, ())

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

    def buffer(self, index: int) -> int:
        """Return the new number of a buffer; buffers of equal content share one."""
        array = self.root.Buffers(index).DataAsNumpy() if self.root.BuffersLength() else 0
        if isinstance(array, int):
            return 0
        return self.buffers.setdefault(self.content(array), len(self.buffers))

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


def _says_nothing(quantization: Any) -> bool:
    """Return whether only a calibration range, or nothing, is stored."""
    return bool(quantization.ScaleLength() == 0 and quantization.DetailsType() == 0)
