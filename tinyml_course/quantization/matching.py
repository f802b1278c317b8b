"""Which operator of a quantized .tflite computes which layer of the float model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyml_course.core.graph import OpInfo, TensorGraph
from tinyml_course.device.refusals import WEIGHTED
from tinyml_course.quantization.trace import Trace

PASSED = ("QUANTIZE", "DEQUANTIZE")
"""Operators that change the type of the values, not their meaning."""

COMMUTATIVE = ("ADD", "MUL", "MAXIMUM", "MINIMUM")

AWARE_PREFIX = "quant_"
"""What tfmot puts before a layer's name."""


@dataclass(frozen=True, slots=True)
class Match:
    """One operator in both files.

    Attributes
    ----------
    layer : str
        Name of the Keras layer, or of the operator where the file has no names.
    op : str
        Builtin operator name.
    reference, quantized : int
        Index of the operator in the float and in the quantized graph.
    """

    layer: str
    op: str
    reference: int
    quantized: int


def match_operators(
    reference: Trace, quantized: Trace, layer_names: Sequence[str] = ()
) -> tuple[Match, ...]:
    """Return the pairs of operators that compute the same layer, in the quantized file's order.

    Converted to float32, a Keras model has its normalisation folded and its activations fused
    just as in the quantized file, so both graphs have the same shape. Two operators belong
    together if all that leads to them has: kinds, output shapes and wiring. Names play no
    part, they may be stripped. Twins (parallel branches of the same form) are told apart by
    their weights.

    Parameters
    ----------
    reference, quantized : Trace
        The float file and the quantized file.
    layer_names : sequence of str, optional
        Names of the Keras layers, by which operators are called.
    """
    left, right = _signatures(reference.graph), _signatures(quantized.graph)
    groups: dict[int, list[int]] = defaultdict(list)
    for index, signature in left.items():
        groups[signature].append(index)
    names = name_operators(reference.graph, layer_names)
    found = []
    for index, signature in right.items():
        twins = groups[signature]
        if twins:
            nearest = min(twins, key=lambda other: _distance(reference, other, quantized, index))
            twins.remove(nearest)
            op = quantized.graph.ops[index].name
            found.append(Match(names[nearest], op, nearest, index))
    return tuple(found)


def name_operators(graph: TensorGraph, layer_names: Sequence[str] = ()) -> tuple[str, ...]:
    """Return one unique name for each operator: its Keras layer's where the file tells.

    Parameters
    ----------
    graph : TensorGraph
        From a converted Keras model: tensor names are paths such as ``m/c0/Conv2D``.
    layer_names : sequence of str, optional
        Names to look for in the paths; without them the last folder of the path is taken.

    Examples
    --------
    >>> from tinyml_course.cost.layers import dense_graph
    >>> name_operators(dense_graph(4, 2))
    ('fully_connected',)
    """
    known = set(layer_names)
    taken: set[str] = set()
    names = []
    for op in graph.ops:
        name = _layer_of(graph, op, known) or op.name.lower()
        if name in taken and op.name.lower() not in name:
            name = f"{name} {op.name.lower()}"
        unique, count = name, 2
        while unique in taken:
            unique, count = f"{name} {count}", count + 1
        taken.add(unique)
        names.append(unique)
    return tuple(names)


def _layer_of(graph: TensorGraph, op: OpInfo, known: set[str]) -> str:
    """Return the Keras layer that the names of an operator's tensors speak of, or nothing."""
    tensors = [op.inputs[1]] if op.name in WEIGHTED else []
    for index in (*tensors, *op.outputs):
        for path in reversed(graph.tensors[index].name.split(";")):
            folders = [part.removeprefix(AWARE_PREFIX) for part in path.split("/")[:-1]]
            named = [part for part in folders if part in known] if known else folders[-1:]
            if named:
                return named[-1]
    return ""


def _signatures(graph: TensorGraph) -> dict[int, int]:
    """Return for each operator a number that says what it computes, from what, from what..."""
    of_tensor = {
        index: hash(("input", place, graph.tensors[index].shape[1:]))
        for place, index in enumerate(graph.inputs)
    }
    found = {}
    for number, op in enumerate(graph.ops):
        sources = [of_tensor[index] for index in op.inputs if index in of_tensor]
        if op.name in PASSED and sources:
            of_tensor[op.outputs[0]] = sources[0]
            continue
        if op.name in COMMUTATIVE:
            sources.sort()
        shapes = tuple(graph.tensors[index].shape[1:] for index in op.outputs)
        found[number] = hash((op.name, shapes, *sources))
        for place, index in enumerate(op.outputs):
            of_tensor[index] = hash((found[number], place))
    return found


def _distance(reference: Trace, left: int, quantized: Trace, right: int) -> float:
    """Return how far the weights of two operators of the same kind are apart, relative to 1."""
    op, other = reference.graph.ops[left], quantized.graph.ops[right]
    if op.name not in WEIGHTED:
        return 0.0
    float_weights, stored = reference.real(op.inputs[1]), quantized.real(other.inputs[1])
    if float_weights.shape != stored.shape:
        return float("inf")
    scale = float(np.square(float_weights).sum()) or 1.0
    return float(np.square(float_weights - stored).sum()) / scale
