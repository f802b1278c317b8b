"""Conversion of Keras models to full-integer .tflite files."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.environment import load_tensorflow, quiet_native_log
from tinyml_course.core.types import ModelArtifact

CALIBRATION_SAMPLES = 256
"""Most samples shown to the calibrator; ranges settle well before."""

MADE_BY = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "numpy")


def convert_int8(
    model: Any,
    calibration: NDArray[np.float32],
    *,
    class_names: tuple[str, ...] = (),
    seed: int = 0,
    data_fingerprint: str = "",
) -> ModelArtifact:
    """Return `model` as a .tflite whose weights, activations, input and output are int8.

    A model trained with `quantize_aware` brings its own ranges; any other one is calibrated
    on `calibration`. Dense layers are quantized per tensor: runtimes before May 2024 compute
    wrong numbers, silently, on per-channel ones.

    Parameters
    ----------
    model : tf_keras model
        Trained.
    calibration : (N, H, W, C) float32
        Training samples that show the range of every activation; the first 256 are used.
    class_names : tuple of str
        Names of the outputs.
    seed, data_fingerprint
        Provenance, stored in the artefact.

    Raises
    ------
    ValueError
        If `calibration` is empty, not float32 or does not match the model's input.

    References
    ----------
    .. [1] tflite-micro pull request 2673: per-channel FULLY_CONNECTED.
    """
    _check_calibration(model, calibration)
    tf = load_tensorflow()
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    if not is_quantize_aware(model):
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: _one_by_one(calibration)
    with quiet_native_log(), warnings.catch_warnings():
        # The calibrator provides the statistics that this warning misses.
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
        tflite = converter.convert()
    return ModelArtifact(
        tflite=tflite,
        class_names=class_names,
        seed=seed,
        data_fingerprint=data_fingerprint,
        versions=tuple((name, version(name)) for name in MADE_BY),
    )


def convert_float32(model: Any, *, class_names: tuple[str, ...] = ()) -> ModelArtifact:
    """Return `model` as a .tflite in float32, the baseline that int8 is compared with."""
    tf = load_tensorflow()
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    with quiet_native_log():
        tflite = converter.convert()
    return ModelArtifact(tflite=tflite, class_names=class_names)


def is_quantize_aware(model: Any) -> bool:
    """Whether `model` has tfmot's quantization wrappers."""
    return any(type(layer).__name__.startswith("Quantize") for layer in model.layers)


def _one_by_one(samples: NDArray[np.float32]) -> Iterator[list[NDArray[np.float32]]]:
    for sample in samples[:CALIBRATION_SAMPLES]:
        yield [sample[None]]


def _check_calibration(model: Any, calibration: NDArray[np.float32]) -> None:
    expected = tuple(model.input_shape[1:])
    if calibration.dtype != np.float32 or calibration.shape[1:] != expected or not len(calibration):
        raise ValueError(
            f"calibration needs float32 samples of shape (N, {', '.join(map(str, expected))}), "
            f"got {calibration.dtype} {calibration.shape}; pass the training images"
        )
