"""What each kernel's Prepare asks the allocator for, in the order in which it asks.

Each function mirrors one Prepare of tensorflow/lite/micro/kernels/ and names its file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MappingProxyType

from tinyml_course.core.graph import TYPE_BITS, TensorInfo
from tinyml_course.cost.liveness import tensor_bytes
from tinyml_course.device.esp_nn import (
    conv_scratch,
    depthwise_scratch,
    softmax_scratch,
    window_of,
)
from tinyml_course.device.request import (
    ABSENT,
    Node,
    Request,
    per_channel,
    scratch,
    temps,
    unpacked,
)

SUMMED = ("INT8", "INT16")
"""Types whose mean or sum is accumulated in scratch memory."""


def prepare(node: Node) -> Iterator[Request]:
    """Yield what the operator's Prepare asks for."""
    return PREPARES.get(node.op.name, _prepare_plain)(node)


def _prepare_plain(node: Node) -> Iterator[Request]:
    """Ask for views of all inputs and outputs once, as most element-wise kernels do."""
    tensors = node.graph.tensors
    present = (i for i in (*node.op.inputs, *node.op.outputs) if i != ABSENT)
    yield from temps(*(tensors[i] for i in present))


def _prepare_conv(node: Node) -> Iterator[Request]:
    """kernels/conv_common.cc, ConvPrepare; kernels/esp_nn/conv.cc, Prepare."""
    x, filters, bias, y = node.input(0), node.input(1), node.input(2), node.output()
    yield from temps(y, x, filters)
    yield from per_channel(filters.shape[0] if filters else 0)
    yield from temps(x, filters, bias, y)
    yield from unpacked(filters)
    if node.has_type("INT8"):
        yield from scratch(conv_scratch(window_of(node.graph, node.op), node.tier), "ESP-NN")


def _prepare_depthwise(node: Node) -> Iterator[Request]:
    """kernels/depthwise_conv_common.cc; kernels/esp_nn/depthwise_conv.cc, Prepare."""
    x, filters, bias, y = node.input(0), node.input(1), node.input(2), node.output()
    yield from temps(y, x, filters)
    yield from per_channel(filters.shape[3] if filters else 0)
    yield from unpacked(filters)
    yield from temps(x, filters, bias, y)
    if node.has_type("INT8"):
        window = window_of(node.graph, node.op)
        yield from scratch(depthwise_scratch(window, node.tier), "ESP-NN")


def _prepare_transpose_conv(node: Node) -> Iterator[Request]:
    """kernels/transpose_conv.cc, Prepare; its inputs are shape, filter, input, bias."""
    filters, x, bias, y = node.input(1), node.input(2), node.input(3), node.output()
    dtype = x.dtype if x else ""
    yield from temps(y, x, filters)
    yield from per_channel(filters.shape[0] if filters else 0)
    if dtype in ("INT8", "INT16"):
        size = 4 if dtype == "INT8" else 8
        yield from scratch(size * y.elements, "accumulators")
    if dtype != "FLOAT32":
        yield from temps(x, filters, bias, y)
    if dtype == "INT16" and bias is not None and bias.dtype == "INT16":
        yield from scratch(8 * bias.elements, "bias as int64")


def _prepare_fully_connected(node: Node) -> Iterator[Request]:
    """kernels/fully_connected.cc; fully_connected_common.cc, CalculateOpDataFullyConnected."""
    filters = node.input(1)
    yield from temps(node.input(0), filters, node.input(2), node.output())
    yield from unpacked(filters)
    quantized = filters is not None and filters.zero_points and not node.has_type("FLOAT32")
    if filters is not None and quantized and len(filters.scales) > 1:
        yield from per_channel(len(filters.scales))


def _prepare_softmax(node: Node) -> Iterator[Request]:
    """kernels/softmax_common.cc, SoftmaxPrepare; kernels/esp_nn/softmax.cc, Prepare."""
    yield from temps(node.input(0), node.output())
    if node.has_type("INT16"):
        yield Request("tail", 2 * 513, "exp table")
        yield Request("tail", 2 * 513, "reciprocal table")
    if node.tier != "tflm-reference" and node.has_type("INT8") and node.output().dtype == "INT8":
        x = node.input(0)
        yield from scratch(softmax_scratch(x.shape if x else ()), "ESP-NN")


def _prepare_nothing(_: Node) -> Iterator[Request]:
    """kernels/maximum_minimum.cc, pack.cc and others register no Prepare."""
    return iter(())


def _prepare_ends(node: Node) -> Iterator[Request]:
    """kernels/batch_to_space_nd.cc, space_to_batch_nd.cc: the other inputs wait for Eval."""
    yield from temps(node.input(0), node.output())


def _prepare_split(node: Node) -> Iterator[Request]:
    """kernels/split.cc, split_v.cc: only the axis is looked at."""
    yield from temps(node.input(0 if node.op.name == "SPLIT" else 2))


def _prepare_tanh(node: Node) -> Iterator[Request]:
    """kernels/tanh.cc, TanhPrepare: CalculateArithmeticOpData looks at the input again."""
    yield from temps(node.input(0), node.input(0), node.output())


def _prepare_concatenation(node: Node) -> Iterator[Request]:
    """kernels/concatenation.cc, Prepare."""
    inputs = [node.input(i) for i in range(len(node.op.inputs))]
    yield from temps(inputs[0] if inputs else None, node.output(), *inputs)


def _prepare_mean(node: Node) -> Iterator[Request]:
    """kernels/reduce_common.cc, PrepareMeanOrSumHelper."""
    x = node.input(0)
    yield from _reduce_views(node)
    if x is not None and x.dtype in SUMMED:
        yield Request("scratch", 4 * node.output().elements, "sums")
    yield from _reduce_indices(x, node.input(1))


def _prepare_reduce(node: Node) -> Iterator[Request]:
    """kernels/reduce_common.cc, PrepareMinMaxHelper."""
    yield from _reduce_views(node)
    yield from _reduce_indices(node.input(0), node.input(1))


def _reduce_views(node: Node) -> Iterator[Request]:
    """PrepareSimple looks at the tensors again; at the output where the input is int8."""
    x, axis, y = node.input(0), node.input(1), node.output()
    yield from temps(x, y, axis, x, axis, y if node.has_type("INT8") else None)


def _reduce_indices(x: TensorInfo | None, axis: TensorInfo | None) -> Iterator[Request]:
    yield Request("scratch", 4 * len(x.shape) if x else 0, "index")
    yield Request("scratch", 4 * axis.elements if axis else 0, "resolved axes")


def _prepare_svdf(node: Node) -> Iterator[Request]:
    """kernels/svdf_common.cc, PrepareSvdf."""
    x, feature = node.input(0), node.input(1)
    yield from temps(*(node.input(i) for i in range(5)), node.output())
    if x is None or feature is None:
        return
    yield Request("scratch", 4 * x.shape[0] * feature.shape[0], "filter outputs")
    if x.dtype == "INT8":
        yield Request("scratch", 4 * node.output().elements, "unit outputs")


def _prepare_lstm(node: Node) -> Iterator[Request]:
    """kernels/lstm_eval_common.cc, UnidirectionalSequenceLstmPrepare; cell state is input 19."""
    yield from temps(*(node.input(i) for i in range(24)), node.output())
    cell = node.input(19)
    if cell is None:
        return
    for number in range(4):
        yield Request("scratch", cell.elements * TYPE_BITS[cell.dtype] // 8, f"gate {number}")


def _copied_dims(y: TensorInfo) -> Request:
    """Return the request for a writable copy of the dimensions; kernel_util.cc."""
    return Request("tail", 4 + 4 * len(y.shape), "writable dimensions")


def _prepare_copying_dims(node: Node) -> Iterator[Request]:
    """kernels/gather.cc, gather_nd.cc, depth_to_space.cc, space_to_depth.cc, l2_pool_2d.cc."""
    yield from _prepare_plain(node)
    yield _copied_dims(node.output())


def _prepare_batch_matmul(node: Node) -> Iterator[Request]:
    """kernels/batch_matmul.cc: operands that are not laid out as needed get a transposed copy."""
    yield from _prepare_plain(node)
    if node.has_type("INT8") or node.has_type("INT16"):
        yield Request("tail", 28, "QuantizationOpDataBatchMatmul")
    options = node.op.options
    for position, transposes in ((0, options.get("adj_x")), (1, not options.get("adj_y"))):
        info = node.input(position)
        if transposes and info is not None:
            yield Request("tail", 12, "TfLiteEvalTensor, transposed")
            yield _copied_dims(info)
            yield Request("tail", tensor_bytes(info), "transposed operand")
    yield _copied_dims(node.output())


def _prepare_mirror_pad(node: Node) -> Iterator[Request]:
    """kernels/mirror_pad.cc, Prepare."""
    yield from _prepare_plain(node)
    yield Request("scratch", 4 * len(node.output().shape), "output strides")
    yield Request("scratch", 4 * len(node.output().shape), "input strides")


def _prepare_add_n(node: Node) -> Iterator[Request]:
    """kernels/add_n.cc, CalculateOpData."""
    yield from _prepare_plain(node)
    if node.has_type("INT8"):
        yield Request("tail", 40, "OpData (add_n.cc)")
    yield Request("scratch", 4 * len(node.op.inputs), "input pointers")


def _prepare_cumsum(node: Node) -> Iterator[Request]:
    """kernels/cumsum.cc, CalculateOpData."""
    yield from _prepare_plain(node)
    if node.has_type("INT8"):
        yield Request("tail", 36, "OpData (cumsum.cc)")


def _prepare_log_softmax(node: Node) -> Iterator[Request]:
    """kernels/log_softmax.cc, CalculateOpData."""
    yield from _prepare_plain(node)
    if node.has_type("INT8"):
        yield Request("tail", 28, "LogSoftmaxOpData")


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
        "REDUCE_ALL": _prepare_reduce,
        "SVDF": _prepare_svdf,
        "UNIDIRECTIONAL_SEQUENCE_LSTM": _prepare_lstm,
        "GATHER": _prepare_copying_dims,
        "GATHER_ND": _prepare_copying_dims,
        "DEPTH_TO_SPACE": _prepare_copying_dims,
        "SPACE_TO_DEPTH": _prepare_copying_dims,
        "L2_POOL_2D": _prepare_copying_dims,
        "EMBEDDING_LOOKUP": _prepare_copying_dims,
        "BATCH_MATMUL": _prepare_batch_matmul,
        "MIRROR_PAD": _prepare_mirror_pad,
        "ADD_N": _prepare_add_n,
        "CUMSUM": _prepare_cumsum,
        "LOG_SOFTMAX": _prepare_log_softmax,
        "TANH": _prepare_tanh,
        "SPLIT": _prepare_split,
        "SPLIT_V": _prepare_split,
        "BATCH_TO_SPACE_ND": _prepare_ends,
        "SPACE_TO_BATCH_ND": _prepare_ends,
        **dict.fromkeys(
            (
                "ARG_MAX", "ARG_MIN", "FLOOR", "LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR",
                "MAXIMUM", "MINIMUM", "NEG", "PACK", "UNPACK",
            ),
            _prepare_nothing,
        ),
    }
)  # fmt: skip
"""Kernels that ask for more, or less, than one view of each of their tensors."""
