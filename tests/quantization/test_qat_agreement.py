"""The converted bytes on the device runtime against the quantization-aware model in Keras."""

import numpy as np
import pytest

from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.data import draw_gestures, split
from tinyml_course.device.convert import convert_int8
from tinyml_course.device.runtime import DeviceRuntime
from tinyml_course.quantization.qat import quantize_aware
from tinyml_course.training.build import small_cnn
from tinyml_course.training.fit import fit, predict

pytestmark = pytest.mark.slow

LEAST_AGREEMENT = 0.995


@pytest.fixture(scope="module")
def gestures():
    """Training and test gestures, 600 of them to test on."""
    return split(draw_gestures(samples_per_class=400, seed=3), test_fraction=0.5, seed=3)


def plain(k):
    """Return convolutions with activations inside, no normalisation, and a hidden dense layer."""
    return [
        k.Conv2D(6, 5, strides=2, activation="relu"), k.MaxPooling2D(2),
        k.Conv2D(12, 3, activation="relu"), k.Flatten(), k.Dense(16, activation="relu"),
        k.Dense(3, activation="softmax"),
    ]  # fmt: skip


def separable(k):
    """Return separable layers with and without bias and a normalisation after pooling."""
    return [
        k.SeparableConv2D(8, 3, strides=2, use_bias=False), k.BatchNormalization(momentum=0.9),
        k.ReLU(6.0), k.SeparableConv2D(16, 3, strides=2, activation="relu"),
        k.AveragePooling2D(2), k.BatchNormalization(momentum=0.9), k.Flatten(),
        k.Dense(3, activation="softmax"),
    ]  # fmt: skip


def residual():
    """Return a Functional model with a sum and a concatenation."""
    k = load_keras().layers
    x = k.Input((32, 32, 1))
    y = k.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    z = k.BatchNormalization(momentum=0.9)(k.Conv2D(8, 3, padding="same", use_bias=False)(y))
    y = k.ReLU()(k.Add()([y, z]))
    z = k.DepthwiseConv2D(3, strides=2, padding="same", activation="relu6")(y)
    y = k.Concatenate()([z, k.MaxPooling2D(2)(y)])
    return load_keras().Model(x, k.Dense(3, activation="softmax")(k.GlobalAveragePooling2D()(y)))


def sequential(parts):
    """Return a Sequential model for gestures."""
    keras = load_keras()
    return keras.Sequential([keras.layers.Input((32, 32, 1)), *parts(keras.layers)])


NETS = {
    "plain": lambda: sequential(plain),
    "gesture_net": lambda: small_cnn(3, width=4),
    "separable": lambda: sequential(separable),
    "residual": residual,
}


@pytest.mark.parametrize(
    ("net", "bits"),
    [("plain", 8), ("gesture_net", 8), ("gesture_net", 4), ("separable", 8), ("residual", 8)],
)
def test_the_bytes_predict_what_the_model_predicts(net, bits, gestures):
    """On at least 99.5 % of 600 test gestures both choose the same class."""
    train, test = gestures
    seed_everything(1)
    model = NETS[net]()
    fit(model, train, epochs=6, seed=1, augment=False, learning_rate=4e-3, progress=False)
    aware = quantize_aware(model, weight_bits=bits, calibration=train.images)
    fit(aware, train, epochs=2, seed=1, augment=False, learning_rate=1e-3, progress=False)
    with DeviceRuntime(convert_int8(aware, train.images).tflite) as device:
        answers = device.run(test.images).argmax(axis=1)
    predicted = predict(aware, test.images).argmax(axis=1)
    assert np.mean(predicted == test.labels) > 0.8  # an untrained network agrees by chance
    assert np.mean(answers == predicted) >= LEAST_AGREEMENT


def every_operator():
    """Return a model with one output for each kind of operator, each after one rounding."""
    k = load_keras().layers
    x = k.Input((6, 6, 3))
    outputs = [
        k.Conv2D(4, 3, name="conv")(x),
        k.Conv2D(4, 3, strides=2, activation="relu6", name="conv_relu")(x),
        k.ReLU()(k.BatchNormalization()(k.Conv2D(5, 1, use_bias=False, name="conv_norm")(x))),
        k.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(x),
        k.BatchNormalization(name="norm")(x),
        k.Dense(3, name="dense")(k.Flatten()(x)),
        k.Add()([x, x]),
        k.Concatenate()([x, x]),
        k.GlobalAveragePooling2D()(x),
        k.AveragePooling2D(2)(x),
        k.LeakyReLU()(x),
    ]
    return load_keras().Model(x, outputs)


def test_one_operator_errs_by_one_step_at_most():
    """Where both round once, as training simulates it, their outputs differ by a step or less.

    The average of windows is not simulated, so half a step may come on top of its one.
    """
    seed_everything(0)
    rng, model = np.random.default_rng(0), every_operator()
    for variable in model.variables:
        low = 0.3 if "variance" in variable.name else -1.0
        variable.assign(rng.uniform(low, 1.5, variable.shape))
    x = rng.uniform(-1, 1, (200, 6, 6, 3)).astype(np.float32)
    aware = quantize_aware(model, calibration=x)
    outputs = [np.asarray(output) for output in aware(x)]
    with DeviceRuntime(convert_int8(aware, x).tflite) as device:
        answers = [device.dequantize(c, output=i) for i, c in enumerate(device.run_all([x]))]
        steps = [port.scale for port in device.outputs]
    assert len(answers) == len(outputs)
    for answer, step in zip(answers, steps, strict=True):
        gaps = [np.abs(answer - o).max() / step for o in outputs if o.shape == answer.shape]
        assert min(gaps) <= 1.0 + 1e-3
