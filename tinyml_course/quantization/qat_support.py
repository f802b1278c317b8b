"""Which Keras layers have an int8 form that training can simulate, and what to use instead."""

from __future__ import annotations

from typing import Any

KERNELS = ("Conv2D", "DepthwiseConv2D", "Dense")
"""Layers whose weights are quantized."""

OUTPUT_QUANTIZED = (
    "ReLU", "LeakyReLU", "Add", "Concatenate", "GlobalAveragePooling2D",
)  # fmt: skip
"""Layers without weights that write values of a new range."""

PASS_THROUGH = (
    "MaxPooling2D", "AveragePooling2D", "GlobalMaxPooling2D", "Flatten", "Reshape", "Permute",
    "ZeroPadding2D", "Cropping2D", "Dropout", "SpatialDropout2D", "GaussianDropout",
    "GaussianNoise",
)  # fmt: skip
"""Layers whose int8 kernels write at the scale that they read.

tfmot gives the average of windows a scale of its own; the device's kernel has none, so that the
converter adds an operator that rescales.
"""

ACTIVATIONS = ("linear", "relu", "relu6", "softmax", "sigmoid", "tanh")

SUPPORTED = frozenset(
    (*KERNELS, *OUTPUT_QUANTIZED, *PASS_THROUGH, "SeparableConv2D", "BatchNormalization",
     "Activation", "Softmax", "InputLayer")
)  # fmt: skip

REMEDIES = {
    "Conv1D": "write it as Conv2D with a kernel of (n, 1) on inputs of shape (T, 1, C)",
    "SeparableConv1D": "write it as SeparableConv2D with a kernel of (n, 1) on (T, 1, C)",
    "DepthwiseConv1D": "write it as DepthwiseConv2D with a kernel of (n, 1) on (T, 1, C)",
    "MaxPooling1D": "use MaxPooling2D with a pool of (n, 1) on inputs of shape (T, 1, C)",
    "AveragePooling1D": "use AveragePooling2D with a pool of (n, 1) on inputs of shape (T, 1, C)",
    "GlobalAveragePooling1D": "use GlobalAveragePooling2D on inputs of shape (T, 1, C)",
    "Conv2DTranspose": "use Conv2D; the course's kernels have no transposed int8 convolution",
    "Conv3D": "use Conv2D, with time or depth as channels",
    "LSTM": "use strided Conv2D over time, or train in float and calibrate with convert_int8",
    "GRU": "use strided Conv2D over time, or train in float and calibrate with convert_int8",
    "SimpleRNN": "use strided Conv2D over time, or train in float and calibrate with convert_int8",
    "Embedding": "look the vectors up outside of the model",
    "Rescaling": "scale the data before the model: the input's own scale does it for nothing",
    "Normalization": "scale the data before the model: the input's own scale does it for nothing",
    "LayerNormalization": "use BatchNormalization: it folds into the convolution before it",
    "PReLU": "use ReLU, or LeakyReLU with a fixed slope",
    "ELU": "use ReLU",
    "Multiply": "use Add, or train in float and calibrate with convert_int8",
    "Lambda": "write it with layers; what a Lambda computes can't be read from the model",
    "TFOpLambda": "write it with layers: Add for x + y, ReLU for tf.nn.relu",
}
DEFAULT_REMEDY = (
    "replace it by Conv2D, DepthwiseConv2D, Dense, pooling or ReLU, or train in float and "
    "calibrate with convert_int8"
)


def check_layer(layer: Any, call_arguments: dict[str, Any]) -> None:
    """Refuse a layer that has no int8 form.

    Parameters
    ----------
    layer : tf_keras layer
        Built.
    call_arguments : dict
        Keyword arguments of its call in the model.

    Raises
    ------
    ValueError
        With the layer's name, what it is, and the remedy.
    """
    kind = type(layer).__name__
    if type(layer).__module__.split(".")[0] not in ("tf_keras", "keras") or kind not in SUPPORTED:
        _refuse(layer, f"is a {kind}, which has no 8-bit scheme", REMEDIES.get(kind))
    for fault, remedy in _faults(layer, kind, layer.get_config()):
        _refuse(layer, fault, remedy)
    if call_arguments.get("mask") is not None:
        _refuse(layer, "is called with a mask", "leave the mask out")


def _faults(layer: Any, kind: str, config: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what in the layer's own arguments has no int8 form, with the remedy."""
    found = []
    activation = config.get("activation", "linear")
    if activation not in ACTIVATIONS:
        found.append((f"has the activation {activation!r}", f"use one of {', '.join(ACTIVATIONS)}"))
    if config.get("data_format", "channels_last") != "channels_last":
        found.append(("has channels_first data", "put the channels last, as the device does"))
    shape = (config.get("max_value"), config.get("negative_slope"), config.get("threshold"))
    if kind == "ReLU" and shape not in ((None, 0.0, 0.0), (6.0, 0.0, 0.0)):
        found.append(("is a ReLU with a slope, a threshold or a ceiling other than 6",
                      "use ReLU(), ReLU(6.0) or LeakyReLU"))  # fmt: skip
    if tuple(config.get("dilation_rate", (1, 1))) != (1, 1):
        found.append((f"has the dilation {tuple(config['dilation_rate'])}: the converter leaves "
                      "it in float", "use a stride, a larger kernel or two layers"))  # fmt: skip
    if kind == "Conv2D" and config["groups"] != 1:
        found.append((f"has {config['groups']} groups", "use DepthwiseConv2D, or groups=1"))
    if kind == "Dense" and len(layer.input_shape) != 2:
        found.append((f"is a Dense on inputs of shape {layer.input_shape[1:]}",
                      "flatten its input, or use a 1x1 Conv2D"))  # fmt: skip
    if kind == "BatchNormalization" and len(layer.input_shape) not in (2, 4):
        found.append((f"normalises inputs of shape {layer.input_shape[1:]}",
                      "reshape them to (T, 1, C), as images"))  # fmt: skip
    if kind == "BatchNormalization" and list(layer.axis) != [len(layer.input_shape) - 1]:
        found.append(("normalises another axis than the channels", "normalise the last axis"))
    return found


def _refuse(layer: Any, fault: str, remedy: str | None) -> None:
    raise ValueError(f"layer {layer.name!r} {fault}; {remedy or DEFAULT_REMEDY}")
