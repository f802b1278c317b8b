"""The graph of an ArchSpec against the converter's own file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinyml_course.core.arch import ArchSpec, LayerSpec, gesture_net
from tinyml_course.core.graph import OpInfo, TensorGraph
from tinyml_course.cost.graph import arch_graph

MIXED = ArchSpec(
    classes=3,
    input_shape=(15, 9, 2),
    layers=(
        LayerSpec(op="conv", filters=4, kernel=5, stride=2),
        LayerSpec(op="separable", filters=8, activation="relu"),
        LayerSpec(op="depthwise", stride=2),
        LayerSpec(op="conv", filters=6, kernel=1),
    ),
)
COMPARED_OPTIONS = ("stride_w", "stride_h", "padding", "fused_activation_function")


def describe(graph: TensorGraph, op: OpInfo) -> tuple[Any, ...]:
    """Return an operator with the shapes, types and stored bytes of what it touches."""
    inputs, outputs = (
        [
            (t.shape, t.dtype, t.constant_bytes, len(t.scales))
            for t in (graph.tensors[i] for i in indices if i >= 0)
        ]
        for indices in (op.inputs, op.outputs)
    )
    return op.name, inputs, outputs, [op.options.get(key) for key in COMPARED_OPTIONS]


def test_a_network_counted_by_hand():
    """One 3x3 convolution with 4 filters on one channel, 2 classes: 36 + 4, and 8 + 2 numbers."""
    spec = ArchSpec(
        classes=2, input_shape=(8, 8, 1), layers=(LayerSpec(op="conv", filters=4, stride=2),)
    )
    stored = [t.constant_bytes for t in arch_graph(spec).tensors if t.is_constant]
    assert [36, 4 * 4, 2 * 4, 8, 2 * 4] == stored


def test_odd_sizes_round_up_under_a_stride():
    """SAME padding divides by the stride and rounds up: 15 x 9 becomes 8 x 5."""
    first = arch_graph(MIXED).ops[0]
    assert (1, 8, 5, 4) == arch_graph(MIXED).tensors[first.outputs[0]].shape


def test_each_operator_reads_what_the_one_before_wrote():
    """The graph is a chain from its input to its output."""
    graph = arch_graph(gesture_net(10))
    chain = [graph.inputs[0], *(op.outputs[0] for op in graph.ops)]
    assert chain[:-1] == [op.inputs[0] for op in graph.ops]
    assert graph.outputs == (chain[-1],)


@pytest.mark.slow
def test_graph_equals_the_converted_file():
    """Operators, shapes, types, stored bytes and strides are those of the converter's file."""
    from tinyml_course.device.convert import convert_int8
    from tinyml_course.device.flatbuffer import read_model
    from tinyml_course.training.build import build

    rng = np.random.default_rng(0)
    model = build(MIXED)
    model.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in model.get_weights()])
    samples = rng.random((8, *MIXED.input_shape), dtype=np.float32)
    converted = read_model(convert_int8(model, samples).tflite).subgraphs[0]
    expected = [describe(converted, op) for op in converted.ops]
    graph = arch_graph(MIXED)
    assert expected == [describe(graph, op) for op in graph.ops]
