"""Attention maps and their distance."""

import numpy as np
import pytest

from tinyml_course.compression.attention import (
    Attention,
    attention_distance,
    attention_map,
    pair_layers,
)
from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.environment import load_tensorflow
from tinyml_course.training.build import build

pytestmark = pytest.mark.slow


def images(channels: int, *, seed: int = 0):
    """Return activations (5, 3, 4, C) with negative entries, in float64."""
    return np.random.default_rng(seed).normal(0, 1, (5, 3, 4, channels))


def oracle(x):
    """Return the map in NumPy: summed squares, flat, of unit length."""
    flat = (x**2).sum(axis=-1).reshape(len(x), -1)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


@pytest.mark.parametrize("channels", [1, 6])
def test_a_map_is_the_unit_vector_of_summed_squares(channels):
    """Maps agree with NumPy for any number of channels."""
    np.testing.assert_allclose(
        oracle(images(channels)), attention_map(images(channels)).numpy(), atol=1e-12
    )


def test_a_map_ignores_sign_scale_and_order_of_channels():
    """Only where activations are large counts."""
    x = images(4)
    same = attention_map(-3.0 * x[..., ::-1]).numpy()

    np.testing.assert_allclose(attention_map(x).numpy(), same, atol=1e-12)


def test_the_distance_lies_between_equal_and_disjoint_maps():
    """Half the squared distance is 0 for equal maps and 1 where no place is shared."""
    left, right = np.zeros((1, 2, 2, 3)), np.zeros((1, 2, 2, 1))
    left[0, 0, 0], right[0, 1, 1] = 2.0, 0.1
    a, b = attention_map(left), attention_map(right)

    assert attention_distance(a, a).numpy().tolist() == [0.0]
    np.testing.assert_allclose([1.0], attention_distance(a, b).numpy())


def test_the_gradient_is_finite_where_nothing_is_active():
    """A black image has a map of zeros and no gradient, not NaN."""
    tf = load_tensorflow()
    x = tf.Variable(np.zeros((1, 2, 2, 3)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(attention_distance(oracle(np.ones((1, 2, 2, 1))), attention_map(x)))

    assert tape.gradient(loss, x).numpy().tolist() == np.zeros((1, 2, 2, 3)).tolist()


def test_the_gradient_agrees_with_finite_differences():
    """The derivative through the unit length is right, in float64."""
    tf, target = load_tensorflow(), oracle(images(2, seed=1))
    x = tf.Variable(images(3))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(attention_distance(target, attention_map(x)))
    step = np.zeros_like(images(3))
    step[2, 1, 3, 1] = 1e-5
    up, down = (
        attention_distance(target, attention_map(images(3) + s)).numpy().sum()
        for s in (step, -step)
    )

    assert tape.gradient(loss, x).numpy()[2, 1, 3, 1] == pytest.approx((up - down) / 2e-5, abs=1e-8)


def network(*strides: int):
    """Return convolutions with these strides."""
    layers = tuple(LayerSpec(op="conv", filters=2, stride=stride) for stride in strides)
    return build(ArchSpec(layers=layers, classes=2, input_shape=(8, 8, 1)))


def test_layers_are_paired_at_the_end_of_each_common_size():
    """Of two activations of a size the later one is taken; sizes of one model alone are not."""
    assert (("c1a", "c0a"), ("c2a", "c2a")) == pair_layers(network(2, 1, 2), network(2, 2, 1))


def test_models_without_a_common_size_and_empty_pairs_are_refused():
    """Nothing to transfer is an error that names the sizes."""
    with pytest.raises(ValueError, match=r"student's are \[\(8, 8\)\]"):
        pair_layers(network(1), network(2))
    with pytest.raises(ValueError, match="at least one pair"):
        Attention(pairs=())
    with pytest.raises(ValueError, match="weight"):
        Attention(pairs=(("a", "b"),), weight=0.0)
