"""Gestures from a folder of images: one subfolder a class, any size, dark or light ground.

Shapes by letter: N images, H rows, W columns.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.errors import InvalidData
from tinyml_course.core.types import GestureSet
from tinyml_course.data.raster import SIZE, natural_order
from tinyml_course.data.strokes import UNKNOWN

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
"""Kinds of images that are read."""

MIN_CONTRAST = 0.05
"""Least difference between pen and paper, as a share of full scale."""


def is_image_folder(folder: Path) -> bool:
    """Whether a subfolder of `folder` holds an image."""
    return any(
        entry.suffix.lower() in SUFFIXES
        for subfolder in _list_visible(folder)
        if subfolder.is_dir()
        for entry in _list_visible(subfolder)
    )


def read_image_folder(folder: str | Path) -> GestureSet:
    """Return all images under `folder`; each subfolder is a class, named as the folder is.

    Hidden files and folders are left out; anything else that is no image is an error.

    Raises
    ------
    InvalidData
        If there are no two classes, a class is empty, or a file can't be read.
    """
    folder = Path(folder)
    classes = sorted(
        (entry for entry in _list_visible(folder) if entry.is_dir()),
        key=lambda entry: natural_order(entry.name),
    )
    loose = [entry for entry in _list_visible(folder) if entry.suffix.lower() in SUFFIXES]
    if loose:
        raise InvalidData(
            f"{loose[0]} belongs to no class; put each class's images into a subfolder of {folder}"
        )
    if len(classes) < 2:
        raise InvalidData(
            f"{folder} has {len(classes)} subfolder(s), need one for each of 2 or more classes"
        )
    files = [_list_images(entry) for entry in classes]
    counts = [len(members) for members in files]
    return GestureSet(
        images=np.stack([read_image(path) for members in files for path in members]),
        labels=np.repeat(np.arange(len(classes), dtype=np.int64), counts),
        class_names=tuple(entry.name for entry in classes),
        persons=(UNKNOWN,) * sum(counts),
        source=f"images in {folder}",
    )


def _list_visible(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _list_images(folder: Path) -> list[Path]:
    """Return the image files of one class, by name."""
    files = _list_visible(folder)
    if not files:
        raise InvalidData(f"class folder {folder} is empty; add images or remove the folder")
    for path in files:
        if path.suffix.lower() not in SUFFIXES:
            raise InvalidData(
                f"{path} is no image ({', '.join(SUFFIXES)}); convert it or remove it"
            )
    return files


def read_image(path: str | Path) -> NDArray[np.float32]:
    """Return one image file as ink (32, 32, 1) float32 in [0, 1], aspect kept.

    The ground is what most of the border shows, the strongest ink becomes 1.

    Raises
    ------
    InvalidData
        If the file can't be decoded, or shows nothing.
    """
    ink = find_ink(_read_gray(Path(path)))
    if ink.max() < MIN_CONTRAST:
        raise InvalidData(
            f"{path} shows nothing: pen and paper differ by {ink.max():.1%} of full scale; "
            "replace it or remove it"
        )
    return fit_square(ink)


def _read_gray(path: Path) -> NDArray[np.float32]:
    """Return the picture's brightness (H, W) float32, full scale 1."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened)
            if picture.mode.startswith(("I", "F")):
                deep = np.asarray(picture, np.float32)
                return deep / max(float(deep.max()), 1.0)
            seen = np.asarray(picture.convert("LA"), np.float32) / 255
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as fault:
        raise InvalidData(
            f"can't read image {path}: {fault}; save it again as PNG or remove it"
        ) from None
    gray, opacity = seen[..., 0], seen[..., 1]
    dark = float((gray * opacity).sum()) < 0.5 * float(opacity.sum())
    ground = 1.0 if dark else 0.0  # a transparent picture lies on the opposite of its pen
    return (gray * opacity + ground * (1 - opacity)).astype(np.float32)


def find_ink(gray: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far each pixel is from the ground towards the pen, (H, W) float32, 0 is ground.

    The ground is the median of the border; the pen is on the side with the larger difference.

    Examples
    --------
    >>> find_ink(np.array([[1, 1, 1], [1, 0.25, 1], [1, 1, 1]], np.float32))[1].tolist()
    [0.0, 0.75, 0.0]
    """
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    brighter = gray - np.float32(np.median(border))
    sign = 1 if brighter.max() >= -brighter.min() else -1
    ink: NDArray[np.float32] = np.maximum(sign * brighter, 0).astype(np.float32)
    return ink


def fit_square(ink: NDArray[np.float32], *, size: int = SIZE) -> NDArray[np.float32]:
    """Return the ink (H, W) in the middle of (size, size, 1), scaled to fit, strongest ink 1."""
    from PIL import Image

    height, width = ink.shape
    scale = size / max(height, width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    if (rows, columns) != (height, width):
        smaller = Image.fromarray(ink).resize((columns, rows), Image.Resampling.BILINEAR)
        ink = np.asarray(smaller, np.float32)
    frame = np.zeros((size, size, 1), np.float32)
    top, left = (size - rows) // 2, (size - columns) // 2
    frame[top : top + rows, left : left + columns, 0] = np.clip(ink, 0, None) / ink.max()
    return frame
