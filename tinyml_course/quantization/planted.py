"""Faults planted on purpose, one at a time, to learn what each looks like.

Each function takes a trained float model, breaks one thing, and returns what a learner would
have in hand: the float model, the .tflite, and the name of the layer where the fault lies.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.environment import load_keras, load_tensorflow, quiet_native_log
from tinyml_course.device.convert import convert_int8
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.refusals import WEIGHTED
from tinyml_course.quantization.findings import Kind
from tinyml_course.quantization.matching import name_operators
from tinyml_course.quantization.qat import quantize_aware

Images = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patient:
    """A quantized model with one known fault.

    Attributes
    ----------
    kind : Kind or None
        The finding that a diagnosis must report, None for a healthy model.
    layer : str
        Where the fault lies.
    story : str
        How it came about.
    float_model : tf_keras model
        The float twin.
    tflite : bytes
        The quantized file.
    """

    kind: Kind | None
    layer: str
    story: str
    float_model: Any
    tflite: bytes


def plant_nothing(model: Any, images: Images) -> Patient:
    """Return the model, quantized as it should be."""
    return Patient(
        kind=None, layer="", story="Quantized with care: nothing is wrong.",
        float_model=model, tflite=convert_int8(model, images).tflite,
    )  # fmt: skip


def plant_faint_calibration(model: Any, images: Images, *, gain: float = 0.1) -> Patient:
    """Return the model calibrated on images whose ink is fainter than in use."""
    return Patient(
        kind="input", layer="input",
        story=f"The calibration images were scaled by {gain:g}; in use they are not.",
        float_model=model, tflite=convert_int8(model, gain * images).tflite,
    )  # fmt: skip


def plant_narrow_range(
    model: Any, images: Images, *, layer: str = "c2", share: float = 0.25
) -> Patient:
    """Return the model with the range of one layer's output cut to a share of what it needs."""
    tflite = convert_int8(model, images).tflite
    return Patient(
        kind="saturation", layer=layer,
        story=f"A calibrator that drops outliers kept {share:.0%} of one layer's range.",
        float_model=model, tflite=narrow_range(tflite, layer, share),
    )  # fmt: skip


def plant_outlier(
    model: Any, images: Images, *, before: str = "c1", layer: str = "d2", factor: float = 64.0
) -> Patient:
    """Return a model of the same function in which one filter dwarfs the others, per tensor.

    The channel leaves layer `before` divided by `factor`, and the filter multiplies it back.
    Trainings do this by themselves where a channel is nearly constant.

    Parameters
    ----------
    model : tf_keras model
        With layers `before`, its normalisation and the depthwise `layer`, named as `build` does.
    images : (N, H, W, C) float32
        Calibration.
    before, layer : str
        Convolution and the depthwise convolution behind it.
    factor : float, default 64
        How far the two ranges are moved apart.
    """
    twin = copy_model(model)
    normalisation, depthwise = twin.get_layer(f"{before}n"), twin.get_layer(layer)
    gamma, beta, *moments = normalisation.get_weights()
    gamma[0], beta[0] = gamma[0] / factor, beta[0] / factor
    normalisation.set_weights([gamma, beta, *moments])
    kernel = depthwise.get_weights()[0]
    kernel[:, :, 0] *= factor
    depthwise.set_weights([kernel])
    return Patient(
        kind="outlier", layer=layer,
        story=f"One filter is {factor:g} times the others, and the weights have one scale.",
        float_model=twin, tflite=convert_careless(twin, images, per_channel=False),
    )  # fmt: skip


def plant_dead_channels(model: Any, images: Images, *, layer: str = "c1") -> Patient:
    """Return the model with half of a layer's channels pushed below ReLU's threshold."""
    twin = copy_model(model)
    normalisation = twin.get_layer(f"{layer}n")
    gamma, beta, *moments = normalisation.get_weights()
    beta[::2] = -50.0
    normalisation.set_weights([gamma, beta, *moments])
    return Patient(
        kind="dead", layer=layer,
        story="Every second channel was pushed below zero in training, and ReLU shut it.",
        float_model=twin, tflite=convert_int8(twin, images).tflite,
    )  # fmt: skip


def plant_vanished_filter(
    model: Any, images: Images, *, layer: str = "c1", gamma: float = 1e-6, beta: float = 3.0
) -> Patient:
    """Return a quantization-aware model whose one filter has vanished; only its bias is left.

    Post-training conversion guards against it: it coarsens the weights' scale until the bias
    fits. The scales of aware training are fixed, and the converter cuts the bias off in silence.
    """
    twin = copy_model(model)
    normalisation = twin.get_layer(f"{layer}n")
    gammas, betas, *moments = normalisation.get_weights()
    gammas[0], betas[0] = gamma, beta
    normalisation.set_weights([gammas, betas, *moments])
    aware = quantize_aware(twin, calibration=images)
    return Patient(
        kind="bias", layer=layer,
        story="Training with a penalty on the normalisation's gain shrank one filter to nothing.",
        float_model=twin, tflite=convert_int8(aware, images).tflite,
    )  # fmt: skip


def plant_operator(model: Any, images: Images, *, layer: str = "c2a") -> Patient:
    """Return the model with one activation replaced by GELU, for which the chip has no kernel."""
    keras = load_keras()

    def swap(original: Any) -> Any:
        if original.name == layer:
            return keras.layers.Activation("gelu", name=layer)
        return original.__class__.from_config(original.get_config())

    twin = keras.models.clone_model(model, clone_function=swap)
    twin.set_weights(model.get_weights())
    return Patient(
        kind="operator", layer=layer,
        story="One activation is GELU, as in larger networks.",
        float_model=twin, tflite=convert_int8(twin, images).tflite,
    )  # fmt: skip


def plant_dense_scales(model: Any, images: Images) -> Patient:
    """Return the model with per-channel dense weights, the converter's default since 2024."""
    dense = next(x.name for x in reversed(model.layers) if type(x).__name__ == "Dense")
    return Patient(
        kind="dense-scales", layer=dense,
        story="The converter's defaults were kept: one scale for each output of the dense layer.",
        float_model=model, tflite=convert_careless(model, images, per_channel=True),
    )  # fmt: skip


FAULTS: tuple[Callable[[Any, Images], Patient], ...] = (
    plant_faint_calibration, plant_narrow_range, plant_outlier, plant_dead_channels,
    plant_vanished_filter, plant_operator, plant_dense_scales,
)  # fmt: skip


def narrow_range(tflite: bytes, layer: str, share: float) -> bytes:
    """Return the file with the range of one operator's output multiplied by `share`.

    The biases of the operators that read it are restated, their unit contains the input's scale.

    Parameters
    ----------
    tflite : bytes
        Quantized to int8.
    layer : str
        A layer of the Keras model it was converted from.
    share : float
        Positive.

    Raises
    ------
    ValueError
        If no operator bears the name of the layer.
    """
    import tflite as schema

    graph = read_model(tflite).subgraphs[0]
    names = name_operators(graph)
    if layer not in names:
        raise ValueError(f"no operator comes from layer {layer!r}; there are {', '.join(names)}")
    narrowed = graph.ops[names.index(layer)].outputs[0]
    data = bytearray(tflite)  # the schema's arrays are views: writing to them edits the file
    root = schema.Model.GetRootAs(data, 0)
    subgraph = root.Subgraphs(0)
    subgraph.Tensors(narrowed).Quantization().ScaleAsNumpy()[:] *= np.float32(share)
    for op in graph.ops:
        if op.name in WEIGHTED and op.inputs[0] == narrowed:
            bias = subgraph.Tensors(op.inputs[2])
            bias.Quantization().ScaleAsNumpy()[:] *= np.float32(share)
            codes = root.Buffers(bias.Buffer()).DataAsNumpy().view(np.int32)
            codes[:] = np.round(codes / share)
    return bytes(data)


def copy_model(model: Any) -> Any:
    """Return a copy of a `tf_keras` model with its weights."""
    copy = load_keras().models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def convert_careless(model: Any, images: Images, *, per_channel: bool) -> bytes:
    """Return `model` in int8 with one scale per channel everywhere, or per tensor everywhere.

    Parameters
    ----------
    model : tf_keras model
        Trained.
    images : (N, H, W, C) float32
        Calibration.
    per_channel : bool
        True keeps the converter's defaults, dense layers included.
    """
    tf = load_tensorflow()
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter._experimental_disable_per_channel = not per_channel
    converter.representative_dataset = lambda: ([image[None]] for image in images[:256])
    with quiet_native_log(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
        tflite: bytes = converter.convert()
    return tflite
