import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.cost.layers import conv_graph, count_dense_bytes, dense_graph


@given(st.integers(1, 300), st.integers(1, 300))
def test_dense_bytes_equal_the_arrays_of_numpy(inputs, outputs):
    """The formulas give what NumPy reserves for W, b, y and their gradients."""
    w, b = np.zeros((inputs, outputs), np.float32), np.zeros(outputs, np.float32)
    y = np.zeros(inputs, np.float32) @ w + b

    cost = count_dense_bytes(inputs, outputs)

    assert (w.nbytes, b.nbytes, y.nbytes) == (
        cost.weight_bytes,
        cost.bias_bytes,
        cost.activation_bytes,
    )
    assert w.nbytes + b.nbytes == cost.gradient_bytes


def test_int8_shrinks_weights_and_activations_to_a_quarter_but_not_biases():
    """Biases of an int8 layer are 32-bit integers."""
    cost = count_dense_bytes(1000, 100, dtype="INT8")

    assert (100_000, 400, 100) == (cost.weight_bytes, cost.bias_bytes, cost.activation_bytes)


def test_graphs_hold_the_constants_of_the_formula():
    """A dense graph stores weights and biases, and nothing else."""
    cost = count_dense_bytes(64, 10, dtype="INT8")

    stored = sum(t.constant_bytes for t in dense_graph(64, 10, dtype="INT8").tensors)

    assert cost.weight_bytes + cost.bias_bytes == stored


def test_a_convolution_keeps_height_and_width():
    """With stride 1 and padding, the output has the input's sides and one channel per filter."""
    graph = conv_graph(32, 3, 16)

    assert (1, 32, 32, 16) == graph.tensors[3].shape
    assert 16 * 3 * 3 * 3 * 4 == graph.tensors[1].constant_bytes


@pytest.mark.parametrize(("inputs", "dtype"), [(0, "FLOAT32"), (8, "INT4")])
def test_impossible_layers_are_refused(inputs, dtype):
    """Sizes below one and other types are errors."""
    with pytest.raises(ValueError, match="must be"):
        dense_graph(inputs, 8, dtype=dtype)
