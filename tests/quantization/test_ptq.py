"""Post-training quantization with chosen ranges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.data import draw_gestures, split
from tinyml_course.device.convert import convert_int8
from tinyml_course.device.runtime import DeviceRuntime
from tinyml_course.quantization.affine import choose_qparams, roundtrip
from tinyml_course.quantization.bit_study import study_net
from tinyml_course.quantization.observers import MinMax, MseOptimal, Percentile
from tinyml_course.quantization.ptq import (
    CALIBRATIONS,
    assign_kernels,
    folded_matrices,
    make_observer,
    quantize_after_training,
    replace_kernels,
    round_columns,
    round_kernels,
)
from tinyml_course.quantization.simulate import kernel_layers, quantized_weights, simulate
from tinyml_course.training.build import build
from tinyml_course.training.fit import evaluate, fit, predict

IMAGES = np.random.default_rng(0).random((48, 32, 32, 1), dtype=np.float32)
WEIGHTS = arrays(np.float64, (6, 3), elements=st.floats(-4, 4, width=32))


def scramble(model, seed=0):
    """Give every variable a random value; some normalisations get a negative factor."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        weights = layer.get_weights()
        if isinstance(layer, load_keras().layers.BatchNormalization):
            gamma, beta, mean, variance = (rng.uniform(0.2, 2.0, w.shape) for w in weights)
            layer.set_weights([gamma * rng.choice([-1, 1], gamma.shape), beta, mean, variance])
        elif weights:
            layer.set_weights([rng.normal(0, 0.4, w.shape) for w in weights])
    return model


@pytest.fixture(scope="module")
def net():
    """A convolution and a separable block with random weights."""
    blocks = (
        LayerSpec(op="conv", filters=4, stride=4, activation="relu"),
        LayerSpec(op="separable", filters=8, stride=2, activation="relu"),
    )
    return scramble(build(ArchSpec(classes=3, layers=blocks)))


@given(WEIGHTS, st.integers(2, 8), st.booleans())
def test_min_max_is_within_half_a_step_of_its_own_channel(w, bits, per_channel):
    """A weight moves by at most half the step that its channel's, or the matrix's, largest sets."""
    high = np.abs(w).max(axis=0) if per_channel else np.abs(w).max()
    step = np.broadcast_to(high / (2 ** (bits - 1) - 1), w.shape)
    error = np.abs(round_columns(w, MinMax(), bits=bits, per_channel=per_channel) - w)
    assert (error <= step / 2 + 1e-9).all()


@given(WEIGHTS, st.integers(2, 5), st.booleans())
@settings(max_examples=30)
def test_least_squares_never_loses_to_min_max(w, bits, per_channel):
    """The range with the smallest squared error is at least as good as the whole one."""
    errors = [
        np.sum((round_columns(w, observer, bits=bits, per_channel=per_channel) - w) ** 2)
        for observer in (MseOptimal(bits=bits, symmetric=True), MinMax())
    ]
    assert errors[0] <= errors[1] * (1 + 1e-9) + 1e-12


def test_clipping_saturates_an_outlier_and_spares_the_rest():
    """A percentile gives up one large weight, and the others come back finer."""
    w = np.append(np.linspace(-1, 1, 999), 40.0)[:, None]
    whole, clipped = (
        round_columns(w, observer, bits=4, per_channel=True)
        for observer in (MinMax(), Percentile(percent=99.0))
    )
    assert clipped.max() < 2 < whole.max()
    assert np.abs(clipped - w)[:-1].max() < np.abs(whole - w)[:-1].max() / 3


def test_observers_by_name():
    """Each calibration names an observer; an unknown one is refused with the choice."""
    kinds = [type(make_observer(name, 4)).__name__ for name in CALIBRATIONS]
    assert ["MinMax", "Percentile", "Percentile", "MseOptimal"] == kinds
    assert make_observer("mse", 4, symmetric=True).symmetric
    with pytest.raises(ValueError, match="'entropy'"):
        make_observer("entropy", 8)


@pytest.mark.slow
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_min_max_rounds_as_the_simulation_does(net, bits, per_channel):
    """With min-max the weights are those of `simulate`, which has its own arithmetic."""
    kernels = round_kernels(net, bits=bits, per_channel=per_channel)
    simulated = simulate(net, weight_bits=bits, activation_bits=32, per_channel=per_channel)
    expected = quantized_weights(simulated)
    assert expected.keys() == kernels.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(kernels[name], values, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_one_scale_is_one_of_the_folded_weights(net):
    """Per tensor, what the chip stores lies on one grid, though each kernel channel has its own."""
    rounded = replace_kernels(net, round_kernels(net, bits=3, per_channel=False))
    for name, matrix in folded_matrices(net).items():
        q = choose_qparams(matrix.min(), matrix.max(), bits=3, symmetric=True)
        np.testing.assert_allclose(
            folded_matrices(rounded)[name], roundtrip(matrix, q), rtol=1e-4, atol=1e-5
        )


@pytest.mark.slow
def test_quantized_model_answers_like_the_simulation_and_leaves_the_model(net):
    """Weights and activations together predict as `simulate` does; the model stays in float."""
    before = net.get_weights()
    ours = quantize_after_training(net, IMAGES, weight_bits=4)
    theirs = simulate(net, IMAGES, weight_bits=4)
    np.testing.assert_allclose(predict(ours, IMAGES), predict(theirs, IMAGES), atol=1e-4)
    assert all(np.array_equal(a, b) for a, b in zip(before, net.get_weights(), strict=True))
    assert all(int(layer.bits) == 32 for layer in kernel_layers(ours).values())


@pytest.mark.slow
def test_float_width_keeps_the_weights(net):
    """At 32 bits nothing moves, whatever the calibration."""
    kernels = round_kernels(net, bits=32, calibration="99 %")
    assert all(np.array_equal(kernels[n], net.get_layer(n).get_weights()[0]) for n in kernels)


@pytest.mark.slow
def test_kernels_are_assigned_to_a_simulation_too(net):
    """Assigning kernels changes what a simulation with float weights computes, like a new one."""
    simulated = simulate(net, IMAGES, weight_bits=32)
    assign_kernels(simulated, round_kernels(net, bits=2))
    expected = predict(simulate(net, weight_bits=2, activation_bits=32), IMAGES)
    plain = replace_kernels(net, round_kernels(net, bits=2))
    np.testing.assert_allclose(predict(plain, IMAGES), expected, atol=1e-5)
    found = quantized_weights(simulated)
    assert all(
        np.array_equal(found[n], plain.get_layer(n).get_weights()[0]) for n in ("c0", "d1", "c1")
    )


@pytest.mark.slow
def test_simulated_8_bits_answer_like_the_converters_bytes_on_the_device():
    """Of 240 samples, the device runtime and the simulation answer 99 % alike; 3 bits do not."""
    seed_everything(0)
    data = draw_gestures(tuple("0123"), samples_per_class=100, people=8, seed=0)
    train, test = split(data, test_fraction=0.6, seed=0)
    model = build(study_net(4))
    fit(model, train, epochs=15, learning_rate=1e-2, progress=False)
    assert evaluate(model, test) > 0.6
    samples = train.images[:64]
    with DeviceRuntime(convert_int8(model, samples).tflite) as runtime:
        device = runtime.run(test.images).argmax(axis=1)
    agree = {
        bits: np.mean(
            device
            == predict(
                quantize_after_training(model, samples, weight_bits=bits), test.images
            ).argmax(axis=1)
        )
        for bits in (8, 3)
    }
    assert agree[8] >= 0.99
    assert agree[3] < 0.99
