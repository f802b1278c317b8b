"""Conversion to full-integer files."""

import numpy as np
import pytest

from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.device.convert import convert_float32, convert_int8, is_quantize_aware
from tinyml_course.device.flatbuffer import read_model

pytestmark = pytest.mark.slow


def small_model():
    """Return an untrained network with a convolution and two dense layers."""
    seed_everything(0)
    keras = load_keras()
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(4, activation="relu"),
            layers.Dense(2, activation="softmax"),
        ]
    )


def samples(count: int = 20):
    """Return random images in [0, 1]."""
    return np.random.default_rng(0).random((count, 8, 8, 1), dtype=np.float32)


def tensors(data: bytes):
    """Return the tensors of the only subgraph."""
    return read_model(data).subgraphs[0].tensors


def test_every_activation_and_weight_is_an_integer():
    """No float tensor is left, and input and output are int8."""
    graph = read_model(convert_int8(small_model(), samples()).tflite).subgraphs[0]
    assert {info.dtype for info in graph.tensors} <= {"INT8", "INT32"}
    assert {graph.tensors[i].dtype for i in graph.inputs + graph.outputs} == {"INT8"}


def test_dense_layers_have_one_scale_and_convolutions_one_a_channel():
    """Per-channel dense layers, wrong on older runtimes, are turned off."""
    graph = read_model(convert_int8(small_model(), samples()).tflite).subgraphs[0]
    scales = {
        op.name: len(graph.tensors[op.inputs[1]].scales)
        for op in graph.ops
        if op.name in ("CONV_2D", "FULLY_CONNECTED")
    }
    assert scales == {"CONV_2D": 3, "FULLY_CONNECTED": 1}


def test_a_quantization_aware_model_brings_its_own_ranges():
    """Calibration samples do not change the file of a model trained with fake quantization."""
    from tinyml_course.quantization.qat import quantize_aware

    aware = quantize_aware(small_model())
    aware(samples(), training=True)
    first = convert_int8(aware, samples()).tflite
    assert is_quantize_aware(aware)
    assert {info.dtype for info in tensors(first)} <= {"INT8", "INT32"}
    assert [t.scales for t in tensors(first)] == [
        t.scales for t in tensors(convert_int8(aware, 9 * samples()).tflite)
    ]


def test_float_conversion_keeps_float32():
    """The baseline has float weights."""
    assert "FLOAT32" in {info.dtype for info in tensors(convert_float32(small_model()).tflite)}


@pytest.mark.parametrize(
    "calibration",
    [samples(0), samples().astype(np.float64), samples()[..., 0]],
    ids=["none", "float64", "no channel"],
)
def test_wrong_calibration_samples_are_refused(calibration):
    """No samples, another type or another shape raise ValueError with the remedy."""
    with pytest.raises(ValueError, match="pass the training images"):
        convert_int8(small_model(), calibration)
