"""Keras models from specifications."""

import numpy as np
import pytest

from tinyml_course.core.arch import ArchSpec, LayerSpec, gesture_net
from tinyml_course.core.environment import seed_everything
from tinyml_course.training.build import build, dense_net, small_cnn

pytestmark = pytest.mark.slow


def trainable(layer: LayerSpec, channels: int) -> int:
    """Return the trained parameters of one block by the textbook formula."""
    squares = layer.kernel**2
    if layer.op == "conv":
        return squares * channels * layer.filters + 2 * layer.filters
    depthwise = squares * channels + 2 * channels
    return depthwise + (channels * layer.filters + 2 * layer.filters) * (layer.op == "separable")


@pytest.mark.parametrize("width", [4, 8])
def test_parameters_match_the_textbook_formula(width):
    """Weights and normalisations are those that the specification implies, and no bias."""
    spec = gesture_net(10, width=width)
    channels, expected = 1, 0
    for layer in spec.layers:
        expected += trainable(layer, channels)
        channels = layer.filters or channels
    expected += (channels + 1) * 10
    actual = sum(int(np.prod(v.shape)) for v in build(spec).trainable_variables)
    assert actual == expected


def test_output_is_a_probability_for_each_class():
    """Rows of the output are non-negative and sum to one."""
    out = np.asarray(small_cnn(3, width=4)(np.zeros((2, 32, 32, 1), np.float32)))
    assert out.shape == (2, 3)
    np.testing.assert_allclose(out.sum(axis=1), 1.0, rtol=1e-6)


def test_strides_halve_the_image():
    """Two blocks of stride 2 turn 32 x 32 pixels into 8 x 8."""
    halving = LayerSpec(op="conv", filters=4, stride=2)
    model = build(ArchSpec(layers=(halving, halving), classes=2))
    assert model.layers[-3].output_shape == (None, 8, 8, 4)


def test_the_same_seed_gives_the_same_weights():
    """Initial weights are a function of the seed."""

    def first_weights(seed):
        seed_everything(seed)
        return dense_net(3, hidden=(4,)).get_weights()[0]

    np.testing.assert_array_equal(first_weights(1), first_weights(1))
    assert not np.array_equal(first_weights(1), first_weights(2))
