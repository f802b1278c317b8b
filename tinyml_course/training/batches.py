"""Training images, drawn anew for every epoch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.types import GestureSet
from tinyml_course.data import augment_batch, rasterise_batch, resample, shift_images

POINTS = 64
"""Points of a resampled stroke; enough for 32 x 32 pixels."""


class EpochImages:
    """A source of training images: strokes augmented and drawn again, or images shifted.

    Parameters
    ----------
    gestures : GestureSet
        Training samples; augmented as strokes where it has them.
    seed : int
        Draws the augmentation.
    strength : float
        0 gives the images as they are; 1 the course's usual augmentation.
    """

    def __init__(self, gestures: GestureSet, *, seed: int, strength: float) -> None:
        self._images = gestures.images
        self._strength = strength
        self._rng = np.random.default_rng([seed, 0])
        self._points = (
            np.stack([resample(stroke.points, POINTS) for stroke in gestures.strokes])
            if gestures.strokes
            else None
        )

    def draw(self) -> NDArray[np.float32]:
        """Return one epoch of images (N, 32, 32, 1) float32 in [0, 1], in the set's order."""
        if self._strength == 0:
            return self._images
        if self._points is None:
            return shift_images(self._images, self._rng, strength=self._strength)
        bent = augment_batch(self._points, self._rng, strength=self._strength)
        return rasterise_batch(bent)
