"""Parameters, multiply-accumulates and bytes of graphs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyml_course.core.graph import OpInfo, TensorGraph, TensorInfo
from tinyml_course.cost.estimate import estimate_cost, live_bytes, op_elements, op_macs
from tinyml_course.cost.layers import conv_graph
from tinyml_course.device.flatbuffer import read_model

MODELS = Path(__file__).parents[1] / "device" / "truth" / "models"


def tensor(*shape, **fields):
    return TensorInfo(name="t", dtype="INT8", shape=shape, **fields)


def single(name, shapes, inputs, outputs, **options):
    op = OpInfo(name=name, inputs=inputs, outputs=outputs, options=options)
    tensors = tuple(tensor(*shape) for shape in shapes)
    return TensorGraph(tensors=tensors, ops=(op,), inputs=inputs[:1], outputs=outputs)


@pytest.mark.parametrize(
    ("name", "macs"),
    [("resnet8_32x32x3", 12_501_632), ("dscnn_fcpt", 2_656_768), ("ad_autoencoder_fcpt", 264_192)],
)
def test_benchmark_networks_have_their_published_macs(name, macs):
    """The MLPerf Tiny networks cost what their publications say."""
    graph = read_model((MODELS / f"{name}.tflite").read_bytes()).subgraphs[0]
    assert macs == estimate_cost(graph).macs


@pytest.mark.parametrize(
    ("graph", "macs"),
    [
        (single("DEPTHWISE_CONV_2D", [(1, 8, 8, 4), (1, 3, 3, 8), (1, 8, 8, 8)], (0, 1), (2,)),
         8 * 8 * 8 * 9),
        (single("TRANSPOSE_CONV", [(4,), (6, 3, 3, 4), (1, 5, 5, 4), (1, 10, 10, 6)],
                (0, 1, 2), (3,)), 5 * 5 * 4 * 9 * 6),
        (single("BATCH_MATMUL", [(2, 3, 5), (2, 5, 7), (2, 3, 7)], (0, 1), (2,)), 2 * 3 * 5 * 7),
        (single("BATCH_MATMUL", [(2, 5, 3), (2, 5, 7), (2, 3, 7)], (0, 1), (2,), adj_x=True),
         2 * 3 * 5 * 7),
        (single("FULLY_CONNECTED", [(4, 6), (3, 6), (4, 3)], (0, 1), (2,)), 4 * 6 * 3),
        (single("SVDF", [(2, 10), (8, 10), (8, 5), (2, 40), (2, 8)], (0, 1, 2, -1, 3), (4,)),
         2 * (8 * 10 + 8 * 5)),
        (single("RELU", [(1, 9), (1, 9)], (0,), (1,)), 0),
    ],
)  # fmt: skip
def test_each_operator_counts_its_own_multiplications(graph, macs):
    """Each count equals the loops of the operator's definition."""
    assert macs == op_macs(graph, graph.ops[0])


def test_an_lstm_uses_each_weight_once_a_time_step():
    """Four gates of (inputs + state) x state, times the steps."""
    shapes = [(1, 7, 5), *[(3, 5)] * 4, *[(3, 3)] * 4, (1, 7, 3)]
    inputs = (*range(9), *[-1] * 15)
    graph = single("UNIDIRECTIONAL_SEQUENCE_LSTM", shapes, inputs, (9,))
    assert 7 * 4 * (5 + 3) * 3 == op_macs(graph, graph.ops[0])


def test_shared_constants_count_once_and_indices_are_no_parameters():
    """Two tensors of one buffer are one constant; axes take bytes but are not trained."""
    scaled = {"scales": (1.0,), "zero_points": (0,)}
    tensors = (
        tensor(1, 4, **scaled),
        tensor(4, 4, constant_bytes=16, buffer=3, **scaled),
        tensor(4, 4, constant_bytes=16, buffer=3, **scaled),
        TensorInfo(name="axes", shape=(2,), dtype="INT32", constant_bytes=8, buffer=4),
    )
    cost = estimate_cost(TensorGraph(tensors=tensors, ops=(), inputs=(0,), outputs=(0,)))
    assert (16, 24) == (cost.parameters, cost.weight_bytes)


def test_activations_peak_where_input_and_output_meet():
    """A convolution holds its image and its maps together, weights aside."""
    graph = conv_graph(8, 2, 4, dtype="INT8")
    assert [8 * 8 * 2, 8 * 8 * (2 + 4)] == live_bytes(graph)
    assert 8 * 8 * 6 == estimate_cost(graph).activation_bytes


def test_pooling_touches_every_element_of_each_window():
    """A 2x2 pooling of 8x8 maps reads each of them once; a reduction reads its whole input."""
    pool = single(
        "MAX_POOL_2D", [(1, 8, 8, 3), (1, 4, 4, 3)], (0,), (1,), filter_height=2, filter_width=2
    )
    mean = single("MEAN", [(1, 8, 8, 3), (2,), (1, 3)], (0, 1), (2,))
    assert (192, 192) == (op_elements(pool, pool.ops[0]), op_elements(mean, mean.ops[0]))
