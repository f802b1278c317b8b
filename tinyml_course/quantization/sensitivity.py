"""How much each layer suffers from few bits, measured one layer at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.environment import load_keras
from tinyml_course.core.types import GestureSet
from tinyml_course.quantization.affine import choose_channel_qparams, choose_qparams, roundtrip
from tinyml_course.training.fit import predict

SMALLEST_PROBABILITY = 1e-7
"""Probabilities are cut here before the logarithm, as Keras does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSensitivity:
    """What one layer's weights at `bits` cost while all others stay in float.

    Attributes
    ----------
    layer : str
        Its name.
    bits : int
        Width of its weights.
    weights : int
        Number of weights, biases left out.
    loss_increase : float
        Rise of the mean cross-entropy, in nats.
    accuracy_drop : float
        Fall of the share of samples classified right, in [-1, 1].
    squared_error : float
        Sum of the squared changes of the weights.
    """

    layer: str
    bits: int
    weights: int
    loss_increase: float
    accuracy_drop: float
    squared_error: float


class WeightLayer(NamedTuple):
    """A layer with weights to quantize.

    Attributes
    ----------
    name : str
        Of the layer.
    kernel : tf.Variable
        Its weights.
    channel_axes : int
        How many of the kernel's last axes number its output channels: 1 of a convolution, 2
        of a depthwise one, 0 of a dense layer, which has a single scale.
    """

    name: str
    kernel: Any
    channel_axes: int


class Score(NamedTuple):
    """Mean cross-entropy in nats, and the share of samples classified right."""

    loss: float
    accuracy: float


def find_weight_layers(model: Any) -> tuple[WeightLayer, ...]:
    """Return the convolutions and dense layers of a float `tf_keras` model, in its order.

    Raises
    ------
    ValueError
        If it has none.
    """
    layers = load_keras().layers
    found = []
    for layer in model.layers:
        if isinstance(layer, layers.DepthwiseConv2D):
            found.append(WeightLayer(layer.name, layer.depthwise_kernel, 2))
        elif isinstance(layer, layers.Conv2D):
            found.append(WeightLayer(layer.name, layer.kernel, 1))
        elif isinstance(layer, layers.Dense):
            found.append(WeightLayer(layer.name, layer.kernel, 0))
    if not found:
        raise ValueError("the model has no Conv2D, DepthwiseConv2D or Dense layer to quantize")
    return tuple(found)


def quantize_kernel(
    kernel: NDArray[np.floating[Any]], bits: int, channel_axes: int
) -> NDArray[np.float32]:
    """Return a Keras kernel after symmetric quantization, in its own shape and unit.

    Folding a normalisation into a kernel multiplies whole channels, which changes none of the
    codes; so the kernel of the unfolded model may stand for the one in the file.

    Parameters
    ----------
    kernel : array of float
        Weights.
    bits : int
        Width of the codes, 2 to 16.
    channel_axes : int
        Last axes that number the output channels, each with a scale; 0 for a single scale.

    Examples
    --------
    >>> quantize_kernel(np.array([[0.5, 7.0], [3.5, 2.6]]), 4, 1).tolist()
    [[0.5, 7.0], [3.5, 3.0]]
    """
    if not channel_axes:
        q = choose_qparams(float(kernel.min()), float(kernel.max()), bits=bits, symmetric=True)
        return roundtrip(kernel, q).astype(np.float32)
    rows = kernel.reshape(-1, math.prod(kernel.shape[kernel.ndim - channel_axes :]))
    channels = choose_channel_qparams(rows, axis=1, bits=bits)
    return roundtrip(rows, channels).astype(np.float32).reshape(kernel.shape)


def measure_widths(model: Any, bits: Mapping[str, int], gestures: GestureSet) -> Score:
    """Return the score of `model` with the weights of some layers rounded, without training.

    Parameters
    ----------
    model : tf_keras model
        In float; unchanged.
    bits : mapping of layer name to int
        Widths; layers that are not named stay in float.
    gestures : GestureSet
        N samples to measure on.

    Raises
    ------
    ValueError
        If a layer of `bits` is not in the model or has no weights.
    """
    copy = _copy(model)
    layers = {layer.name: layer for layer in find_weight_layers(copy)}
    for name, width in bits.items():
        if name not in layers:
            raise ValueError(f"no layer {name!r} with weights; there are {', '.join(layers)}")
        kernel = layers[name].kernel
        kernel.assign(quantize_kernel(kernel.numpy(), width, layers[name].channel_axes))
    return measure_score(copy, gestures)


def measure_score(model: Any, gestures: GestureSet) -> Score:
    """Return loss and accuracy of a `tf_keras` model on `gestures`."""
    outputs = predict(model, gestures.images)
    right = outputs[np.arange(len(outputs)), gestures.labels].astype(np.float64)
    loss = -np.log(np.clip(right, SMALLEST_PROBABILITY, 1.0)).mean()
    return Score(float(loss), float(np.mean(outputs.argmax(axis=1) == gestures.labels)))


def measure_sensitivity(
    model: Any, gestures: GestureSet, *, bits: Sequence[int] = (4,)
) -> tuple[LayerSensitivity, ...]:
    """Return what each layer costs at each width while all others stay in float.

    Parameters
    ----------
    model : tf_keras model
        Trained, in float; unchanged.
    gestures : GestureSet
        Validation samples; not the test set, since a plan is chosen by the result.
    bits : sequence of int, default (4,)
        Widths to try.

    Returns
    -------
    tuple of LayerSensitivity
        Layer by layer, the widths of each in their order.

    References
    ----------
    .. [1] Wu et al.: Integer quantization for deep learning inference, arXiv:2004.09602,
       section 5.2, partial quantization.
    """
    copy = _copy(model)
    base = measure_score(copy, gestures)
    found = []
    for layer in find_weight_layers(copy):
        kernel = layer.kernel.numpy()
        for width in bits:
            rounded = quantize_kernel(kernel, width, layer.channel_axes)
            layer.kernel.assign(rounded)
            score, moved = measure_score(copy, gestures), rounded - kernel
            found.append(
                LayerSensitivity(
                    layer=layer.name,
                    bits=width,
                    weights=kernel.size,
                    loss_increase=score.loss - base.loss,
                    accuracy_drop=base.accuracy - score.accuracy,
                    squared_error=float(np.sum(moved.astype(np.float64) ** 2)),
                )
            )
        layer.kernel.assign(kernel)
    return tuple(found)


def _copy(model: Any) -> Any:
    copy = load_keras().models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy
