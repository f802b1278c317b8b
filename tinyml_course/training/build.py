"""Keras models from specifications: the only place where an ArchSpec becomes Keras."""

from __future__ import annotations

from typing import Any

from tinyml_course.core.arch import ArchSpec, LayerSpec, gesture_net
from tinyml_course.core.environment import load_keras

BATCH_NORM_MOMENTUM = 0.9
"""Keras' 0.99 needs hundreds of steps to settle; the course's trainings are shorter."""


def build(spec: ArchSpec) -> Any:
    """Return `spec` as an untrained `tf_keras` Sequential model with softmax outputs.

    Convolutions carry no bias (the normalisation that follows has one), and a separable
    block is written as depthwise plus 1x1 convolution, the form that tfmot quantizes.

    Parameters
    ----------
    spec : ArchSpec
        Blocks, classes and input shape.

    Returns
    -------
    tf_keras.Sequential
        Input (N, H, W, C) float32 in [0, 1]; output (N, K) float32 probabilities.
    """
    keras = load_keras()
    stack: list[Any] = [keras.layers.Input(spec.input_shape)]
    for layer in spec.layers:
        stack += _block(layer)
    stack += [
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(spec.classes, activation="softmax"),
    ]
    return keras.Sequential(stack)


def _block(layer: LayerSpec) -> list[Any]:
    keras = load_keras()
    spatial = {"strides": layer.stride, "padding": "same", "use_bias": False}
    if layer.op == "conv":
        return _normalised(keras.layers.Conv2D(layer.filters, layer.kernel, **spatial), layer)
    blocks = _normalised(keras.layers.DepthwiseConv2D(layer.kernel, **spatial), layer)
    if layer.op == "separable":
        blocks += _normalised(keras.layers.Conv2D(layer.filters, 1, use_bias=False), layer)
    return blocks


def _normalised(convolution: Any, layer: LayerSpec) -> list[Any]:
    keras = load_keras()
    ceiling = 6.0 if layer.activation == "relu6" else None
    return [convolution, keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM), keras.layers.ReLU(ceiling)]


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
