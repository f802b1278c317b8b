"""What a model's tensors and operators must satisfy before anything is computed from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType

from tinyml_course.core.errors import InvalidModel
from tinyml_course.core.graph import TYPE_BITS, OpInfo, TensorGraph, TensorInfo
from tinyml_course.cost.liveness import called_subgraphs

IMAGE, MATRIX = 4, 2
NEEDS = MappingProxyType(
    {
        "CONV_2D": (IMAGE, IMAGE),
        "DEPTHWISE_CONV_2D": (IMAGE, IMAGE),
        "TRANSPOSE_CONV": (1, IMAGE, IMAGE),
        "AVERAGE_POOL_2D": (IMAGE,),
        "MAX_POOL_2D": (IMAGE,),
        "FULLY_CONNECTED": (1, 1),
        "SOFTMAX": (1,),
        "MEAN": (0, 0),
        "SUM": (0, 0),
        "REDUCE_MAX": (0, 0),
        "REDUCE_MIN": (0, 0),
        "SVDF": (MATRIX, MATRIX, MATRIX, 0, MATRIX),
        "UNIDIRECTIONAL_SEQUENCE_LSTM": (MATRIX,),
        "BATCH_MATMUL": (MATRIX, MATRIX),
    }
)
"""Least dimensions of each input that an operator cannot do without; SVDF's bias may be absent."""

MAX_RANK = 8
MAX_STEPS = 200_000
MAX_TENSOR_BYTES = 2**31 - 1
"""A 32-bit target cannot address more."""


def check_tensor(info: TensorInfo, *, stored_whole: bool = True) -> None:
    """Raise unless shape, size and stored data of a tensor make sense together.

    Parameters
    ----------
    info : TensorInfo
        The tensor as read.
    stored_whole : bool, default True
        Its data are stored densely, so their length follows from the shape.

    Raises
    ------
    InvalidModel
        If a dimension is negative, the tensor is too large for 32 bits, or its data are short.
    """
    label = f"tensor {info.name!r}"
    if len(info.shape) > MAX_RANK:
        raise InvalidModel(f"{label} has {len(info.shape)} dimensions; at most {MAX_RANK} work")
    if any(size < 0 for size in info.shape):
        raise InvalidModel(f"{label} has the negative size {min(info.shape)} in {info.shape}")
    bits = TYPE_BITS.get(info.dtype)
    if bits is None:
        return
    needed = (info.elements * bits + 7) // 8
    if needed > MAX_TENSOR_BYTES:
        raise InvalidModel(f"{label} of shape {info.shape} takes {needed:,} B, beyond 32 bits")
    if stored_whole and 0 < info.constant_bytes < needed:
        raise InvalidModel(
            f"{label} of shape {info.shape} needs {needed:,} B of data, the file holds "
            f"{info.constant_bytes:,} B"
        )


def check_subgraph(subgraphs: Sequence[TensorGraph], index: int) -> None:
    """Raise unless subgraph `index` refers only to what exists, in the order in which it exists.

    Raises
    ------
    InvalidModel
        If an operator or the graph names a tensor or subgraph that does not exist, reads what a
        later operator writes, or writes nothing.
    """
    graph = subgraphs[index]
    _check_indices(graph, "graph inputs", graph.inputs)
    _check_indices(graph, "graph outputs", graph.outputs)
    for tensor in (*graph.inputs, *graph.outputs):
        _check_not_empty(graph.tensors[tensor], "the graph's input or output")
    produced_by = {t: n for n, op in reversed(list(enumerate(graph.ops))) for t in op.outputs}
    given = set(graph.inputs)
    for number, op in enumerate(graph.ops):
        label = f"op {number} {op.name}"
        _check_indices(graph, f"{label}: inputs", (t for t in op.inputs if t != -1))
        _check_indices(graph, f"{label}: outputs", op.outputs)
        _check_indices(graph, f"{label}: intermediates", op.intermediates)
        for tensor in op.outputs:
            _check_not_empty(graph.tensors[tensor], label)
        for tensor in op.inputs:
            if tensor not in given and produced_by.get(tensor, -1) >= number:
                _check_order(graph.tensors[tensor], label, produced_by[tensor])
        _check_calls(subgraphs, op, label)
        _check_operands(graph, op, label)


def check_calls(subgraphs: Sequence[TensorGraph]) -> None:
    """Raise unless running the first subgraph ends, within a reasonable number of operators.

    Raises
    ------
    InvalidModel
        If subgraphs call each other in a cycle, or so often that no plan could be made.
    """
    steps: dict[int, int] = {}

    def count(index: int, callers: tuple[int, ...]) -> int:
        if index in callers:
            raise InvalidModel(f"subgraphs {(*callers, index)} call each other: a cycle")
        if index not in steps:
            ops = subgraphs[index].ops
            called = [sub for op in ops for sub in called_subgraphs(op)]
            steps[index] = len(ops) + sum(count(sub, (*callers, index)) + 1 for sub in called)
        return steps[index]

    if count(0, ()) > MAX_STEPS:
        raise InvalidModel(f"one run takes {steps[0]:,} operators; at most {MAX_STEPS:,} work")


def _check_indices(graph: TensorGraph, what: str, indices: Iterable[int]) -> None:
    for tensor in indices:
        if not 0 <= tensor < len(graph.tensors):
            raise InvalidModel(f"{what} name tensor {tensor}; there are {len(graph.tensors)}")


def _check_not_empty(info: TensorInfo, label: str) -> None:
    # (0,) is how old converters write a scalar; the runtime accepts it.
    if 0 in info.shape and info.shape != (0,):
        raise InvalidModel(f"{label}: tensor {info.name!r} has no elements, shape {info.shape}")


def _check_order(info: TensorInfo, label: str, producer: int) -> None:
    if not info.is_constant and not info.is_variable:
        raise InvalidModel(
            f"{label} reads tensor {info.name!r} before op {producer} writes it: a cycle"
        )


def _check_calls(subgraphs: Sequence[TensorGraph], op: OpInfo, label: str) -> None:
    for called in called_subgraphs(op):
        if not 0 <= called < len(subgraphs):
            raise InvalidModel(f"{label} calls subgraph {called}; there are {len(subgraphs)}")


def _check_operands(graph: TensorGraph, op: OpInfo, label: str) -> None:
    """Check the number and rank of operands, and that windows move by at least one."""
    ranks = NEEDS.get(op.name, ())
    if len(op.inputs) < len(ranks) or (ranks and not op.outputs):
        raise InvalidModel(
            f"{label} has {len(op.inputs)} inputs and {len(op.outputs)} outputs; it needs "
            f"{len(ranks)} and 1"
        )
    for position, rank in enumerate(ranks):
        index = op.inputs[position]
        found = len(graph.tensors[index].shape) if index >= 0 else 0
        if found < rank:
            raise InvalidModel(f"{label}: input {position} has {found} dimensions, needs {rank}")
    if IMAGE in ranks and len(graph.tensors[op.outputs[0]].shape) < IMAGE:
        raise InvalidModel(f"{label}: its output is no image of {IMAGE} dimensions")
    for name, value in op.options.items():
        if name.startswith(("stride_", "dilation_", "filter_")) and not 0 < value < 2**16:
            raise InvalidModel(f"{label}: {name} is {value}, must be in 1..{2**16 - 1}")
