"""Magnitude pruning with tfmot: single weights become zero, and nothing becomes smaller by it."""

from __future__ import annotations

import gzip
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.environment import load_keras, load_tensorflow
from tinyml_course.core.types import GestureSet
from tinyml_course.device.convert import convert_int8
from tinyml_course.training.fit import fit

BATCH_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseFile:
    """A network's zeros and what they save.

    Attributes
    ----------
    sparsity : float
        Share of the kernels' weights that are zero, in [0, 1].
    tflite_bytes : int
        Of the int8 file, which is what the flash holds.
    gzip_bytes : int
        Of the file compressed, which is what a download takes.
    """

    sparsity: float
    tflite_bytes: int
    gzip_bytes: int


def prune_weights(
    model: Any,
    train: GestureSet,
    *,
    sparsity: float,
    epochs: int,
    seed: int = 0,
    learning_rate: float = 2e-3,
    progress: bool = True,
) -> Any:
    """Return a copy of `model` trained on while its smallest weights become, and stay, zero.

    The share of zeros rises over the first half of the training; the masks hold to its end, and
    tfmot's wrappers are taken off. Depthwise kernels, biases and normalisations stay dense.

    Parameters
    ----------
    model : tf_keras Sequential or Functional model
        Trained; stays as it is.
    train : GestureSet
        Training samples.
    sparsity : float
        Share of each kernel to be zero at the end, in (0, 1).
    epochs : int
        Passes over the samples, at least 1.
    seed, learning_rate, progress
        As in `training.fit.fit`.

    Raises
    ------
    ValueError
        If `sparsity` is not in (0, 1) or `epochs` is below 1.

    References
    ----------
    .. [1] Zhu and Gupta, arXiv:1710.01878, section 3: the schedule.
    """
    if not 0 < sparsity < 1 or epochs < 1:
        raise ValueError(
            f"sparsity must be in (0, 1) and epochs at least 1, got {sparsity}, {epochs}"
        )
    pruning = _load_tfmot().sparsity.keras
    steps = math.ceil(len(train) / BATCH_SIZE) * epochs
    schedule = pruning.PolynomialDecay(
        initial_sparsity=0.0, final_sparsity=sparsity, begin_step=1,
        end_step=max(2, steps // 2), frequency=max(1, steps // 40),
    )  # fmt: skip
    wrapped = pruning.prune_low_magnitude(_copy(model), pruning_schedule=schedule)
    fit(
        wrapped, train, epochs=epochs, seed=seed, learning_rate=learning_rate,
        batch_size=BATCH_SIZE, callbacks=[pruning.UpdatePruningStep()], progress=progress,
        description="pruning weights",
    )  # fmt: skip
    return _copy(pruning.strip_pruning(wrapped))


def count_zeros(model: Any) -> float:
    """Return the share of zeros among the weights of the kernels, in [0, 1].

    Kernels are the weights of two axes or more that are trained; depthwise ones count.
    """
    kernels = [w.numpy() for w in model.trainable_weights if len(w.shape) > 1]
    return sum(int((k == 0).sum()) for k in kernels) / sum(k.size for k in kernels)


def measure_file(model: Any, calibration: NDArray[np.float32]) -> SparseFile:
    """Return the zeros of `model`, its int8 bytes as they are and after gzip at level 9.

    Parameters
    ----------
    model : tf_keras model
        Trained.
    calibration : (N, H, W, C) float32
        Training samples, for the conversion.
    """
    tflite = convert_int8(model, calibration).tflite
    return SparseFile(
        sparsity=count_zeros(model),
        tflite_bytes=len(tflite),
        gzip_bytes=len(gzip.compress(tflite, 9, mtime=0)),
    )


def _copy(model: Any) -> Any:
    """Return a model of the same layers and weights that shares none of them."""
    twin = load_keras().models.clone_model(model)
    twin.set_weights(model.get_weights())
    return twin


def _load_tfmot() -> Any:
    """Import tfmot after TensorFlow and Keras 2 and return the module."""
    load_tensorflow()
    load_keras()
    import tensorflow_model_optimization as tfmot

    return tfmot
