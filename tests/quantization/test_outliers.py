"""Outliers that float does not see."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.environment import load_keras
from tinyml_course.quantization.outliers import move_scale
from tinyml_course.quantization.ptq import round_kernels
from tinyml_course.training.build import build
from tinyml_course.training.fit import predict

pytestmark = pytest.mark.slow

IMAGES = np.random.default_rng(1).random((16, 32, 32, 1), dtype=np.float32)


def make(activation="relu"):
    """Return an untrained network of two blocks, its normalisations away from their start."""
    rng = np.random.default_rng(0)
    blocks = (
        LayerSpec(op="conv", filters=4, stride=4, activation=activation),
        LayerSpec(op="separable", filters=6, stride=2, activation=activation),
    )
    model = build(ArchSpec(classes=3, layers=blocks))
    for layer in model.layers:
        if isinstance(layer, load_keras().layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 2.0, w.shape) for w in layer.get_weights()])
    return model


@pytest.fixture(scope="module")
def net():
    """A network with ReLU."""
    return make()


@pytest.mark.parametrize("factor", [64.0, 1 / 64, 3.7])
@pytest.mark.parametrize(("producer", "consumer"), [("c0n", "d1"), ("d1n", "c1")])
def test_float_answers_stay(net, producer, consumer, factor):
    """The function is the same to float32's rounding, for a depthwise and a full reader."""
    moved = move_scale(net, producer=producer, consumer=consumer, factor=factor)
    np.testing.assert_allclose(predict(moved, IMAGES), predict(net, IMAGES), rtol=2e-5)


def test_only_one_channel_grows(net):
    """The channel with the largest weights gets the factor, all others and the model stay."""
    before = net.get_layer("d1").get_weights()[0]
    after = move_scale(net, producer="c0n", consumer="d1", factor=8.0)
    ratio = after.get_layer("d1").get_weights()[0] / before
    largest = int(np.abs(before).max(axis=(0, 1, 3)).argmax())
    np.testing.assert_allclose(ratio[:, :, largest], 8.0)
    assert (np.delete(ratio, largest, axis=2) == 1).all()
    assert np.array_equal(before, net.get_layer("d1").get_weights()[0])
    chosen = move_scale(net, producer="c0n", consumer="d1", factor=8.0, channel=1)
    assert np.array_equal(8 * before[:, :, 1], chosen.get_layer("d1").get_weights()[0][:, :, 1])


def test_scales_per_channel_do_not_see_it(net):
    """With its own scale, the grown filter is rounded to the same codes, and so are the others."""
    moved = move_scale(net, producer="c0n", consumer="d1", factor=64.0, channel=2)
    plain, grown = (round_kernels(model, bits=4)["d1"] for model in (net, moved))
    np.testing.assert_allclose(64 * plain[:, :, 2], grown[:, :, 2], rtol=1e-6)
    np.testing.assert_allclose(plain[:, :, :2], grown[:, :, :2], rtol=1e-6)


def test_one_scale_loses_the_bits_of_the_factor(net):
    """Per tensor at 8 bits, filters beside one of 2**7 times their size have a code or none."""
    moved = move_scale(net, producer="c0n", consumer="d1", factor=2.0**9)
    kernel = round_kernels(moved, bits=8, per_channel=False)["d1"][..., 0].reshape(9, -1)
    lost = [len(np.unique(column)) <= 3 for column in kernel.T]
    assert sum(lost) == kernel.shape[1] - 1


def test_what_no_factor_passes_is_refused(net):
    """A ceiling, a layer that does not follow, an unknown name or a factor of 0 raise."""
    with pytest.raises(ValueError, match="ReLU without ceiling"):
        move_scale(make("relu6"), producer="c0n", consumer="d1", factor=2.0)
    with pytest.raises(ValueError, match="'c1' must be the only layer"):
        move_scale(net, producer="c0n", consumer="c1", factor=2.0)
    with pytest.raises(ValueError, match="no layer 'c7n'"):
        move_scale(net, producer="c7n", consumer="d1", factor=2.0)
    with pytest.raises(ValueError, match="factor must be positive, got 0"):
        move_scale(net, producer="c0n", consumer="d1", factor=0.0)
