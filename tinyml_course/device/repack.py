"""An int8 .tflite whose chosen filters are stored in four bits, two codes a byte.

The converter stores the weights of a 4-bit training as int8 tensors. Here each chosen filter
becomes an INT4 tensor with the scales of its 4-bit grid, and the bias that is added to its
products is brought to the new unit. Everything else is copied as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.errors import InvalidModel, UnsupportedModel
from tinyml_course.core.graph import OpInfo, TensorGraph
from tinyml_course.device.copier import BROKEN, TableCopier
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.int4 import (
    INT4_VERSIONS,
    Int4Fit,
    fit_int4,
    pack_codes,
    read_constants,
    round_half_away,
)
from tinyml_course.device.pack import Field
from tinyml_course.device.schema import schema_members


class _Edit(NamedTuple):
    """What a tensor becomes; without scales its quantization stays as it is."""

    dtype: str
    data: bytes
    scales: NDArray[np.float32] | None


def pack_int4(
    tflite: bytes, ops: Iterable[int] | None = None, *, requantize: bool = False
) -> bytes:
    """Return the model with the filters of `ops` stored in four bits.

    A model trained on a 4-bit grid answers as it did in training, up to the rounding of its
    biases: the grid's own scales are more exact than the int8 codes that stood in for them.

    Parameters
    ----------
    tflite : bytes
        A full-integer .tflite.
    ops : iterable of int, optional
        Numbers of CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED operators; by default all
        whose filters lie on a 4-bit grid and whose kernels take int4.
    requantize : bool, default False
        Round filters that lie on no 4-bit grid; `fit_int4` tells the error.

    Returns
    -------
    bytes
        A .tflite with the same tensors and operators in the same order.

    Raises
    ------
    InvalidModel
        If the bytes are no valid .tflite.
    UnsupportedModel
        If a kernel cannot take its filter in four bits, or a filter lies on no 4-bit grid and
        `requantize` is not set.
    ValueError
        If an operator of `ops` has no int8 filter.

    References
    ----------
    .. [1] tensorflow/lite/schema/schema.fbs: INT4 tensors; LiteRT 8-bit quantization
       specification: the bias of a filter has the scale input_scale * filter_scale.
    """
    fits = {fit.op: fit for fit in fit_int4(tflite)}
    if ops is None:
        chosen = [fit for fit in fits.values() if fit.on_grid and not fit.reason]
    else:
        chosen = [_choose(fits, op, requantize) for op in ops]
    if not chosen:
        return bytes(tflite)
    try:
        return _Int4Copier(bytes(tflite), chosen).file()
    except (*BROKEN, RecursionError) as fault:
        raise InvalidModel(
            f"damaged .tflite file of {len(tflite):,} B ({type(fault).__name__}: {fault}); "
            "download or convert it again"
        ) from None


def _choose(fits: dict[int, Int4Fit], op: int, requantize: bool) -> Int4Fit:
    if op not in fits:
        raise ValueError(f"operator {op} has no int8 filter; those with one: {[*fits]}")
    fit = fits[op]
    if fit.reason:
        raise UnsupportedModel(f"op {op} {fit.name!r}: {fit.reason}")
    if not fit.on_grid and not requantize:
        raise UnsupportedModel(
            f"op {op} {fit.name!r} lies on no 4-bit grid (rounding would move a value by "
            f"{fit.error_steps:.2f} steps); train it at 4 bits, or pass requantize=True"
        )
    return fit


def _edits(tflite: bytes, fits: Sequence[Int4Fit]) -> dict[int, _Edit]:
    """Return the new type, data and scales of each filter and of each bias."""
    graph, blobs = read_model(tflite).subgraphs[0], read_constants(tflite)
    edits: dict[int, _Edit] = {}
    for fit in fits:
        edits[fit.tensor] = _Edit("INT4", pack_codes(fit.codes), fit.scales)
        for op in graph.ops:
            if fit.tensor in op.inputs and len(op.inputs) > 2 and op.inputs[2] >= 0:
                bias = _rescale_bias(graph, op, fit, blobs)
                known = edits.setdefault(op.inputs[2], bias)
                if known.data != bias.data:
                    raise UnsupportedModel(
                        f"op {fit.op} {fit.name!r} shares its bias with an operator of another "
                        "scale; give each its own"
                    )
    return edits


def _rescale_bias(graph: TensorGraph, op: OpInfo, fit: Int4Fit, blobs: list[bytes]) -> _Edit:
    """Return the bias in units of the input's scale times the filter's new ones.

    A bias is an accumulator's start: its unit is that of the products, whatever its own scale
    says.
    """
    x, filters, bias = (graph.tensors[index] for index in op.inputs[:3])
    units = np.float64(x.scales[0]) * fit.scales.astype(np.float64)
    codes = np.frombuffer(blobs[bias.buffer], "<i4")
    old = np.array(filters.scales, np.float64)
    new = round_half_away(codes * (old / fit.scales.astype(np.float64)))
    scales = units.astype(np.float32) if bias.scales else None
    return _Edit("INT32", new.astype("<i4").tobytes(), scales)


class _Int4Copier(TableCopier):
    """Copies a file with some of the first subgraph's tensors changed.

    Their data go to buffers of their own, after the file's; what nothing refers to any more is
    stored empty, so that all other buffers keep their numbers.
    """

    def __init__(self, data: bytes, fits: Sequence[Int4Fit]) -> None:
        super().__init__(data)
        self.edits = _edits(data, fits)
        self.added = [*dict.fromkeys(edit.data for edit in self.edits.values())]
        self.first_added = self.root.BuffersLength()
        self.used = set(_used_buffers(self.root, self.edits))
        self.versions = _versions(self.root, fits)

    def scalar(self, table: Any, name: str) -> Any:
        """Return the value of a scalar field; operators of int4 filters need newer versions."""
        value = super().scalar(table, name)
        if type(table).__name__ == "OperatorCode" and name == "Version":
            return max(value, self.versions.get(table._tab.Pos, value))
        return value

    def reference(self, table: Any, name: str) -> int | None:
        """Return the block of what a field refers to; changed tensors and buffers are new."""
        match type(table).__name__, name:
            case "SubGraph", "Tensors" if table._tab.Pos == self.root.Subgraphs(0)._tab.Pos:
                tensors = range(table.TensorsLength())
                return self.packer.references([self.tensor(table.Tensors(i), i) for i in tensors])
            case "Model", "Buffers":
                kept = [self.buffer(index) for index in range(self.first_added)]
                return self.packer.references([*kept, *map(self.stored, self.added)])
        return super().reference(table, name)

    def tensor(self, table: Any, index: int) -> int:
        """Return the block of a tensor of the first subgraph."""
        edit = self.edits.get(index)
        if edit is None:
            return self.table(table)
        import tflite

        slots = {member.name: member.slot for member in schema_members(tflite.Tensor)}
        buffer = self.first_added + self.added.index(edit.data)
        changed = [
            Field(slots["Type"], struct.pack("<b", getattr(tflite.TensorType, edit.dtype))),
            Field(slots["Buffer"], struct.pack("<I", buffer)),
        ]
        if edit.scales is not None:
            block = self.quantization(table.Quantization(), edit.scales)
            changed.append(Field(slots["Quantization"], block=block))
        replaced = {field.slot for field in changed}
        kept = [field for field in self.fields(table) if field.slot not in replaced]
        return self.packer.table([*kept, *changed])

    def quantization(self, table: Any, scales: NDArray[np.float32]) -> int:
        """Return the block of a tensor's quantization with new scales, without the old range."""
        import tflite

        slots = {m.name: m.slot for m in schema_members(tflite.QuantizationParameters)}
        dropped = {slots[name] for name in ("Min", "Max", "Scale")}
        kept = [field for field in self.fields(table) if field.slot not in dropped]
        block = self.packer.vector(scales.astype("<f4").tobytes(), len(scales), 4)
        return self.packer.table([*kept, Field(slots["Scale"], block=block)])

    def buffer(self, index: int) -> int:
        """Return the block of one of the file's buffers, empty where nothing refers to it."""
        return self.table(self.root.Buffers(index)) if index in self.used else self.stored(b"")


def _used_buffers(root: Any, edits: Mapping[int, _Edit]) -> Iterator[int]:
    """Yield the buffers that unchanged tensors and the metadata refer to."""
    for number in range(root.SubgraphsLength()):
        graph = root.Subgraphs(number)
        for index in range(graph.TensorsLength()):
            if number or index not in edits:
                yield graph.Tensors(index).Buffer()
    yield from (root.Metadata(i).Buffer() for i in range(root.MetadataLength()))
    yield from (root.MetadataBuffer(i) for i in range(root.MetadataBufferLength()))


def _versions(root: Any, fits: Sequence[Int4Fit]) -> dict[int, int]:
    """Return the least version of each operator code that a changed filter needs."""
    import tflite

    graph, tensors = root.Subgraphs(0), {fit.tensor for fit in fits}
    found = {}
    for number in range(graph.OperatorsLength()):
        op = graph.Operators(number)
        if op.InputsLength() > 1 and op.Inputs(1) in tensors:
            code = root.OperatorCodes(op.OpcodeIndex())
            kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            for name, version in INT4_VERSIONS.items():
                if getattr(tflite.BuiltinOperator, name) == kind:
                    found[code._tab.Pos] = version
    return found
