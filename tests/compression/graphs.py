"""Small random networks with nothing trivially zero, for the tests of pruning."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyml_course.compression.channel_graph import find_groups
from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.environment import load_keras

NET = ArchSpec(
    classes=3,
    input_shape=(8, 8, 1),
    hidden=5,
    layers=(
        LayerSpec(op="conv", filters=6, stride=2, activation="relu"),
        LayerSpec(op="separable", filters=6, skip=True),
        LayerSpec(op="depthwise", kernel=3),
        LayerSpec(op="separable", filters=9, skip=True, pool=2),
    ),
)
"""A residual sum, a depthwise block, separable ones and a hidden layer."""


def random_model(rng: np.random.Generator, *, blocks: int = 3, activation: str = "linear") -> Any:
    """Return a functional model of images (6, 6, 1 or 2): random blocks, head and weights."""
    layers = load_keras().layers
    image = layers.Input((6, 6, int(rng.integers(1, 3))))
    x = _convolve(image, rng)
    for _ in range(blocks):
        x = _BLOCKS[int(rng.integers(len(_BLOCKS)))](x, rng)
    x = layers.Flatten()(x) if rng.random() < 0.4 else layers.GlobalAveragePooling2D()(x)
    if rng.random() < 0.5:
        x = layers.Dense(int(rng.integers(2, 6)), activation="relu")(x)
    model = load_keras().Model(image, layers.Dense(3, activation=activation)(x))
    return randomise(model, rng)


def randomise(model: Any, rng: np.random.Generator) -> Any:
    """Return `model` with every weight drawn anew: scales of both signs, offsets, statistics."""
    for layer in model.layers:
        drawn = [_draw(rng, weight.shape) for weight in layer.get_weights()]
        if type(layer).__name__ == "BatchNormalization":
            drawn[-1] = rng.uniform(0.5, 2, drawn[-1].shape)
        layer.set_weights(drawn)
    return model


def _draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Return values whose sums over what a filter reads are about 1, so that nothing saturates."""
    return rng.normal(0, 1 / np.sqrt(np.prod(shape[:-1])), shape)


def random_kept(model: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Return a random mask for each prunable group, at least one channel in each."""
    kept = {g.name: rng.random(g.width) < 0.6 for g in find_groups(model) if g.prunable}
    for mask in kept.values():
        mask[rng.integers(len(mask))] = True
    return kept


def random_images(model: Any, rng: np.random.Generator, *, count: int = 4) -> Any:
    """Return `count` images with values of both signs."""
    return rng.normal(size=(count, *model.input_shape[1:])).astype(np.float32)


def _activate(x: Any, rng: np.random.Generator) -> Any:
    layers = load_keras().layers
    x = layers.BatchNormalization()(x)
    return layers.ReLU(6.0 if rng.random() < 0.5 else None)(x)


def _convolve(x: Any, rng: np.random.Generator, filters: int = 0) -> Any:
    layers = load_keras().layers
    filters = filters or int(rng.integers(2, 6))
    if rng.random() < 0.3:
        biased = layers.Conv2D(filters, 3, padding="same", activation="relu")
        return biased(x)
    return _activate(layers.Conv2D(filters, 3, padding="same", use_bias=False)(x), rng)


def _depthwise(x: Any, rng: np.random.Generator) -> Any:
    layers = load_keras().layers
    multiplier = int(rng.integers(1, 3))
    return _activate(layers.DepthwiseConv2D(3, padding="same", depth_multiplier=multiplier)(x), rng)


def _separable(x: Any, rng: np.random.Generator) -> Any:
    if rng.random() < 0.5:
        return load_keras().layers.SeparableConv2D(
            int(rng.integers(2, 6)), 3, padding="same", depth_multiplier=int(rng.integers(1, 3))
        )(x)
    wide = load_keras().layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    pointwise = load_keras().layers.Conv2D(int(rng.integers(2, 6)), 1)
    return _activate(pointwise(_activate(wide, rng)), rng)


def _residual(x: Any, rng: np.random.Generator) -> Any:
    merge = load_keras().layers.Add if rng.random() < 0.7 else load_keras().layers.Multiply
    return merge()([x, _convolve(x, rng, x.shape[-1])])


def _concatenate(x: Any, rng: np.random.Generator) -> Any:
    return load_keras().layers.Concatenate()([_convolve(x, rng), x])


def _split_sum(x: Any, rng: np.random.Generator) -> Any:
    """Return two branches side by side, added to one convolution that is as wide as both."""
    side = load_keras().layers.Concatenate()([_convolve(x, rng), _convolve(x, rng)])
    return load_keras().layers.Add()([side, _convolve(x, rng, side.shape[-1])])


def _pool(x: Any, rng: np.random.Generator) -> Any:
    layers = load_keras().layers
    pool = layers.MaxPooling2D if rng.random() < 0.5 else layers.AveragePooling2D
    return pool(2, padding="same")(x)


_BLOCKS = (_convolve, _depthwise, _separable, _residual, _concatenate, _split_sum, _pool)
