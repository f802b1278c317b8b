"""The peak's explanation, and whether its remedies work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tinyml_course.core.graph import OpInfo, TensorGraph, TensorInfo
from tinyml_course.cost.estimate import live_bytes
from tinyml_course.cost.layers import conv_graph
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.edit import (
    halve_filters,
    halve_input,
    halve_width,
    pool_before,
    take_integers,
)
from tinyml_course.device.explain import explain_peak
from tinyml_course.device.flatbuffer import read_model

MODELS = Path(__file__).parent / "truth" / "models"
EXAMPLES = ["resnet8_32x32x3", "dscnn_fcpt", "g_conv_w32_d3", "g_sep_w32_d6", "mbv3_se_block"]


def graph_of(name):
    return read_model((MODELS / f"{name}.tflite").read_bytes()).subgraphs[0]


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("tier", ["tflm-reference", "esp-nn-s3"])
def test_every_remedy_lowers_the_arena(name, tier):
    """Each remedy saves at least a twentieth, and says what the plan of the smaller graph says."""
    plan = plan_arena(graph_of(name), tier)
    explanation = explain_peak(plan, graph_of(name))
    assert explanation.remedies
    for remedy in explanation.remedies:
        assert remedy.saved_bytes >= 0.05 * plan.required_bytes
        assert plan.required_bytes - remedy.saved_bytes == remedy.required_bytes
        assert f"{remedy.required_bytes:,} B" in str(explanation)


def test_the_words_name_operator_tensors_and_bytes():
    """The peak of ResNet-8 is its first residual block: three maps of 16,384 B."""
    graph = graph_of("resnet8_32x32x3")
    text = str(explain_peak(plan_arena(graph, "tflm-reference"), graph))
    assert text.startswith(
        "op 2 CONV_2D: input 16,384 B and output 16,384 B and a tensor kept for op 3 ADD 16,384 B "
        "are alive together; "
    )


def test_the_peak_is_where_most_bytes_are_alive():
    """Without gaps in the plan, the operator found is the one that a plain sum finds."""
    graph = graph_of("g_conv_w32_d3")
    explanation = explain_peak(plan_arena(graph, "tflm-reference"), graph)
    live = live_bytes(graph)
    assert max(live) == live[explanation.op + 1] == explanation.live_bytes


def test_a_small_network_is_told_that_structures_outweigh_activations():
    """An MLP's arena is mostly tail, which fewer filters at the peak hardly change."""
    graph = graph_of("mlp_small")
    explanation = explain_peak(plan_arena(graph, "tflm-reference"), graph)
    assert "the runtime's structures" in str(explanation)
    assert 448 == explanation.planning_bytes


def test_halving_filters_halves_the_output_and_adapts_what_follows():
    """Consumers read half as many channels, biases and scales shrink with their filters."""
    graph = graph_of("g_conv_w32_d3")
    smaller = halve_filters(graph, 0)
    conv, after = smaller.ops[0], smaller.ops[2]
    weights = smaller.tensors[conv.inputs[1]]
    assert graph.tensors[conv.inputs[1]].shape[0] // 2 == weights.shape[0] == len(weights.scales)
    assert weights.elements == weights.constant_bytes
    assert (weights.shape[0],) == smaller.tensors[conv.inputs[2]].shape
    assert weights.shape[0] == smaller.tensors[after.inputs[1]].shape[3]
    assert graph.tensors[graph.outputs[0]].shape == smaller.tensors[smaller.outputs[0]].shape


def test_halving_one_side_of_a_residual_halves_the_other():
    """An addition keeps its two operands of one shape."""
    graph = graph_of("resnet8_32x32x3")
    smaller = halve_filters(graph, 2)
    add = next(op for op in smaller.ops if op.name == "ADD")
    shapes = {smaller.tensors[index].shape for index in (*add.inputs, *add.outputs)}
    assert {(1, 32, 32, 8)} == shapes


def test_the_outputs_classes_are_never_halved():
    """The last layer's units are given by the task."""
    graph = graph_of("mlp_small")
    last_dense = max(i for i, op in enumerate(graph.ops) if op.name == "FULLY_CONNECTED")
    assert halve_filters(graph, last_dense) is None
    narrow = halve_width(graph)
    assert graph.tensors[graph.outputs[0]].shape == narrow.tensors[narrow.outputs[0]].shape


def test_pooling_quarters_what_follows_and_keeps_what_comes_before():
    """A 2x2 pooling before a convolution of one layer gives a quarter of its input."""
    graph = conv_graph(16, 2, 4, dtype="INT8")
    assert pool_before(graph, 0) is None  # the graph's output would change its shape
    network = graph_of("g_conv_w4_d2")
    pooled = pool_before(network, 0)
    assert len(network.ops) + 1 == len(pooled.ops)
    assert "MAX_POOL_2D" == pooled.ops[0].name
    image = network.tensors[network.inputs[0]]
    assert image.elements == 4 * pooled.tensors[pooled.ops[0].outputs[0]].elements


def test_a_smaller_image_shrinks_every_map():
    """Half the height and width leaves at most a quarter and a border of each map."""
    graph = graph_of("dscnn_fcpt")
    smaller = halve_input(graph)
    assert max(live_bytes(smaller)) < 0.35 * max(live_bytes(graph))
    assert halve_input(graph_of("mlp_small")) is None


@pytest.mark.parametrize("name", ["g_conv_w8_floatio", "g_conv_w8_uint8io"])
def test_integers_at_the_ends_give_the_plan_of_the_network_converted_that_way(name):
    """Without its conversions, a float network's file plans like that of its int8 twin."""
    smaller = take_integers(graph_of(name))
    twin = plan_arena(graph_of("g_conv_w8_d3"), "tflm-reference")
    plan = plan_arena(smaller, "tflm-reference")
    assert (twin.head_bytes, twin.op_names) == (plan.head_bytes, plan.op_names)
    assert (twin.tail_bytes, twin.arena_min_bytes) == (plan.tail_bytes, plan.arena_min_bytes)


def test_a_network_that_takes_integers_has_nothing_to_drop():
    """Where no conversion stands at the ends, the remedy is not offered."""
    assert take_integers(graph_of("g_conv_w8_d3")) is None


def test_a_large_float_input_is_the_first_remedy():
    """A QUANTIZE at the peak is told to go before the network is made smaller."""
    x = TensorInfo(name="x", shape=(1, 64, 64, 3), dtype="FLOAT32")
    y = replace(x, name="y", dtype="INT8", scales=(0.5,), zero_points=(0,))
    op = OpInfo(name="QUANTIZE", inputs=(0,), outputs=(1,))
    relu = OpInfo(name="RELU", inputs=(1,), outputs=(2,))
    graph = TensorGraph(tensors=(x, y, y), ops=(op, relu), inputs=(0,), outputs=(2,))
    explanation = explain_peak(plan_arena(graph, "esp-nn"), graph)
    assert explanation.remedies[0].words.startswith("take int8 inputs")
    assert "QUANTIZE: input 49,152 B and output 12,288 B" in str(explanation)
