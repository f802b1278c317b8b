"""What each kind of Keras layer does with channels, and which layers pruning understands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

PRODUCERS = ("InputLayer", "Conv2D", "SeparableConv2D", "Dense")
"""Layers that make channels of their own."""

CONSUMERS = ("Conv2D", "SeparableConv2D", "Dense")
"""Layers that mix what comes in."""

FOLLOWERS = ("BatchNormalization", "DepthwiseConv2D")
"""Layers with weights for each channel, which they hand on."""

MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
"""Layers that combine equal numbers of channels one by one: of zeros they make zero."""

CARRIERS = (
    "Activation", "ReLU", "LeakyReLU", "Softmax", "Dropout", "SpatialDropout2D", "GaussianNoise",
    "GaussianDropout", "MaxPooling2D", "AveragePooling2D", "GlobalMaxPooling2D",
    "GlobalAveragePooling2D", "ZeroPadding2D", "Cropping2D", "UpSampling2D", "Flatten",
)  # fmt: skip
"""Layers without weights that keep channels apart."""

KNOWN = frozenset((*PRODUCERS, *FOLLOWERS, *MERGES, *CARRIERS, "Concatenate"))

ZERO_AT_ZERO = frozenset(
    ("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "swish", "silu", "tanh",
     "softsign")
)  # fmt: skip
"""Activations that leave a removed channel zero; softmax mixes channels, sigmoid gives 1/2."""

REMEDIES = {
    "Reshape": "use Flatten or GlobalAveragePooling2D; reshaped channels lose their place",
    "Permute": "keep the channels on the last axis",
    "Conv2DTranspose": "use UpSampling2D and Conv2D",
    "PReLU": "use ReLU, or LeakyReLU with a fixed slope",
    "LayerNormalization": "use BatchNormalization: it treats each channel alone",
    "Lambda": "write it with layers; what a Lambda computes can't be read from the model",
    "TFOpLambda": "write it with layers: Add for x + y, ReLU for tf.nn.relu",
    "Functional": "call its layers one by one: nested models are not looked into",
    "Sequential": "add its layers one by one: nested models are not looked into",
}
DEFAULT_REMEDY = "use Conv2D, DepthwiseConv2D, SeparableConv2D, Dense, pooling, ReLU, Add"


def check_layer(layer: Any, *, seen: Sequence[Any]) -> None:
    """Refuse a layer whose channels can't be followed.

    Parameters
    ----------
    layer : tf_keras layer
        Built.
    seen : sequence of tf_keras layers
        Those called before it.

    Raises
    ------
    ValueError
        With the layer's name, what it is, and the remedy.
    """
    kind, config = type(layer).__name__, layer.get_config()
    if kind not in KNOWN:
        _refuse(layer, f"is a {kind}, whose channels can't be followed", REMEDIES.get(kind))
    if layer.weights and any(layer is other for other in seen):
        _refuse(layer, "is called more than once", "give each place a layer of its own")
    if config.get("data_format", "channels_last") != "channels_last":
        _refuse(layer, "has channels_first data", "put the channels last, as the device does")
    if config.get("groups", 1) != 1:
        _refuse(layer, f"has {config['groups']} groups", "use DepthwiseConv2D, or groups=1")
    last = len(layer.input_shape[0] if kind == "Concatenate" else layer.input_shape) - 1
    if kind == "Concatenate" and layer.axis not in (-1, last):
        _refuse(layer, "joins another axis than the channels", "concatenate along the last axis")
    if kind == "BatchNormalization" and list(layer.axis) != [last]:
        _refuse(layer, "normalises another axis than the channels", "normalise the last axis")


def keeps_zero(layer: Any) -> bool:
    """Whether a channel that is zero before `layer` is zero, and harmless, behind it.

    An input is no channel that can be zeroed: its values come from outside.
    """
    kind = type(layer).__name__
    if kind in ("InputLayer", "Softmax"):
        return False
    return layer.get_config().get("activation", "linear") in ZERO_AT_ZERO


def width_made(layer: Any) -> int:
    """Return how many channels a producer makes."""
    kind = type(layer).__name__
    if kind == "InputLayer":
        return int(layer.output_shape[0][-1])
    return int(layer.units if kind == "Dense" else layer.filters)


def _refuse(layer: Any, fault: str, remedy: str | None) -> None:
    raise ValueError(f"layer {layer.name!r} {fault}; {remedy or DEFAULT_REMEDY}")
