"""Impossible tensors and operators."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tinyml_course.core.errors import InvalidModel
from tinyml_course.core.graph import OpInfo, TensorGraph, TensorInfo
from tinyml_course.cost.layers import conv_graph
from tinyml_course.device.structure import check_calls, check_subgraph, check_tensor

X = TensorInfo(name="x", shape=(4,), dtype="INT8")


def graph_of(*ops, tensors=(X,) * 4):
    return TensorGraph(tensors=tensors, ops=ops, inputs=(0,), outputs=(3,))


def relu(source, target):
    return OpInfo(name="RELU", inputs=(source,), outputs=(target,))


@pytest.mark.parametrize(
    ("info", "fault"),
    [
        (replace(X, shape=(4, -1)), "negative"),
        (replace(X, shape=(1,) * 9), "dimensions"),
        (replace(X, shape=(2**16, 2**16)), "beyond 32 bits"),
        (replace(X, constant_bytes=3), "needs 4 B"),
    ],
)
def test_impossible_tensors_are_refused(info, fault):
    """Negative, over-long, over-large and short tensors are each named."""
    with pytest.raises(InvalidModel, match=fault):
        check_tensor(info)


def test_packed_int4_data_are_long_enough():
    """Five int4 weights take three bytes."""
    packed = replace(X, shape=(5,), dtype="INT4", constant_bytes=3)
    assert check_tensor(packed) is None
    with pytest.raises(InvalidModel):
        check_tensor(replace(packed, constant_bytes=2))


@pytest.mark.parametrize(
    ("graph", "fault"),
    [
        (graph_of(relu(0, 4)), "outputs name tensor 4"),
        (graph_of(relu(-2, 3)), "inputs name tensor -2"),
        (graph_of(relu(2, 1), relu(1, 2)), "a cycle"),
        (graph_of(relu(1, 1)), "a cycle"),
        (graph_of(relu(0, 1), tensors=(X, replace(X, shape=(4, 0)), X, X)), "no elements"),
        (replace(graph_of(), outputs=(7,)), "graph outputs name tensor 7"),
    ],
)
def test_impossible_graphs_are_refused(graph, fault):
    """Indices out of range, cycles and empty results are each named."""
    with pytest.raises(InvalidModel, match=fault):
        check_subgraph([graph], 0)


def test_an_absent_optional_input_is_no_fault():
    """Index -1 stands for a bias that is not there, and (0,) for an old scalar."""
    op = OpInfo(name="FULLY_CONNECTED", inputs=(0, 1, -1), outputs=(3,))
    scalar = replace(X, shape=(0,))
    assert check_subgraph([graph_of(op, tensors=(X, X, X, scalar))], 0) is None


@pytest.mark.parametrize("options", [{"stride_w": 0}, {"dilation_h_factor": -1}])
def test_windows_that_do_not_move_are_refused(options):
    """A stride below one is named with its value."""
    graph = conv_graph(8, 2, 4, dtype="INT8")
    op = replace(graph.ops[0], options=dict(graph.ops[0].options) | options)
    with pytest.raises(InvalidModel, match=next(iter(options))):
        check_subgraph([replace(graph, ops=(op,))], 0)


def test_a_convolution_needs_its_filters():
    """Missing operands and flat images are refused before anything is computed from them."""
    graph = conv_graph(8, 2, 4, dtype="INT8")
    alone = replace(graph.ops[0], inputs=(0,))
    with pytest.raises(InvalidModel, match="has 1 inputs"):
        check_subgraph([replace(graph, ops=(alone,))], 0)
    flat = (replace(graph.tensors[0], shape=(8, 8)), *graph.tensors[1:])
    with pytest.raises(InvalidModel, match="2 dimensions"):
        check_subgraph([replace(graph, tensors=flat)], 0)


def call(index):
    options = {"then_subgraph_index": index, "else_subgraph_index": index}
    return graph_of(OpInfo(name="IF", inputs=(0,), outputs=(3,), options=options))


def test_subgraphs_that_call_each_other_are_refused():
    """Recursion would never end, and doubling at each level would take for ever."""
    with pytest.raises(InvalidModel, match="a cycle"):
        check_calls([call(1), call(0)])
    with pytest.raises(InvalidModel, match="one run takes"):
        check_calls([*(call(i + 1) for i in range(40)), graph_of()])
    with pytest.raises(InvalidModel, match="calls subgraph 9"):
        check_subgraph([call(9)], 0)
