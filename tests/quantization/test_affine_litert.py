"""Our affine maps and codes against the tensors that LiteRT's converter and kernels make."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tinyml_course.core.environment import load_keras, load_tensorflow, seed_everything
from tinyml_course.quantization.affine import (
    choose_channel_qparams,
    choose_qparams,
    quantize,
)

pytestmark = pytest.mark.slow

LOW, HIGH = np.float32(-0.75), np.float32(1.875)
"""Ends without rounding in float32, in which the calibrator subtracts them."""


def convert(model, samples):
    """Convert to int8 inside and float outside, and open with LiteRT's reference kernels."""
    tf = load_tensorflow()
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: ([sample] for sample in samples)
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    interpreter = Interpreter(
        model_content=converter.convert(),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    return interpreter


@pytest.fixture(scope="module")
def converted():
    """A small network converted to int8 with a float input: its arrays and interpreter."""
    keras = load_keras()
    seed_everything(0)
    model = keras.Sequential(
        [
            keras.layers.Input((8, 8, 2)),
            keras.layers.Conv2D(4, 3, use_bias=False),
            keras.layers.Flatten(),
            keras.layers.Dense(5, use_bias=False),
        ]
    )
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 3, 2, 4)) * [0.01, 1.0, 100.0, 0.3]
    dense = rng.normal(size=(144, 5)) * [0.1, 1.0, 1.0, 2.0, 0.5]
    model.set_weights([kernel.astype(np.float32), dense.astype(np.float32)])
    samples = rng.uniform(LOW, HIGH, size=(20, 1, 8, 8, 2)).astype(np.float32)
    samples[3].flat[0], samples[7].flat[5] = LOW, HIGH
    return convert(model, samples), [w.astype(np.float64) for w in model.get_weights()], samples


def tensor(interpreter, shape):
    """The int8 tensor of `shape`: its index, scales, zero points."""
    (found,) = (
        d
        for d in interpreter.get_tensor_details()
        if d["dtype"] == np.int8 and tuple(d["shape"]) == shape
    )
    maps = found["quantization_parameters"]
    return found["index"], maps["scales"], maps["zero_points"].tolist()


def test_convolution_per_channel(converted):
    """The scales and int8 weights of a convolution, one map a channel, are LiteRT's own."""
    interpreter, (kernel, _), _ = converted
    q = choose_channel_qparams(kernel, axis=3)
    index, scales, zero_points = tensor(interpreter, (4, 3, 3, 2))
    assert scales.tolist() == [np.float32(channel.scale) for channel in q.channels]
    assert zero_points == [channel.zero_point for channel in q.channels]
    codes = np.moveaxis(quantize(kernel, q), 3, 0)
    assert interpreter.get_tensor(index).tolist() == codes.tolist()


def test_dense_per_tensor(converted):
    """The scale and int8 weights of a dense layer, one map in all, are LiteRT's own."""
    interpreter, (_, dense), _ = converted
    q = choose_qparams(dense.min(), dense.max(), symmetric=True)
    index, scales, zero_points = tensor(interpreter, (5, 144))
    assert scales.tolist() == [np.float32(q.scale)]
    assert zero_points == [q.zero_point]
    assert interpreter.get_tensor(index).tolist() == quantize(dense, q).T.tolist()


def test_calibrated_input(converted):
    """The input's scale, zero point and codes follow from the calibrated lowest and highest."""
    interpreter, _, samples = converted
    q = choose_qparams(float(LOW), float(HIGH))
    index, scales, zero_points = tensor(interpreter, (1, 8, 8, 2))
    assert scales.tolist() == [np.float32(q.scale)]
    assert zero_points == [q.zero_point]
    for sample in samples:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sample)
        interpreter.invoke()
        assert interpreter.get_tensor(index).tolist() == quantize(sample, q).tolist()


def test_calibrated_output(converted):
    """The output's map follows from the smallest and largest output over the samples."""
    interpreter, weights, samples = converted
    keras = load_keras()
    model = keras.Sequential(
        [keras.layers.Input((8, 8, 2)), keras.layers.Conv2D(4, 3, use_bias=False)]
    )
    model.set_weights(weights[:1])
    outputs = np.asarray(model(samples[:, 0])).reshape(len(samples), -1) @ weights[1]
    q = choose_qparams(outputs.min(), outputs.max())
    _, scales, zero_points = tensor(interpreter, (1, 5))
    assert scales[0] == pytest.approx(q.scale, rel=1e-5)
    assert zero_points == [q.zero_point]


def test_halves_at_run_time():
    """LiteRT's QUANTIZE kernel rounds values half-way between two codes as we do."""
    keras = load_keras()
    model = keras.Sequential([keras.layers.Input((256,)), keras.layers.ReLU()])
    ends = np.linspace(-64.0, 63.5, 256, dtype=np.float32)[None]
    interpreter = convert(model, ends[None])
    q = choose_qparams(-64.0, 63.5)
    assert (0.5, 0) == (q.scale, q.zero_point)
    halves = np.clip(np.arange(-32.0, 32.0, 0.25, dtype=np.float32), -64, 63.5)[None]
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], halves)
    interpreter.invoke()
    (index,) = (
        d["index"]
        for d in interpreter.get_tensor_details()
        if d["dtype"] == np.int8 and d["quantization"] == (0.5, 0)
    )
    assert interpreter.get_tensor(index).tolist() == quantize(halves, q).tolist()
