"""Strokes drawn as images: centred, scaled to the frame, with anti-aliased lines.

Shapes by letter: N strokes, P points, S segments, H rows, W columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.errors import InvalidData
from tinyml_course.core.types import GestureSet, Stroke
from tinyml_course.data.strokes import resample

SIZE = 32
"""Rows and columns of an image, the networks' input."""

MARGIN = 2.5
"""Pixels between the pen's path and the edge of the image, on the longer side."""

WIDTH = 2.0
"""Width of the line in pixels."""

MAX_POINTS = 64
"""Longer strokes are resampled to this many points: 1 to 2 pixels apart."""

DOT = 1e-9
"""A stroke whose extent is below this share of its coordinates (or of 1) is a dot."""


def centre(points: NDArray[np.float64], *, box: float = 1.0) -> NDArray[np.float64]:
    """Return the stroke around the origin, its longer side scaled to `box`, aspect kept.

    Parameters
    ----------
    points : (P, 2) float64
        The path of the pen, in any unit.
    box : float
        Length of the longer side of the bounding box in the result.

    Returns
    -------
    (P, 2) float64
        All zero for a stroke that stands still.

    Examples
    --------
    >>> centre(np.array([[2.0, 5.0], [6.0, 3.0]])).tolist()
    [[-0.5, 0.25], [0.5, -0.25]]
    """
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max())
    if extent <= DOT * max(1.0, float(np.abs(points).max())):
        return np.zeros_like(points)
    centred: NDArray[np.float64] = (points - (low + high) / 2) * (box / extent)
    return centred


def rasterise(
    points: NDArray[np.float64], *, size: int = SIZE, margin: float = MARGIN, width: float = WIDTH
) -> NDArray[np.float32]:
    """Return the stroke as an image of ink; moving or scaling the stroke changes nothing.

    Parameters
    ----------
    points : (P, 2) float64
        x to the right and y up, in any unit. The centre of their bounding box comes to the
        middle of the image, its longer side fills the image minus the margins.
    size : int
        Rows and columns of the image.
    margin : float
        Pixels from the edge of the image to the middle of the line.
    width : float
        Width of the line in pixels; its edges fade over one pixel.

    Returns
    -------
    (size, size, 1) float32
        Ink in [0, 1], 0 is paper; row 0 is the top.

    Raises
    ------
    ValueError
        If the margins leave no room, or the line has no width.

    Examples
    --------
    >>> image = rasterise(np.array([[0.0, 0.0], [4.0, 0.0]]), size=5, margin=0.5, width=1.0)
    >>> image[:, :, 0].tolist()[2]
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    if not 0 <= margin < size / 2:
        raise ValueError(f"margin must be in [0, {size / 2}) pixels, got {margin}")
    if width <= 0:
        raise ValueError(f"width must be positive, got {width}")
    if len(points) > MAX_POINTS:
        points = resample(points, MAX_POINTS)
    path = centre(points, box=size - 2 * margin)
    distance = _measure_distance(path.astype(np.float32), size)
    ink: NDArray[np.float32] = np.clip(width / 2 + 0.5 - distance, 0, 1, dtype=np.float32)
    return ink[:, :, None]


def _measure_distance(path: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return each pixel's distance to the path in pixels, (size, size) float32.

    In a segment's own frame, origin at its middle and first axis along it, a pixel at
    (along, across) lies max(|along| - length / 2, 0) beyond its ends.
    """
    step = np.diff(path, axis=0)
    length = np.hypot(step[:, :1], step[:, 1:])
    unit = step / np.where(length > 0, length, 1)
    unit[length[:, 0] == 0] = 1, 0  # a segment without length may point anywhere
    middle = (path[1:] + path[:-1]) / 2
    grid = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
    x, y = grid - middle[:, :1], -grid - middle[:, 1:]  # (S, W), (S, H): row 0 on top
    beyond = (unit[:, :1] * x)[:, None, :] + (unit[:, 1:] * y)[:, :, None]
    np.abs(beyond, out=beyond)
    beyond -= length[:, :, None] / 2
    np.maximum(beyond, 0, out=beyond)
    beyond *= beyond
    across = (-unit[:, 1:] * x)[:, None, :] + (unit[:, :1] * y)[:, :, None]
    across *= across
    beyond += across
    distance: NDArray[np.float32] = np.sqrt(beyond.min(axis=0))
    return distance


def rasterise_batch(
    strokes: Sequence[NDArray[np.float64]] | NDArray[np.float64],
    *,
    size: int = SIZE,
    margin: float = MARGIN,
    width: float = WIDTH,
) -> NDArray[np.float32]:
    """Return many strokes as images (N, size, size, 1) float32, each as `rasterise` draws it.

    Parameters
    ----------
    strokes : sequence of (P, 2) float64, or (N, P, 2) float64
        The paths; P may differ.
    size, margin, width
        As for `rasterise`.
    """
    images = np.empty((len(strokes), size, size, 1), np.float32)
    for image, points in zip(images, strokes, strict=True):
        image[...] = rasterise(points, size=size, margin=margin, width=width)
    return images


def gestures_from_strokes(
    strokes: Sequence[Stroke],
    *,
    class_names: Sequence[str] | None = None,
    source: str = "",
) -> GestureSet:
    """Return strokes with their images as a set, in the given order.

    Parameters
    ----------
    strokes : sequence of Stroke
        At least one.
    class_names : sequence of str, optional
        Order of the classes; else numbers first by value, then names by alphabet.
    source : str
        Where they came from.

    Raises
    ------
    InvalidData
        If there is no stroke, or a label is not among `class_names`.
    """
    if not strokes:
        raise InvalidData(f"{source or 'the recording'} holds no strokes; record some first")
    labels = {stroke.label for stroke in strokes}
    names = tuple(class_names or sorted(labels, key=natural_order))
    if not labels <= set(names):
        missing = ", ".join(sorted(labels - set(names), key=natural_order))
        raise InvalidData(f"{source}: labels without a class: {missing}; add them to the classes")
    return GestureSet(
        images=rasterise_batch([stroke.points for stroke in strokes]),
        labels=np.array([names.index(stroke.label) for stroke in strokes], np.int64),
        class_names=names,
        persons=tuple(stroke.person for stroke in strokes),
        strokes=tuple(strokes),
        source=source,
    )


def natural_order(name: str) -> tuple[bool, int, str]:
    """Return the sorting key of a class name: numbers first by value, then by alphabet."""
    number = int(name) if name.isdecimal() else 0
    return not name.isdecimal(), number, name
