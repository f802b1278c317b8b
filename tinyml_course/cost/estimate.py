"""What a graph costs on any board: parameters, multiply-accumulates, bytes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from tinyml_course.core.graph import OpInfo, TensorGraph, TensorInfo
from tinyml_course.core.types import CostReport
from tinyml_course.cost.liveness import (
    called_subgraphs,
    mark_lifetimes,
    sum_live_bytes,
    tensor_bytes,
)

REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "ARG_MAX", "ARG_MIN")
POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D")


def estimate_cost(graph: TensorGraph) -> CostReport:
    """Return parameters, multiply-accumulates, weight bytes and the peak of the activations.

    Parameters
    ----------
    graph : TensorGraph
        One subgraph of a file, or a graph built from a specification.

    Returns
    -------
    CostReport
        Constants that share a buffer count once; integer constants without a scale (axes,
        shapes) are no parameters, though they take bytes.

    Examples
    --------
    >>> from tinyml_course.cost.layers import dense_graph
    >>> cost = estimate_cost(dense_graph(1000, 100, dtype="INT8"))
    >>> cost.parameters, cost.macs, cost.weight_bytes, cost.activation_bytes
    (100100, 100000, 100400, 1100)
    """
    constants = _distinct_constants(graph)
    return CostReport(
        parameters=sum(info.elements for info in constants if _is_trained(info)),
        macs=sum(op_macs(graph, op) for op in graph.ops),
        weight_bytes=sum(info.constant_bytes for info in constants),
        activation_bytes=max(live_bytes(graph)),
    )


def live_bytes(graph: TensorGraph) -> list[int]:
    """Return the activation bytes alive before the first operator and during each one.

    Examples
    --------
    >>> from tinyml_course.cost.layers import dense_graph
    >>> live_bytes(dense_graph(8, 2, dtype="INT8"))
    [8, 10]
    """
    lives = mark_lifetimes([_without_calls(graph)]).tensors[0]
    pairs = [
        (tensor_bytes(info), life)
        for info, life in zip(graph.tensors, lives, strict=True)
        if not info.is_constant and not info.is_variable
    ]
    return sum_live_bytes([size for size, _ in pairs], [life for _, life in pairs], len(graph.ops))


def op_macs(graph: TensorGraph, op: OpInfo) -> int:
    """Return the multiply-accumulates of one operator; 0 where it has none.

    Examples
    --------
    >>> from tinyml_course.cost.layers import conv_graph
    >>> graph = conv_graph(32, 3, 16)
    >>> op_macs(graph, graph.ops[0])
    442368
    """
    count = _MACS.get(op.name)
    return count(graph, op) if count else 0


def op_elements(graph: TensorGraph, op: OpInfo) -> int:
    """Return the elements that one operator touches in its innermost loop.

    Pooling: one per window element; reductions: one per input element; others: one per output
    element.

    Examples
    --------
    >>> from tinyml_course.cost.layers import conv_graph
    >>> graph = conv_graph(32, 3, 16)
    >>> op_elements(graph, graph.ops[0])
    16384
    """
    if op.name in REDUCTIONS:
        return _shape_elements(graph, op.inputs[0])
    outputs = sum(graph.tensors[index].elements for index in op.outputs)
    if op.name in POOLS:
        window: int = op.options.get("filter_height", 1) * op.options.get("filter_width", 1)
        return outputs * window
    return outputs


def _without_calls(graph: TensorGraph) -> TensorGraph:
    """Return `graph` with control flow as plain operators: its callees are other graphs."""
    ops = tuple(
        replace(op, name=f"{op.name} (call)") if called_subgraphs(op) else op for op in graph.ops
    )
    return replace(graph, ops=ops)


def _distinct_constants(graph: TensorGraph) -> list[TensorInfo]:
    found: dict[int, TensorInfo] = {}
    for index, info in enumerate(graph.tensors):
        if info.is_constant:
            found.setdefault(info.buffer or -1 - index, info)
    return list(found.values())


def _is_trained(info: TensorInfo) -> bool:
    return info.dtype.startswith("FLOAT") or bool(info.scales)


def _shape_elements(graph: TensorGraph, index: int) -> int:
    return graph.tensors[index].elements


def _conv(graph: TensorGraph, op: OpInfo) -> int:
    filters = graph.tensors[op.inputs[1]].shape
    return _shape_elements(graph, op.outputs[0]) * math.prod(filters[1:])


def _depthwise(graph: TensorGraph, op: OpInfo) -> int:
    filters = graph.tensors[op.inputs[1]].shape
    return _shape_elements(graph, op.outputs[0]) * math.prod(filters[1:3])


def _fully_connected(graph: TensorGraph, op: OpInfo) -> int:
    return _shape_elements(graph, op.outputs[0]) * graph.tensors[op.inputs[1]].shape[-1]


def _transpose_conv(graph: TensorGraph, op: OpInfo) -> int:
    """Count O*H*W per input; the inputs are the output's shape, filters (O, H, W, I), image."""
    filters = graph.tensors[op.inputs[1]].shape
    return _shape_elements(graph, op.inputs[2]) * math.prod(filters[:3])


def _batch_matmul(graph: TensorGraph, op: OpInfo) -> int:
    x = graph.tensors[op.inputs[0]].shape
    inner = x[-2] if op.options.get("adj_x") else x[-1]
    return _shape_elements(graph, op.outputs[0]) * inner


def _svdf(graph: TensorGraph, op: OpInfo) -> int:
    batch = graph.tensors[op.inputs[0]].shape[0]
    feature, time = (graph.tensors[index] for index in op.inputs[1:3])
    return batch * (feature.elements + time.elements)


def _lstm(graph: TensorGraph, op: OpInfo) -> int:
    """Count each weight once a time step: inputs 1-8 are the gates', 16 the projection's."""
    x = graph.tensors[op.inputs[0]].shape
    steps = math.prod(x[:2]) if len(x) == 3 else x[0]
    weights = [index for index in (*op.inputs[1:9], *op.inputs[16:17]) if index >= 0]
    return steps * sum(graph.tensors[index].elements for index in weights)


_MACS: MappingProxyType[str, Callable[[TensorGraph, OpInfo], int]] = MappingProxyType(
    {
        "CONV_2D": _conv,
        "DEPTHWISE_CONV_2D": _depthwise,
        "FULLY_CONNECTED": _fully_connected,
        "TRANSPOSE_CONV": _transpose_conv,
        "BATCH_MATMUL": _batch_matmul,
        "SVDF": _svdf,
        "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
    }
)
