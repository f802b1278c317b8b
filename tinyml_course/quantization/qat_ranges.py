"""The ranges that a quantization-aware copy starts from: measured ones instead of -6 to 6.

tfmot moves each range by a thousandth of the way with every batch, from -6 and 6. A ReLU's
outputs are never negative, yet after 300 batches its range still begins at -4.4, and two fifths of
its codes stand for values that can't occur.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BATCH = 256


def observe_weights(aware: Any) -> None:
    """Set the ranges of all weights in place, so that the copy predicts well before training."""
    for layer in aware.layers:
        for weight, quantizer, ranges in getattr(layer, "_weight_vars", ()):
            quantizer.observe(weight, ranges)


def measure_ranges(
    tapped: Callable[[Any], Any], samples: Sequence[NDArray[np.float32]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and the highest value of each output, both widened to hold 0.0.

    Parameters
    ----------
    tapped : callable
        From one batch a model input to a list of T outputs.
    samples : sequence of (N, ...) float32
        One array a model input.

    Returns
    -------
    (T,) float64, (T,) float64
        In the outputs' own units.
    """
    lows, highs = [], []
    for start in range(0, len(samples[0]), BATCH):
        batch = [array[start : start + BATCH] for array in samples]
        seen = [np.asarray(tensor) for tensor in tapped(batch if len(batch) > 1 else batch[0])]
        lows.append([tensor.min(initial=0.0) for tensor in seen])
        highs.append([tensor.max(initial=0.0) for tensor in seen])
    return np.min(lows, axis=0).astype(np.float64), np.max(highs, axis=0).astype(np.float64)


def set_ranges(layer: Any, low: float, high: float) -> None:
    """Set the range of a wrapper's output, or of the layer behind an input, in place."""
    ranges = getattr(layer, "_output_quantizer_vars", None) or layer.quantizer_vars
    ranges["min_var"].assign(low)
    ranges["max_var"].assign(high)


def as_samples(calibration: Any, inputs: int) -> list[NDArray[np.float32]]:
    """Return one array a model input.

    Raises
    ------
    ValueError
        If there are too few or too many arrays, or no samples.
    """
    arrays = list(calibration) if isinstance(calibration, (list, tuple)) else [calibration]
    if len(arrays) != inputs or not all(len(array) for array in arrays):
        raise ValueError(
            f"calibration needs samples for {inputs} input(s), got arrays of "
            f"{[np.shape(array) for array in arrays]}; pass training images, one array an input"
        )
    return arrays
