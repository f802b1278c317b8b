"""Hand-made layer graphs against the files that the converter writes."""

import numpy as np
import pytest

from tinyml_course.core.environment import load_keras
from tinyml_course.cost.layers import conv_graph, dense_graph
from tinyml_course.device.convert import convert_int8
from tinyml_course.device.flatbuffer import read_model

pytestmark = pytest.mark.slow


def convert(layer, shape):
    """Return the int8 graph of one Keras layer after conversion."""
    keras = load_keras()
    model = keras.Sequential([keras.layers.Input(shape), layer])
    samples = np.random.default_rng(0).standard_normal((4, *shape)).astype(np.float32)
    return read_model(convert_int8(model, samples).tflite).subgraphs[0]


def describe(graph):
    """Return what memory depends on: operators, and each tensor's shape, type and data."""
    tensors = sorted((t.shape, t.dtype, t.constant_bytes, len(t.scales)) for t in graph.tensors)
    return [op.name for op in graph.ops], tensors


def test_a_dense_graph_is_the_converted_layer():
    """Same operator, shapes, types and bytes as the converter's file."""
    layer = load_keras().layers.Dense(10, bias_initializer="ones")

    assert describe(dense_graph(64, 10, dtype="INT8")) == describe(convert(layer, (64,)))


def test_a_convolution_graph_is_the_converted_layer():
    """Same operator, shapes, types, bytes and numbers of scales as the converter's file."""
    layer = load_keras().layers.Conv2D(6, 3, padding="same", bias_initializer="ones")

    expected = describe(convert(layer, (8, 8, 2)))

    assert expected == describe(conv_graph(8, 2, 6, dtype="INT8"))
