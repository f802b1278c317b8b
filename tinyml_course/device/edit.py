"""The same network a little smaller: fewer filters, or an earlier pooling; shapes only.

A remedy for memory is believed only once the smaller graph has been planned.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import replace

import numpy as np

from tinyml_course.core.graph import TYPE_BITS, OpInfo, TensorGraph, TensorInfo

SAME = 0
SHAPED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")
UNARY = (
    "RELU", "RELU6", "LEAKY_RELU", "PRELU", "ELU", "HARD_SWISH", "LOGISTIC", "TANH", "SOFTMAX",
    "QUANTIZE", "DEQUANTIZE", "ABS", "RSQRT", "LOG_SOFTMAX",
)  # fmt: skip
BINARY = ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE")
KEEPS_CHANNELS = (*POOLS, *UNARY, *BINARY, *REDUCTIONS, "DEPTHWISE_CONV_2D", "PAD", "RESHAPE")


_NO_RULE = (ValueError, IndexError, KeyError, ZeroDivisionError)
"""What inference raises on an operator whose shapes follow no rule that it knows."""


class _Mismatch(Exception):
    """Two operands that no longer fit; `tensor` is the one that kept its size."""

    def __init__(self, tensor: int) -> None:
        self.tensor = tensor
        super().__init__(tensor)


def halve_filters(graph: TensorGraph, op: int) -> TensorGraph | None:
    """Return `graph` with half the output channels of operator `op`; None where it cannot be.

    Where a residual connection ties it to other operators, theirs are halved too; everything
    that follows adapts.

    Parameters
    ----------
    graph : TensorGraph
        One subgraph.
    op : int
        A CONV_2D, DEPTHWISE_CONV_2D (its producer is halved) or FULLY_CONNECTED.
    """
    chosen = find_filters(graph, op)
    halved: set[int] = set()
    while chosen is not None and chosen not in halved:
        halved.add(chosen)
        try:
            return _rebuilt(graph, halved=halved)
        except _Mismatch as fault:
            producer = _producer(graph, fault.tensor)
            chosen = None if producer is None else find_filters(graph, producer)
        except _NO_RULE:
            return None
    return None


def halve_width(graph: TensorGraph) -> TensorGraph | None:
    """Return `graph` with half the filters of every layer but the last; None where impossible."""
    fixed = {find_filters(graph, i) for i, op in enumerate(graph.ops) if _is_final(graph, op)}
    wide = {i for i, op in enumerate(graph.ops) if op.name in ("CONV_2D", "FULLY_CONNECTED")}
    return _attempt(graph, halved=wide - fixed)


def pool_before(graph: TensorGraph, op: int) -> TensorGraph | None:
    """Return `graph` with a 2x2 max pooling before operator `op`; None where it cannot be."""
    return _attempt(graph, pooled={op})


def halve_input(graph: TensorGraph) -> TensorGraph | None:
    """Return `graph` for images of half the height and width; None where it takes no images."""
    if len(graph.inputs) != 1:
        return None
    index = graph.inputs[0]
    shape = graph.tensors[index].shape
    if len(shape) != 4 or min(shape[1:3]) < 4:
        return None
    tensors = list(graph.tensors)
    small = (shape[0], shape[1] // 2, shape[2] // 2, shape[3])
    tensors[index] = replace(tensors[index], shape=small)
    return _attempt(replace(graph, tensors=tuple(tensors)), before=graph)


def take_integers(graph: TensorGraph) -> TensorGraph | None:
    """Return `graph` without the conversions at its ends; None where it has none.

    The application then gives and takes codes. Conversions inside the network stay.
    """
    read = [tensor for op in graph.ops for tensor in op.inputs]
    swaps: dict[int, int] = {}
    for op in graph.ops:
        if op.name not in ("QUANTIZE", "DEQUANTIZE") or not (op.inputs and op.outputs):
            continue
        source, result = op.inputs[0], op.outputs[0]
        if source in graph.inputs and read.count(source) == 1 and _is_coded(graph, result):
            swaps[source] = result
        elif result in graph.outputs and result not in read and _is_coded(graph, source):
            swaps[result] = source
    return _without(graph, swaps) if swaps else None


def _is_coded(graph: TensorGraph, tensor: int) -> bool:
    return graph.tensors[tensor].dtype in ("INT8", "INT16")


def _without(graph: TensorGraph, swaps: Mapping[int, int]) -> TensorGraph:
    """Return `graph` where each key of `swaps` gave way to its value, and its operator is gone."""
    kept = [index for index in range(len(graph.tensors)) if index not in swaps]
    place = {old: new for new, old in enumerate(kept)} | {-1: -1}

    def moved(indices: Iterable[int]) -> tuple[int, ...]:
        return tuple(place[swaps.get(index, index)] for index in indices)

    return replace(
        graph,
        tensors=tuple(graph.tensors[index] for index in kept),
        ops=tuple(
            replace(
                op,
                inputs=moved(op.inputs),
                outputs=moved(op.outputs),
                intermediates=moved(op.intermediates),
            )
            for op in graph.ops
            if not any(tensor in swaps for tensor in (*op.inputs, *op.outputs))
        ),
        inputs=moved(graph.inputs),
        outputs=moved(graph.outputs),
    )


def _attempt(
    graph: TensorGraph,
    *,
    halved: Set[int] = frozenset(),
    pooled: Set[int] = frozenset(),
    before: TensorGraph | None = None,
) -> TensorGraph | None:
    try:
        return _rebuilt(graph, halved=halved, pooled=pooled, before=before)
    except (_Mismatch, *_NO_RULE):
        return None


def _producer(graph: TensorGraph, tensor: int) -> int | None:
    return next((i for i, op in enumerate(graph.ops) if tensor in op.outputs), None)


def _is_final(graph: TensorGraph, op: OpInfo) -> bool:
    return any(tensor in graph.outputs for tensor in op.outputs)


def find_filters(graph: TensorGraph, op: int) -> int | None:
    """Return the operator whose filters set the channels that `op` writes, None if none does."""
    seen = 0
    while seen <= len(graph.ops):
        name = graph.ops[op].name
        if name in ("CONV_2D", "FULLY_CONNECTED"):
            return op
        if name not in KEEPS_CHANNELS:
            return None
        active = [i for i in graph.ops[op].inputs if i >= 0 and not graph.tensors[i].is_constant]
        producer = _producer(graph, active[0]) if active else None
        if producer is None:
            return None
        op, seen = producer, seen + 1
    return None


def _rebuilt(
    graph: TensorGraph,
    *,
    halved: Set[int] = frozenset(),
    pooled: Set[int] = frozenset(),
    before: TensorGraph | None = None,
) -> TensorGraph:
    """Return the graph with every shape inferred anew; `before` has the shapes it had.

    Raises
    ------
    _Mismatch
        If two activations that must agree no longer do.
    ValueError
        If an operator's shape rule is not known, or the output would change its shape.
    """
    before = before or graph
    tensors = list(graph.tensors)
    ops: list[OpInfo] = []
    for number, op in enumerate(graph.ops):
        if number in pooled:
            op = _insert_pool(tensors, ops, op)
        if number in halved:
            _halve(tensors, op)
        op = _fit_pool(before, tensors, op)
        _infer(before, tensors, op)
        ops.append(op)
    for index in graph.outputs:
        if tensors[index].shape != before.tensors[index].shape:
            raise ValueError("the output would change its shape")
    return replace(graph, tensors=tuple(tensors), ops=tuple(ops))


def _fit_pool(before: TensorGraph, tensors: list[TensorInfo], op: OpInfo) -> OpInfo:
    """Return `op`, its window shrunk with the image where it pools over all of it."""
    if op.name not in POOLS:
        return op
    height, width = op.options["filter_height"], op.options["filter_width"]
    index = op.inputs[0]
    known = index < len(before.tensors)
    if not known or before.tensors[index].shape[1:3] != (height, width):
        return op
    shape = tensors[index].shape
    options = dict(op.options) | {"filter_height": shape[1], "filter_width": shape[2]}
    return replace(op, options=options)


def _resize(tensors: list[TensorInfo], index: int, shape: tuple[int, ...]) -> None:
    info = tensors[index]
    constant = -(-math.prod(shape) * TYPE_BITS[info.dtype] // 8) if info.is_constant else 0
    keep = shape[info.axis] if len(info.scales) > 1 and info.axis < len(shape) else 1
    tensors[index] = replace(
        info,
        shape=shape,
        constant_bytes=constant,
        scales=info.scales[:keep],
        zero_points=info.zero_points[:keep],
    )


def _halve(tensors: list[TensorInfo], op: OpInfo) -> None:
    filters = tensors[op.inputs[1]].shape
    if filters[0] < 2:
        raise ValueError("a single filter cannot be halved")
    _resize(tensors, op.inputs[1], (filters[0] // 2, *filters[1:]))


def _insert_pool(tensors: list[TensorInfo], ops: list[OpInfo], op: OpInfo) -> OpInfo:
    """Append a pooling of the first input of `op`, and return `op` reading the pooled tensor."""
    x = tensors[op.inputs[0]]
    if len(x.shape) != 4 or min(x.shape[1:3]) < 4 or x.is_constant:
        raise ValueError("only an image of at least 4x4 can be pooled")
    small = (x.shape[0], x.shape[1] // 2, x.shape[2] // 2, x.shape[3])
    tensors.append(replace(x, name=f"{x.name} pooled", shape=small))
    options = {
        "padding": 1, "stride_w": 2, "stride_h": 2, "filter_width": 2, "filter_height": 2,
    }  # fmt: skip
    pooled = len(tensors) - 1
    ops.append(
        OpInfo(name="MAX_POOL_2D", inputs=(op.inputs[0],), outputs=(pooled,), options=options)
    )
    return replace(op, inputs=(pooled, *op.inputs[1:]))


def _infer(graph: TensorGraph, tensors: list[TensorInfo], op: OpInfo) -> None:
    """Adapt the constants of `op` to its inputs and set the shape of its output."""
    old = [graph.tensors[i].shape if 0 <= i < len(graph.tensors) else () for i in op.inputs]
    new = [tensors[i].shape if i >= 0 else () for i in op.inputs]
    if op.name in SHAPED:
        shape = _infer_shaped(tensors, op, new[0])
    elif old == new:
        return
    elif op.name in POOLS:
        o = op.options
        shape = _windowed(new[0], (o["filter_height"], o["filter_width"]), op, new[0][3])
    elif op.name in UNARY:
        shape = new[0]
        _adapt_slopes(tensors, op, new[0])
    elif op.name in BINARY:
        shape = _infer_binary(tensors, op, old, new)
    else:
        shape = _infer_layout(graph, op, old, new)
    if min(shape) < 1:
        raise ValueError(f"{op.name} would have no elements left")
    _resize(tensors, op.outputs[0], shape)


def _infer_shaped(tensors: list[TensorInfo], op: OpInfo, x: tuple[int, ...]) -> tuple[int, ...]:
    filters, bias = op.inputs[1], op.inputs[2] if len(op.inputs) > 2 else -1
    f = tensors[filters].shape
    if op.name == "FULLY_CONNECTED":
        old_y = tensors[op.outputs[0]].shape
        _resize(tensors, filters, (f[0], math.prod(x) // math.prod(old_y[:-1])))
        channels, shape = f[0], (*old_y[:-1], f[0])
    elif op.name == "DEPTHWISE_CONV_2D":
        channels = x[3] * op.options.get("depth_multiplier", 1)
        _resize(tensors, filters, (*f[:3], channels))
        shape = _windowed(x, (f[1], f[2]), op, channels)
    else:
        channels = f[0]
        _resize(tensors, filters, (*f[:3], x[3]))
        shape = _windowed(x, (f[1], f[2]), op, channels)
    if bias >= 0:
        _resize(tensors, bias, (channels,))
    return shape


def _windowed(
    x: tuple[int, ...], kernel: tuple[int, int], op: OpInfo, channels: int
) -> tuple[int, ...]:
    """Return the output shape of a sliding window over the (N, H, W, C) image `x`."""
    sizes = []
    for size, reach, axis in zip(x[1:3], kernel, "hw", strict=True):
        stride = op.options[f"stride_{axis}"]
        reach = (reach - 1) * op.options.get(f"dilation_{axis}_factor", 1) + 1
        covered = size if op.options["padding"] == SAME else size - reach + 1
        sizes.append(-(-covered // stride))
    return (x[0], *sizes, channels)


def _adapt_slopes(tensors: list[TensorInfo], op: OpInfo, x: tuple[int, ...]) -> None:
    """Give PRELU as many slopes as its input has channels."""
    for index in op.inputs[1:]:
        slopes = tensors[index].shape
        if slopes and slopes[-1] > 1:
            kept = tuple(min(a, b) for a, b in zip(slopes, x[-len(slopes) :], strict=True))
            _resize(tensors, index, kept)


def _infer_binary(
    tensors: list[TensorInfo], op: OpInfo, old: list[tuple[int, ...]], new: list[tuple[int, ...]]
) -> tuple[int, ...]:
    changed = 0 if new[0] != old[0] else 1
    other = 1 - changed
    index = op.inputs[other]
    if tensors[index].is_constant and new[other] and new[other][-1] == old[changed][-1] > 1:
        _resize(tensors, index, (*new[other][:-1], new[changed][-1]))
        new[other] = tensors[index].shape
    try:
        return tuple(int(n) for n in np.broadcast_shapes(new[0], new[1]))
    except ValueError:
        raise _Mismatch(index) from None


def _infer_layout(
    graph: TensorGraph, op: OpInfo, old: list[tuple[int, ...]], new: list[tuple[int, ...]]
) -> tuple[int, ...]:
    """Return the output shape of operators that move elements: known layouts only."""
    y, x, was = graph.tensors[op.outputs[0]].shape, new[0], old[0]
    if op.name in REDUCTIONS and len(was) == 4 and y in ((was[0], was[3]), (was[0], 1, 1, was[3])):
        return (x[0], x[3]) if len(y) == 2 else (x[0], 1, 1, x[3])
    if op.name == "RESHAPE" and y == (was[0], math.prod(was[1:])):
        return (x[0], math.prod(x[1:]))
    if op.name == "RESHAPE" and x[:-1] == was[:-1] and y[-1] == was[-1]:
        return (*y[:-1], x[-1])
    if op.name == "PAD" and len(y) == len(x):
        return tuple(b + now - a for a, b, now in zip(was, y, x, strict=True))
    if op.name == "CONCATENATION":
        axis = op.options.get("axis", -1) % len(y)
        return tuple(
            sum(shape[i] for shape in new) if i == axis else size for i, size in enumerate(x)
        )
    raise ValueError(f"no shape rule for {op.name}")
