"""One entrance for every source of gestures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tinyml_course.core.errors import InvalidData
from tinyml_course.core.types import GestureSet
from tinyml_course.data.images import is_image_folder, read_image_folder
from tinyml_course.data.magic_wand import load_magic_wand
from tinyml_course.data.raster import gestures_from_strokes
from tinyml_course.data.strokes import read_stroke_json
from tinyml_course.data.synthetic import draw_gestures
from tinyml_course.data.templates import DIGITS, GESTURES

SOURCES = (
    "name a stroke JSON file, a folder of them, a folder of images with one subfolder a class, "
    "synthetic, synthetic:digits or magic-wand"
)


def load_gestures(
    source: str | Path, *, classes: Sequence[str] | None = None, seed: int = 0
) -> GestureSet:
    """Return the gestures of `source`.

    Parameters
    ----------
    source : str or Path
        'synthetic' (wing, ring, slope), 'synthetic:digits', 'magic-wand', a stroke JSON file,
        a folder of stroke JSON files, which are merged, or a folder of images with one subfolder
        a class.
    classes : sequence of str, optional
        Classes to keep, in the order of the model's outputs; else all.
    seed : int
        Of the synthetic gestures.

    Raises
    ------
    InvalidData
        If there is no such source, it is broken, or fewer than two classes remain.
    """
    gestures = _load(source, seed)
    if classes is not None:
        gestures = select_classes(gestures, classes)
    if len(gestures.class_names) < 2:
        raise InvalidData(
            f"{source}: only one class, {gestures.class_names[0]!r}; a classifier needs 2 or "
            "more: add recordings of another class"
        )
    return gestures


def _load(source: str | Path, seed: int) -> GestureSet:
    if source == "synthetic":
        return draw_gestures(GESTURES, seed=seed)
    if source == "synthetic:digits":
        return draw_gestures(DIGITS, samples_per_class=100, people=10, seed=seed)
    if source == "magic-wand":
        return load_magic_wand()
    path = Path(source).expanduser()
    if path.is_dir():
        return _load_folder(path)
    if path.is_file():
        if path.suffix.lower() != ".json":
            raise InvalidData(f"{path} is no stroke JSON file; {SOURCES}")
        return gestures_from_strokes(read_stroke_json(path), source=str(path))
    raise InvalidData(f"there is no {str(source)!r}; {SOURCES}")


def _load_folder(folder: Path) -> GestureSet:
    """Return the strokes or the images of a folder."""
    recordings = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() == ".json" and not path.name.startswith(".")
    )
    images = is_image_folder(folder)
    if recordings and images:
        raise InvalidData(
            f"{folder} holds stroke JSON and subfolders of images; move one kind elsewhere"
        )
    if images:
        return read_image_folder(folder)
    if not recordings:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        found = next((f"found {path.relative_to(folder)}" for path in files), "it is empty")
        raise InvalidData(f"{folder} holds no gestures ({found}); {SOURCES}")
    strokes = [stroke for path in recordings for stroke in read_stroke_json(path)]
    return gestures_from_strokes(strokes, source=f"strokes in {folder}")


def select_classes(gestures: GestureSet, classes: Sequence[str]) -> GestureSet:
    """Return the samples of `classes`, with the labels in that order.

    Raises
    ------
    InvalidData
        If a class is unknown or named twice.
    """
    unknown = [name for name in classes if name not in gestures.class_names]
    if unknown or not classes:
        raise InvalidData(
            f"no class {', '.join(map(repr, unknown))} in {gestures.source}; "
            f"choose from {', '.join(gestures.class_names)}"
        )
    if len(set(classes)) != len(classes):
        raise InvalidData(f"a class is named twice: {', '.join(classes)}; name each once")
    new_label = np.full(len(gestures.class_names), -1, np.int64)
    new_label[[gestures.class_names.index(name) for name in classes]] = np.arange(len(classes))
    kept = gestures.subset(np.flatnonzero(new_label[gestures.labels] >= 0))
    return replace(kept, labels=new_label[kept.labels], class_names=tuple(classes))
