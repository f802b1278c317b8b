"""The cost of a network whose choices are still probabilities: exact, and differentiable.

Choices at different places are independent, so the expected cost is a sum of products of
probabilities with entries of tables; the tables hold what the cost model says about single blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.arch import ArchSpec, LayerSpec, Shape
from tinyml_course.core.graph import OpInfo, TensorGraph
from tinyml_course.cost.estimate import op_macs
from tinyml_course.cost.graph import arch_graph
from tinyml_course.nas.choices import Skeleton

HEAD = ("MEAN", "FULLY_CONNECTED", "SOFTMAX")
"""Operators of the head; all others belong to blocks."""

COSTS = ("macs", "weight_bytes")
"""What is tabulated: multiply-accumulates, bytes of weights and biases."""


@dataclass(frozen=True, slots=True)
class CostTables:
    """Costs of every block that a skeleton can have.

    Attributes
    ----------
    blocks : tuple of (2, O, A, B) float64
        For each place: cost (in the order of `COSTS`), operation, input width, output width; of
        depthwise blocks the entries with equal widths.
    head : (2, B) float64
        Average, dense layers: by the last width.
    depthwise : tuple of (O,) float64
        For each place, 1 where the operation keeps the width.
    """

    blocks: tuple[NDArray[np.float64], ...]
    head: NDArray[np.float64]
    depthwise: tuple[NDArray[np.float64], ...]


def tabulate_costs(skeleton: Skeleton) -> CostTables:
    """Return the tables of a skeleton, asking the cost model about each block once."""
    depth = len(skeleton.spec.layers)
    depthwise = tuple(
        np.array([float(kind == "depthwise") for kind, _ in skeleton.operations(place)])
        for place in range(depth)
    )
    head = [_head_costs(skeleton, width) for width in skeleton.widths]
    return CostTables(
        blocks=tuple(_place_table(skeleton, place) for place in range(depth)),
        head=np.array(head).T,
        depthwise=depthwise,
    )


def expect_costs(
    tables: CostTables,
    operations: Sequence[Any],
    widths: Sequence[Any],
    *,
    einsum: Callable[..., Any] = np.einsum,
) -> Any:
    """Return the expected MACs and weight bytes, (2,).

    Parameters
    ----------
    tables : CostTables
        Of the skeleton.
    operations, widths : sequences of (O,) and (W,) arrays
        Probabilities at each place; NumPy arrays, or tensors with `einsum=tf.einsum`, through
        which gradients flow.
    einsum : callable
        Contracts arrays of the same library.

    Notes
    -----
    The width behind a block is its own with the probability that it is not depthwise, else that
    of its input; what came before doesn't matter otherwise.
    """
    cost: Any = 0.0
    incoming = None
    for table, keeps, p, width in zip(
        tables.blocks, tables.depthwise, operations, widths, strict=True
    ):
        if incoming is None:  # the image has one width
            cost = cost + einsum("coab,o,b->c", _like(table, p), p, width)
            incoming = width
            continue
        cost = cost + _block_costs(table, keeps, (p, incoming, width), einsum)
        stays = einsum("o,o->", _like(keeps, p), p)
        incoming = stays * incoming + (1 - stays) * width
    return cost + einsum("cb,b->c", _like(tables.head, incoming), incoming)


def _block_costs(
    table: NDArray[np.float64], keeps: NDArray[np.float64], shares: tuple[Any, Any, Any],
    einsum: Callable[..., Any],
) -> Any:  # fmt: skip
    """Return the expected costs of a block behind another one."""
    p, incoming, width = shares
    free = table * (1 - keeps)[:, None, None]
    same = np.einsum("coaa->coa", table) * keeps[:, None]
    return einsum("coab,o,a,b->c", _like(free, p), p, incoming, width) + einsum(
        "coa,o,a->c", _like(same, p), p, incoming
    )


def _like(table: NDArray[np.float64], probabilities: Any) -> Any:
    """Return `table` in the number type of `probabilities`."""
    kind = getattr(probabilities.dtype, "as_numpy_dtype", probabilities.dtype)
    return table.astype(kind)


def _place_table(skeleton: Skeleton, place: int) -> NDArray[np.float64]:
    height, width, channels = skeleton.maps[place]
    inputs = skeleton.widths if place else (channels,)
    outputs = skeleton.widths
    table = np.zeros((len(COSTS), len(skeleton.operations(place)), len(inputs), len(outputs)))
    for o, operation in enumerate(skeleton.operations(place)):
        for a, before in enumerate(inputs):
            for b, after in enumerate(outputs):
                if operation[0] == "depthwise" and before != after:
                    continue
                layer = skeleton.layer(place, operation, after)
                table[:, o, a, b] = _layer_costs(layer, (height, width, before))
    return table


def _layer_costs(layer: LayerSpec, shape: Shape) -> tuple[int, int]:
    """Return the costs of one block on activations of `shape`."""
    graph = arch_graph(ArchSpec(layers=(layer,), classes=2, input_shape=shape))
    return _sum_costs(graph, [op for op in graph.ops if op.name not in HEAD])


def _head_costs(skeleton: Skeleton, channels: int) -> tuple[int, int]:
    layer = LayerSpec(op="conv", filters=channels)
    graph = arch_graph(
        ArchSpec(
            layers=(layer,), classes=skeleton.spec.classes, input_shape=(1, 1, 1),
            hidden=skeleton.spec.hidden,
        )
    )  # fmt: skip
    return _sum_costs(graph, [op for op in graph.ops if op.name in HEAD])


def _sum_costs(graph: TensorGraph, ops: Sequence[OpInfo]) -> tuple[int, int]:
    constants = {index for op in ops for index in op.inputs if graph.tensors[index].is_constant}
    return (
        sum(op_macs(graph, op) for op in ops),
        sum(graph.tensors[index].constant_bytes for index in constants),
    )
