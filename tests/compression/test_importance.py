"""Importance of channels against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.compression.graphs import random_images, random_model, randomise
from tinyml_course.compression.channel_graph import read_channels
from tinyml_course.compression.channel_values import channel_gradients
from tinyml_course.compression.importance import bn_scale, l1_norm, score_channels, taylor
from tinyml_course.compression.pruning import mask_channels
from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.environment import load_keras
from tinyml_course.training.build import build

pytestmark = pytest.mark.slow

RESIDUAL = ArchSpec(
    classes=3,
    input_shape=(6, 6, 1),
    hidden=4,
    layers=(
        LayerSpec(op="conv", filters=4),
        LayerSpec(op="conv", filters=4, skip=True),
        LayerSpec(op="separable", filters=5),
    ),
)


@pytest.fixture(scope="module")
def model():
    """The residual network with random weights."""
    return randomise(build(RESIDUAL), np.random.default_rng(0))


def weights(model, layer, place=0):
    """Return one array of a layer's weights."""
    return model.get_layer(layer).get_weights()[place]


def test_bn_scale_adds_the_scales_of_all_normalisations_on_a_channel(model):
    """A residual group adds both convolutions' scales and that of the depthwise one behind."""
    scores = bn_scale(model)

    expected = sum(np.abs(weights(model, name)) for name in ("c0n", "c1n", "d2n"))
    assert np.allclose(expected, scores["c0"])
    assert np.allclose(np.abs(weights(model, "c2n")), scores["c2"])
    assert ["c0", "c2"] == list(scores)  # the hidden layer has no normalisation


def test_l1_adds_the_filters_of_a_residual_sum(model):
    """Absolute weights, over all axes but the filters', of every layer that makes the channel."""
    scores = l1_norm(model)

    filters = [np.abs(weights(model, name)).sum(axis=(0, 1, 2)) for name in ("c0", "c1")]
    assert np.allclose(filters[0] + filters[1], scores["c0"])
    assert np.allclose(np.abs(weights(model, "c2")).sum(axis=(0, 1, 2)), scores["c2"])
    assert np.allclose(np.abs(weights(model, "h")).sum(axis=0), scores["h"])


def test_taylor_is_activation_times_gradient():
    """For a 1x1 convolution, an average and a softmax the formula can be written out."""
    layers, rng = load_keras().layers, np.random.default_rng(1)
    model = load_keras().Sequential(
        [layers.Input((2, 2, 1)), layers.Conv2D(3, 1, activation="relu", name="c"),
         layers.GlobalAveragePooling2D(), layers.Dense(2, activation="softmax", name="out")]
    )  # fmt: skip
    randomise(model, rng)
    images, labels = random_images(model, rng, count=5), np.array([0, 1, 1, 0, 1])

    (kernel, bias), (matrix, offset) = (model.get_layer(n).get_weights() for n in ("c", "out"))
    pooled = np.maximum(images * kernel[0, 0, 0] + bias, 0).mean(axis=(1, 2))
    z = pooled @ matrix + offset
    slope = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) - np.eye(2)[labels]
    expected = np.abs(pooled * (slope @ matrix.T)).mean(axis=0)

    assert np.allclose(expected, taylor(model, images, labels)["c"], atol=1e-6)


def test_a_channels_gradient_is_that_of_turning_it_down():
    """Over a residual sum, too, the gradient is the loss's slope when one channel is scaled."""
    rng = np.random.default_rng(5)
    keras = load_keras()
    image = keras.layers.Input((4, 4, 1))
    first = keras.layers.Conv2D(3, 3, padding="same", activation="tanh", name="a")(image)
    second = keras.layers.Conv2D(3, 3, padding="same", activation="tanh", name="b")(first)
    total = keras.layers.Add()([first, second])
    head = keras.layers.Dense(2, activation="softmax", name="out")
    model = randomise(keras.Model(image, head(keras.layers.GlobalAveragePooling2D()(total))), rng)
    images, labels = random_images(model, rng), np.array([0, 1, 0, 1])
    graph = read_channels(model)

    def loss(channel, gate):
        """Return each sample's loss with one channel scaled where `b` and `out` read it."""
        scaled = mask_channels(model, {})
        for name in ("b", "out"):
            kernel, bias = scaled.get_layer(name).get_weights()
            kernel[..., channel, :] *= gate
            scaled.get_layer(name).set_weights([kernel, bias])
        right = np.asarray(scaled(images), np.float64)[np.arange(4), labels]
        return -np.log(right)

    gradients = channel_gradients(graph, images, labels)[:, graph.classes["a"]]
    for channel in range(3):
        slope = (loss(channel, 1.01) - loss(channel, 0.99)) / 0.02
        assert np.allclose(slope, gradients[:, channel], atol=2e-3)


def test_taylor_is_small_for_a_channel_that_nobody_reads(model):
    """A channel without outgoing weights scores zero, however strong its own filter is."""
    cut = mask_channels(model, {})
    kernel, bias = cut.get_layer("h").get_weights()
    kernel[2] = 0
    cut.get_layer("h").set_weights([kernel, bias])
    images = random_images(cut, np.random.default_rng(2))

    scores = taylor(cut, images, np.array([0, 1, 2, 0]))["c2"]

    assert scores[2] == 0
    assert l1_norm(cut)["c2"][2] > 0


def test_every_criterion_scores_the_groups_that_may_be_pruned():
    """Scores are not negative, and of the widths of the model's groups."""
    rng = np.random.default_rng(7)
    model = random_model(rng, activation="softmax")
    graph = read_channels(model)
    widths = {group.name: group.width for group in graph.groups if group.prunable}

    scores = taylor(model, random_images(model, rng), np.array([0, 1, 2, 0]))

    assert widths == {name: len(score) for name, score in scores.items()}
    assert widths == {name: len(score) for name, score in l1_norm(model).items()}
    assert all((score >= 0).all() for score in scores.values())


def test_unusable_criteria_are_refused(model):
    """An unknown name, Taylor without samples, and outputs that are no probabilities."""
    with pytest.raises(ValueError, match="one of bn-scale, l1, taylor, got 'l2'"):
        score_channels(model, "l2")
    with pytest.raises(ValueError, match="pass the training set"):
        score_channels(model, "taylor")
    layers = load_keras().layers
    linear = load_keras().Sequential([layers.Input((2, 2, 1)), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ValueError, match="end it in softmax"):
        taylor(linear, np.ones((3, 2, 2, 1), np.float32), np.zeros(3, np.int64))
