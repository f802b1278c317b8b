"""Keras models from specifications: the only place where an ArchSpec becomes Keras."""

from __future__ import annotations

from typing import Any

from tinyml_course.core.arch import ArchSpec, LayerSpec, PlacedBlock, gesture_net, place_blocks
from tinyml_course.core.environment import load_keras

BATCH_NORM_MOMENTUM = 0.9
"""Keras' 0.99 needs hundreds of steps to settle; the course's trainings are shorter."""


def build(spec: ArchSpec) -> Any:
    """Return `spec` as an untrained `tf_keras` model with softmax outputs.

    Convolutions carry no bias (the normalisation that follows has one), and a separable
    block is written as depthwise plus 1x1 convolution, the form that tfmot quantizes. Layers
    bear short names: a .tflite stores several of them for each tensor.

    Parameters
    ----------
    spec : ArchSpec
        Blocks, head and input shape.

    Returns
    -------
    tf_keras.Model
        Input (N, H, W, C) float32 in [0, 1]; output (N, K) float32 probabilities. A Sequential
        one where no block has a skip.
    """
    keras = load_keras()
    blocks = place_blocks(spec)
    image = keras.layers.Input(spec.input_shape, name="x")
    if not any(block.layer.skip for block in blocks):
        stack = [layer for n, block in enumerate(blocks) for layer in _layers(block, f"{n}")]
        return keras.Sequential([image, *stack, *_head(spec)], name="m")
    last = image
    for number, block in enumerate(blocks):
        last = _connect(block, f"{number}", last)
    return keras.Model(image, _chain(_head(spec), last), name="m")


def _connect(block: PlacedBlock, number: str, x: Any) -> Any:
    """Return the output of a block that may have a skip, fed with `x`."""
    keras = load_keras()
    y = _chain(_convolutions(block.layer, number), x)
    if block.layer.skip:
        y = keras.layers.Add(name=f"s{number}")([x, y])
    return _chain(_pooling(block.layer, number), y)


def _chain(layers: list[Any], x: Any) -> Any:
    for layer in layers:
        x = layer(x)
    return x


def _layers(block: PlacedBlock, number: str) -> list[Any]:
    return [*_convolutions(block.layer, number), *_pooling(block.layer, number)]


def _pooling(layer: LayerSpec, number: str) -> list[Any]:
    keras = load_keras()
    if layer.pool == 1:
        return []
    return [keras.layers.MaxPooling2D(layer.pool, padding="same", name=f"p{number}")]


def _head(spec: ArchSpec) -> list[Any]:
    keras = load_keras()
    dense = keras.layers.Dense
    hidden = [dense(spec.hidden, activation="relu", name="h")] if spec.hidden else []
    return [
        keras.layers.GlobalAveragePooling2D(name="pool"),
        *hidden,
        dense(spec.classes, activation="softmax", name="out"),
    ]


def _convolutions(layer: LayerSpec, number: str) -> list[Any]:
    keras = load_keras()
    spatial = {"strides": layer.stride, "padding": "same", "use_bias": False}
    if layer.op == "conv":
        convolution = keras.layers.Conv2D(layer.filters, layer.kernel, name=f"c{number}", **spatial)
        return _normalised(convolution, layer)
    depthwise = keras.layers.DepthwiseConv2D(layer.kernel, name=f"d{number}", **spatial)
    blocks = _normalised(depthwise, layer)
    if layer.op == "separable":
        pointwise = keras.layers.Conv2D(layer.filters, 1, use_bias=False, name=f"c{number}")
        blocks += _normalised(pointwise, layer)
    return blocks


def _normalised(convolution: Any, layer: LayerSpec) -> list[Any]:
    keras = load_keras()
    ceiling = 6.0 if layer.activation == "relu6" else None
    return [
        convolution,
        keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{convolution.name}n"),
        keras.layers.ReLU(ceiling, name=f"{convolution.name}a"),
    ]


def small_cnn(class_count: int, *, width: int = 8) -> Any:
    """Return the course's gesture network, untrained, for (N, 32, 32, 1) images.

    Parameters
    ----------
    class_count : int
        Outputs.
    width : int, default 8
        Channels of the first block.
    """
    return build(gesture_net(class_count, width=width))


def dense_net(class_count: int, *, hidden: tuple[int, ...] = (32,)) -> Any:
    """Return a plain network of dense layers for (N, 32, 32, 1) images, untrained.

    Parameters
    ----------
    class_count : int
        Outputs.
    hidden : tuple of int, default (32,)
        Units of each hidden layer, with ReLU.
    """
    keras = load_keras()
    stack: list[Any] = [keras.layers.Input((32, 32, 1)), keras.layers.Flatten()]
    stack += [keras.layers.Dense(units, activation="relu") for units in hidden]
    return keras.Sequential([*stack, keras.layers.Dense(class_count, activation="softmax")])
