"""What each kernel's Prepare asks the allocator for, in the order in which it asks.

Each function mirrors one Prepare of tensorflow/lite/micro/kernels/ and names its file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

from tinyml_course.core.graph import TYPE_BITS, OpInfo, TensorGraph, TensorInfo
from tinyml_course.core.types import KernelTier
from tinyml_course.device.esp_nn import (
    conv_scratch,
    depthwise_scratch,
    softmax_scratch,
    window_of,
)

ABSENT = -1
QUANTIZED = ("INT8", "INT16", "UINT8")


class Request(NamedTuple):
    """One request of a Prepare.

    Attributes
    ----------
    kind : {'temp', 'tail', 'scratch'}
        Tensor views that die with the Prepare, persistent bytes, or scratch for Invoke.
    size_bytes : int
        Bytes asked for.
    what : str
        Its purpose.
    """

    kind: Literal["temp", "tail", "scratch"]
    size_bytes: int
    what: str


@dataclass(frozen=True, slots=True)
class Node:
    """An operator with its graph and the kernels it runs on."""

    graph: TensorGraph
    op: OpInfo
    tier: KernelTier

    def input(self, position: int) -> TensorInfo | None:
        """Return the input at `position`, None where it is absent."""
        if position >= len(self.op.inputs) or self.op.inputs[position] == ABSENT:
            return None
        return self.graph.tensors[self.op.inputs[position]]

    def output(self, position: int = 0) -> TensorInfo:
        """Return the output at `position`."""
        return self.graph.tensors[self.op.outputs[position]]

    def has_type(self, dtype: str) -> bool:
        """Return whether the first input has the type `dtype`."""
        first = self.input(0)
        return first is not None and first.dtype == dtype


def tensor_view_bytes(info: TensorInfo) -> int:
    """Return the bytes of a TfLiteTensor with its quantization: 40, and 16 + 4 x scales.

    References
    ----------
    .. [1] tensorflow/lite/micro/micro_allocator.cc, InitializeTfLiteTensorFromFlatbuffer.
    """
    return 40 + (16 + 4 * len(info.scales) if info.scales and info.zero_points else 0)


def prepare(node: Node) -> Iterator[Request]:
    """Yield what the operator's Prepare asks for."""
    return PREPARES.get(node.op.name, _prepare_plain)(node)


def _temps(*tensors: TensorInfo | None) -> Iterator[Request]:
    total = sum(tensor_view_bytes(info) for info in tensors if info is not None)
    yield Request("temp", total, "tensor views")


def _per_channel(channels: int) -> Iterator[Request]:
    yield Request("tail", 4 * channels, "per-channel multipliers")
    yield Request("tail", 4 * channels, "per-channel shifts")


def _unpacked(filters: TensorInfo | None) -> Iterator[Request]:
    if filters is not None and filters.dtype == "INT4":
        yield Request("scratch", filters.elements, "filter unpacked from int4")


def _scratch(size_bytes: int, what: str) -> Iterator[Request]:
    if size_bytes > 0:
        yield Request("scratch", size_bytes, what)


def _prepare_plain(node: Node) -> Iterator[Request]:
    """Ask for views of all inputs and outputs once, as most element-wise kernels do."""
    tensors = node.graph.tensors
    present = (i for i in (*node.op.inputs, *node.op.outputs) if i != ABSENT)
    yield from _temps(*(tensors[i] for i in present))


def _prepare_conv(node: Node) -> Iterator[Request]:
    """kernels/conv_common.cc, ConvPrepare; kernels/esp_nn/conv.cc, Prepare."""
    x, filters, bias, y = node.input(0), node.input(1), node.input(2), node.output()
    yield from _temps(y, x, filters)
    yield from _per_channel(filters.shape[0] if filters else 0)
    yield from _temps(x, filters, bias, y)
    yield from _unpacked(filters)
    if node.has_type("INT8"):
        yield from _scratch(conv_scratch(window_of(node.graph, node.op), node.tier), "ESP-NN")


def _prepare_depthwise(node: Node) -> Iterator[Request]:
    """kernels/depthwise_conv_common.cc; kernels/esp_nn/depthwise_conv.cc, Prepare."""
    x, filters, bias, y = node.input(0), node.input(1), node.input(2), node.output()
    yield from _temps(y, x, filters)
    yield from _per_channel(filters.shape[3] if filters else 0)
    yield from _unpacked(filters)
    yield from _temps(x, filters, bias, y)
    if node.has_type("INT8"):
        window = window_of(node.graph, node.op)
        yield from _scratch(depthwise_scratch(window, node.tier), "ESP-NN")


def _prepare_transpose_conv(node: Node) -> Iterator[Request]:
    """kernels/transpose_conv.cc, Prepare; its inputs are shape, filter, input, bias."""
    filters, x, bias, y = node.input(1), node.input(2), node.input(3), node.output()
    dtype = x.dtype if x else ""
    yield from _temps(y, x, filters)
    yield from _per_channel(filters.shape[0] if filters else 0)
    if dtype in ("INT8", "INT16"):
        size = 4 if dtype == "INT8" else 8
        yield from _scratch(size * y.elements, "accumulators")
    if dtype != "FLOAT32":
        yield from _temps(x, filters, bias, y)
    if dtype == "INT16" and bias is not None and bias.dtype == "INT16":
        yield from _scratch(8 * bias.elements, "bias as int64")


def _prepare_fully_connected(node: Node) -> Iterator[Request]:
    """kernels/fully_connected.cc; fully_connected_common.cc, CalculateOpDataFullyConnected."""
    filters = node.input(1)
    yield from _temps(node.input(0), filters, node.input(2), node.output())
    yield from _unpacked(filters)
    quantized = filters is not None and filters.zero_points and not node.has_type("FLOAT32")
    if filters is not None and quantized and len(filters.scales) > 1:
        yield from _per_channel(len(filters.scales))


def _prepare_softmax(node: Node) -> Iterator[Request]:
    """kernels/softmax_common.cc, SoftmaxPrepare; kernels/esp_nn/softmax.cc, Prepare."""
    yield from _temps(node.input(0), node.output())
    if node.has_type("INT16"):
        yield Request("tail", 2 * 513, "exp table")
        yield Request("tail", 2 * 513, "reciprocal table")
    if node.tier != "tflm-reference" and node.has_type("INT8") and node.output().dtype == "INT8":
        x = node.input(0)
        yield from _scratch(softmax_scratch(x.shape if x else ()), "ESP-NN")


def _prepare_concatenation(node: Node) -> Iterator[Request]:
    """kernels/concatenation.cc, Prepare."""
    inputs = [node.input(i) for i in range(len(node.op.inputs))]
    yield from _temps(inputs[0] if inputs else None, node.output(), *inputs, node.output())
    if node.output().dtype == "INT8":
        yield from _temps(*inputs)


def _prepare_mean(node: Node) -> Iterator[Request]:
    """kernels/reduce_common.cc, PrepareMeanOrSumHelper."""
    x, axis, y = node.input(0), node.input(1), node.output()
    yield from _temps(x, y, axis)
    if x is not None and x.dtype in QUANTIZED:
        yield Request("scratch", 4 * y.elements, "sums")
    yield from _reduce_indices(x, axis)


def _prepare_reduce(node: Node) -> Iterator[Request]:
    """kernels/reduce_common.cc, PrepareMinMaxHelper."""
    x, axis = node.input(0), node.input(1)
    yield from _temps(x, node.output(), axis)
    yield from _reduce_indices(x, axis)


def _reduce_indices(x: TensorInfo | None, axis: TensorInfo | None) -> Iterator[Request]:
    yield Request("scratch", 4 * len(x.shape) if x else 0, "index")
    yield Request("scratch", 4 * axis.elements if axis else 0, "resolved axes")


def _prepare_svdf(node: Node) -> Iterator[Request]:
    """kernels/svdf_common.cc, PrepareSvdf."""
    x, feature = node.input(0), node.input(1)
    yield from _temps(*(node.input(i) for i in range(5)), node.output())
    if x is None or feature is None:
        return
    yield Request("scratch", 4 * x.shape[0] * feature.shape[0], "filter outputs")
    if x.dtype == "INT8":
        yield Request("scratch", 4 * node.output().elements, "unit outputs")


def _prepare_lstm(node: Node) -> Iterator[Request]:
    """kernels/lstm_eval_common.cc, UnidirectionalSequenceLstmPrepare; cell state is input 19."""
    yield from _temps(*(node.input(i) for i in range(24)), node.output())
    cell = node.input(19)
    if cell is None:
        return
    for number in range(4):
        yield Request("scratch", cell.elements * TYPE_BITS[cell.dtype] // 8, f"gate {number}")


PREPARES: MappingProxyType[str, Callable[[Node], Iterator[Request]]] = MappingProxyType(
    {
        "CONV_2D": _prepare_conv,
        "DEPTHWISE_CONV_2D": _prepare_depthwise,
        "TRANSPOSE_CONV": _prepare_transpose_conv,
        "FULLY_CONNECTED": _prepare_fully_connected,
        "SOFTMAX": _prepare_softmax,
        "CONCATENATION": _prepare_concatenation,
        "MEAN": _prepare_mean,
        "SUM": _prepare_mean,
        "REDUCE_MAX": _prepare_reduce,
        "REDUCE_MIN": _prepare_reduce,
        "SVDF": _prepare_svdf,
        "UNIDIRECTIONAL_SEQUENCE_LSTM": _prepare_lstm,
    }
)
"""Kernels that ask for more than views of their tensors."""
