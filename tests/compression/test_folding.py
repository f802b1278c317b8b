"""Constant channels."""

from __future__ import annotations

import numpy as np
import pytest

from tests.compression.graphs import NET, random_images, randomise
from tinyml_course.compression.folding import fold_constants
from tinyml_course.compression.pruning import dead_channels, prune_channels
from tinyml_course.core.environment import load_keras
from tinyml_course.training.build import build

pytestmark = pytest.mark.slow


def make_constant(model, name, places, value=0.7):
    """Set scale and offset of a normalisation so that some channels are `value` everywhere."""
    gamma, beta, mean, variance = model.get_layer(name).get_weights()
    gamma[places], beta[places] = 0, value
    model.get_layer(name).set_weights([gamma, beta, mean, variance])


def test_constant_channels_go_and_the_outputs_stay():
    """Behind an average, and before a 1x1 convolution with its normalisation, folding is exact."""
    rng = np.random.default_rng(0)
    model = randomise(build(NET), rng)
    make_constant(model, "d3n", [0, 4])  # read by the pointwise c3, and nobody else
    make_constant(model, "c3n", [2, 5])  # averaged, then read by the hidden layer
    images = random_images(model, rng, count=30)

    folded = fold_constants(model, images)
    kept = dead_channels(folded, images)

    assert np.allclose(model(images), folded(images), rtol=1e-5, atol=1e-5)
    assert not kept["c3"][[2, 5]].any()
    assert not folded.get_layer("c3").get_weights()[0][:, :, [0, 4]].any()
    pruned = prune_channels(folded, kept)
    assert np.allclose(model(images), pruned(images), rtol=1e-5, atol=1e-5)
    assert pruned.count_params() < model.count_params()


def test_a_padded_convolution_keeps_its_constants():
    """At the border a padded kernel reads zeros, so no bias can stand for the channel."""
    layers, rng = load_keras().layers, np.random.default_rng(1)
    for padding, stays in (("same", True), ("valid", False)):
        model = randomise(
            load_keras().Sequential(
                [layers.Input((6, 6, 1)), layers.Conv2D(3, 1), layers.BatchNormalization(name="n"),
                 layers.Conv2D(2, 3, padding=padding, name="c"), layers.Flatten(),
                 layers.Dense(2)]
            ), rng,
        )  # fmt: skip
        make_constant(model, "n", [1], -0.4)
        images = random_images(model, rng)

        folded = fold_constants(model, images)

        assert folded.get_layer("c").get_weights()[0][:, :, 1].any() == stays
        assert np.allclose(model(images), folded(images), rtol=1e-5, atol=1e-5)


def test_an_output_that_more_than_the_normalisation_reads_is_left_alone():
    """Without a bias there is no place for the constant if a sum reads the convolution as well."""
    layers, rng = load_keras().layers, np.random.default_rng(2)
    image = layers.Input((4, 4, 1))
    x = layers.BatchNormalization(name="n")(layers.Conv2D(3, 1)(image))
    y = layers.Conv2D(2, 1, use_bias=False, name="c")(x)
    total = layers.Add()([y, layers.BatchNormalization()(y)])
    model = load_keras().Model(image, layers.Dense(2)(layers.Flatten()(total)))
    make_constant(randomise(model, rng), "n", [0])
    images = random_images(model, rng)

    folded = fold_constants(model, images)

    assert folded.get_layer("c").get_weights()[0][:, :, 0].any()
    assert np.allclose(model(images), folded(images), rtol=1e-5, atol=1e-5)
