"""Strokes: checked on the way in, resampled by arc length, read from and written to JSON.

Shapes by letter: P pen points.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyml_course.core.errors import InvalidData
from tinyml_course.core.types import Stroke

UNKNOWN = "unknown"
"""Person of a stroke whose drawer nobody noted."""


def make_stroke(
    points: ArrayLike, label: str, *, person: str = UNKNOWN, source: str = "stroke"
) -> Stroke:
    """Return a checked stroke; a stroke that stands still is allowed and draws a dot.

    Parameters
    ----------
    points : (P, 2) array_like
        x to the right and y up, at least two points, in the recording's own unit.
    label : str
        Name of the class.
    person : str
        Who drew it.
    source : str
        File and record, for the message.

    Raises
    ------
    InvalidData
        If the stroke is empty, has one point, a coordinate that is not finite, or no label.
    """
    try:
        array = np.array(points, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as fault:
        raise InvalidData(
            f"{source}: points must be pairs of numbers ({fault}); record the stroke again"
        ) from None
    if len(array) < 2:
        count = ("no points", "1 point")[len(array)]
        raise InvalidData(f"{source}: {count}, need at least 2; record it again or delete it")
    if array.ndim != 2 or array.shape[1] != 2:
        raise InvalidData(f"{source}: need points of shape (P, 2), got {array.shape}")
    if not np.isfinite(array).all():
        bad = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise InvalidData(
            f"{source}: point {bad} is ({array[bad, 0]}, {array[bad, 1]}), need finite numbers; "
            "correct the point or delete the stroke"
        )
    if not label.strip():
        raise InvalidData(f'{source}: no label; add "label" with the name of its class')
    return Stroke(points=array, label=label, person=person, source=source)


def resample(points: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return `count` points at equal distances along the stroke: its shape without its speed.

    Parameters
    ----------
    points : (P, 2) float64
        The path of the pen.
    count : int
        Points to return, at least 2.

    Returns
    -------
    (count, 2) float64
        First and last point as in `points`.

    Examples
    --------
    >>> resample(np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 1.0]]), 5).tolist()
    [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [3.0, 1.0]]
    """
    if count < 2:
        raise ValueError(f"count must be at least 2, got {count}")
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.linspace(0.0, length[-1], count)
    return np.stack([np.interp(at, length, points[:, axis]) for axis in (0, 1)], axis=1)


def read_stroke_json(path: str | Path) -> tuple[Stroke, ...]:
    """Return all strokes of a recording in the magic wand's JSON form, in the file's order.

    The form is ``{"strokes": [{"index": 0, "label": "wing", "strokePoints": [{"x": 0.1,
    "y": 0.2}, ...]}, ...]}``; each stroke may also name its "person".

    Raises
    ------
    InvalidData
        If the file or one of its records is broken; nothing is dropped.

    References
    ----------
    .. [1] Pete Warden's magic wand recorder, github.com/petewarden/magic_wand_digit_data.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise InvalidData(
            f"can't read {path} as JSON: {fault}; export the recording again"
        ) from None
    records = content.get("strokes") if isinstance(content, dict) else None
    if not isinstance(records, list):
        raise InvalidData(f'{path}: no list "strokes"; export it as magic wand stroke JSON')
    if not records:
        raise InvalidData(f'{path}: "strokes" is empty; record strokes or remove the file')
    return tuple(_parse_record(record, path, number) for number, record in enumerate(records))


def _parse_record(record: Any, path: Path, number: int) -> Stroke:
    """Return the stroke in one record of a file."""
    source = f"{path}, stroke {number}"
    if not isinstance(record, dict):
        raise InvalidData(f"{source}: need an object with label and strokePoints, got {record!r}")
    if record.get("index", number) != number:
        source = f"{path}, stroke {number} (index {record['index']!r})"
    points = record.get("strokePoints")
    if not isinstance(points, list):
        raise InvalidData(f'{source}: no list "strokePoints"; record it again or delete it')
    return make_stroke(
        [_parse_point(point, source, at) for at, point in enumerate(points)],
        _parse_name(record, "label", source, default=""),
        person=_parse_name(record, "person", source, default=UNKNOWN),
        source=source,
    )


def _parse_name(record: dict[str, Any], key: str, source: str, *, default: str) -> str:
    value = record.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidData(f'{source}: "{key}" must be text, got {value!r}; put it in quotes')
    return str(value)


def _parse_point(point: Any, source: str, at: int) -> tuple[Any, Any]:
    """Return x and y of one point."""
    x, y = (point.get("x"), point.get("y")) if isinstance(point, dict) else (None, None)
    if not (_is_number(x) and _is_number(y)):
        raise InvalidData(
            f'{source}: point {at} is {point!r}, need numbers "x" and "y"; '
            "correct the point or delete the stroke"
        )
    return x, y


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def write_stroke_json(path: str | Path, strokes: Sequence[Stroke]) -> None:
    """Write strokes in the form that `read_stroke_json` reads; the file appears complete or not.

    Parameters
    ----------
    path : str or Path
        File to write; its folder must exist.
    strokes : sequence of Stroke
        At least one.

    Raises
    ------
    InvalidData
        If there is no stroke, or a stroke is broken.
    """
    if not strokes:
        raise InvalidData(f"no strokes to write to {path}; record at least one")
    records: list[dict[str, object]] = []
    for number, stroke in enumerate(strokes):
        checked = make_stroke(
            stroke.points, stroke.label, source=stroke.source or f"stroke {number}"
        )
        record: dict[str, object] = {"index": number, "label": stroke.label}
        if stroke.person != UNKNOWN:
            record["person"] = stroke.person
        record["strokePoints"] = [{"x": x, "y": y} for x, y in checked.points.tolist()]
        records.append(record)
    _replace_file(Path(path), json.dumps({"strokes": records}).encode())


def _replace_file(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
