"""Augmentation: the same gesture as another hand might have drawn it.

It bends strokes before they are drawn, so that lines stay sharp and inside the frame; images
without strokes are only shifted. Shapes by letter: N strokes, P points.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROTATION = np.deg2rad(7.0)
"""Standard deviation of the rotation, radians; strokes and gestures keep their meaning."""

STRETCH = 0.07
"""Standard deviation of the logarithm of the ratio of width to height."""

SHEAR = 0.09
"""Standard deviation of the slant: horizontal shift for each unit of height."""

WARP = 0.02
"""Standard deviation of each wave that bends the path, in units of the longer side."""

WAVES = 3
"""Waves along the path: half a period, one period, ..."""

JITTER = 0.006
"""Standard deviation of the pen's tremor at each point, in units of the longer side."""

TRIM = 0.12
"""Largest share of the path that may be missing at either end."""


def augment_stroke(
    points: NDArray[np.float64], rng: np.random.Generator, *, strength: float = 1.0
) -> NDArray[np.float64]:
    """Return one stroke bent at random; see `augment_batch`.

    Parameters
    ----------
    points : (P, 2) float64
        The path, best resampled by arc length.
    rng : Generator
        Source of the random numbers.
    strength : float
        0 changes nothing.
    """
    bent: NDArray[np.float64] = augment_batch(points[None], rng, strength=strength)[0]
    return bent


def augment_batch(
    points: NDArray[np.float64], rng: np.random.Generator, *, strength: float = 1.0
) -> NDArray[np.float64]:
    """Return strokes bent at random, each on its own, around its own middle.

    Trims the ends, adds low waves and jitter to the path, then stretches, shears and rotates
    it. Every amount is proportional to `strength` and to the size of the stroke.

    Parameters
    ----------
    points : (N, P, 2) float64
        Paths resampled by arc length (`resample`), so that speed leaves no trace.
    rng : Generator
        Source of the random numbers.
    strength : float
        Factor on every amount; 0 returns the strokes as they are.

    Returns
    -------
    (N, P, 2) float64
        In the unit of `points`.

    Raises
    ------
    ValueError
        If `strength` is negative or above 4, or `points` has another shape.
    """
    if points.ndim != 3 or points.shape[2] != 2:
        raise ValueError(f"need strokes of shape (N, P, 2), got {points.shape}")
    if not 0 <= strength <= 4:
        raise ValueError(f"strength must be in [0, 4], got {strength}")
    if strength == 0 or len(points) == 0:
        return points.copy()
    low, high = points.min(axis=1, keepdims=True), points.max(axis=1, keepdims=True)
    middle, extent = (low + high) / 2, (high - low).max(axis=2, keepdims=True)
    path = _trim_ends(points, rng, TRIM * strength) - middle
    path += extent * _draw_bends(points.shape, rng, strength)
    matrix = _draw_matrices(len(points), rng, strength)
    bent: NDArray[np.float64] = np.einsum("nij,npj->npi", matrix, path) + middle
    return bent


def _trim_ends(
    points: NDArray[np.float64], rng: np.random.Generator, most: float
) -> NDArray[np.float64]:
    """Return the strokes without up to `most` of either end, stretched to P points again."""
    n, p = points.shape[:2]
    cut = rng.uniform(0, most, (2, n, 1))
    at = (cut[0] + (1 - cut[0] - cut[1]) * np.linspace(0, 1, p)) * (p - 1)
    before = np.minimum(at.astype(np.intp), p - 2)
    rest = (at - before)[..., None]
    row = np.arange(n)[:, None]
    trimmed: NDArray[np.float64] = points[row, before] * (1 - rest) + points[row, before + 1] * rest
    return trimmed


def _draw_bends(
    shape: tuple[int, ...], rng: np.random.Generator, strength: float
) -> NDArray[np.float64]:
    """Return displacements (N, P, 2) in units of the longer side: waves and jitter."""
    n, p = shape[:2]
    along = np.linspace(0, np.pi, p)
    waves = np.cos(np.arange(1, WAVES + 1)[:, None] * along)
    amplitude = rng.normal(0, WARP * strength, (n, WAVES, 2))
    bends: NDArray[np.float64] = np.einsum("wp,nwc->npc", waves, amplitude)
    return bends + rng.normal(0, JITTER * strength, (n, p, 2))


def _draw_matrices(n: int, rng: np.random.Generator, strength: float) -> NDArray[np.float64]:
    """Return (N, 2, 2) matrices: stretch, then shear, then rotation."""
    angle, shear, log_ratio = rng.normal(0, 1, (3, n)) * strength
    angle, shear, log_ratio = angle * ROTATION, shear * SHEAR, log_ratio * STRETCH
    cos, sin = np.cos(angle), np.sin(angle)
    wide, tall = np.exp(log_ratio / 2), np.exp(-log_ratio / 2)
    matrix = np.empty((n, 2, 2))
    matrix[:, 0, 0], matrix[:, 0, 1] = cos * wide, (cos * shear - sin) * tall
    matrix[:, 1, 0], matrix[:, 1, 1] = sin * wide, (sin * shear + cos) * tall
    return matrix


def shift_images(
    images: NDArray[np.float32],
    rng: np.random.Generator,
    *,
    strength: float = 1.0,
    pixels: int = 2,
) -> NDArray[np.float32]:
    """Return images moved at random by whole pixels, paper filling the gap.

    Parameters
    ----------
    images : (N, H, W, 1) float32
        Ink in [0, 1].
    rng : Generator
        Source of the random numbers.
    strength : float
        Factor on `pixels`.
    pixels : int
        Largest shift along each axis.

    Returns
    -------
    (N, H, W, 1) float32
        A copy.
    """
    reach = round(pixels * strength)
    n, height, width = images.shape[:3]
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    down, right = rng.integers(0, 2 * reach + 1, (2, n))
    rows = down[:, None] + np.arange(height)
    columns = right[:, None] + np.arange(width)
    shifted: NDArray[np.float32] = padded[
        np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]
    ]
    return shifted
