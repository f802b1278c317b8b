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


def test_a_sum_reads_the_blocks_input_and_what_became_of_it():
    """A block with a skip keeps its input until the sum, which comes before the pooling."""
    skipping = LayerSpec(op="separable", filters=4, skip=True, pool=2)
    spec = ArchSpec(
        classes=2, input_shape=(8, 8, 1), layers=(LayerSpec(op="conv", filters=4), skipping)
    )
    names = [op.name for op in arch_graph(spec).ops]
    stem, _, pointwise, total, pooling = arch_graph(spec).ops[:5]
    assert ["ADD", "MAX_POOL_2D"] == names[3:5]
    assert total.inputs == (stem.outputs[0], pointwise.outputs[0])
    assert pooling.inputs == total.outputs
    assert arch_graph(spec).tensors[pooling.outputs[0]].shape == (1, 4, 4, 4)


def test_a_hidden_layer_has_a_fused_activation():
    """The head grows by one dense layer with ReLU; the last one stays without."""
    spec = ArchSpec(classes=3, layers=(LayerSpec(op="conv", filters=4),), hidden=8)
    hidden, last = (op for op in arch_graph(spec).ops if op.name == "FULLY_CONNECTED")
    assert [1, 0] == [op.options["fused_activation_function"] for op in (hidden, last)]
    assert arch_graph(spec).tensors[last.inputs[1]].shape == (3, 8)


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
