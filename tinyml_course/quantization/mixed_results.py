"""The mixed-precision study's tables: results by seed, sensitivities, and all untrained plans."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from tinyml_course.core.errors import InvalidData

COMMAND = "python benchmarks/study_mixed_precision.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """One network of the study as it would be flashed; every figure is of its bytes.

    Attributes
    ----------
    seed : int
        Of split, initial weights and augmentation.
    model : str
        'float32', 'int8', 'mixed', ...
    bits : str
        One digit a layer; empty for float32.
    weight_bytes : int
        Filters alone, as stored.
    constant_bytes : int
        Filters, biases and other constants.
    file_bytes, slim_bytes : int
        The .tflite, and what `slim` leaves of it.
    arena_bytes : int
        Arena on the ESP32 (modelled).
    latency_ms : float
        Of one inference on the ESP32 (modelled).
    accuracy : float
        Share of the test samples classified right (measured on the device's runtime).
    """

    seed: int
    model: str
    bits: str
    weight_bytes: int
    constant_bytes: int
    file_bytes: int
    slim_bytes: int
    arena_bytes: int
    latency_ms: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityRow:
    """What one layer at one width costs one seed's float network on its validation samples.

    Attributes
    ----------
    seed : int
        Of the training.
    layer, bits, weights, loss_increase, accuracy_drop, squared_error
        As in `sensitivity.LayerSensitivity`.
    trace, trace_error : float
        As in `curvature.HessianTrace`.
    base_accuracy : float
        Of the float network on the same samples.
    """

    seed: int
    layer: str
    bits: int
    weights: int
    loss_increase: float
    accuracy_drop: float
    squared_error: float
    trace: float
    trace_error: float
    base_accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UntrainedPlan:
    """One plan, its weights rounded without any training.

    Attributes
    ----------
    bits : str
        One digit a layer.
    weight_bytes : int
        Filters as they would be stored.
    loss_increase, accuracy : float
        Measured on the validation samples: nats, and a share in [0, 1].
    """

    bits: str
    weight_bytes: int
    loss_increase: float
    accuracy: float


Row = TypeVar("Row", PlanResult, SensitivityRow, UntrainedPlan)

PARSERS = {"int": int, "float": float, "str": str}


def write_rows(path: Path, rows: Sequence[PlanResult | SensitivityRow | UntrainedPlan]) -> None:
    """Write `rows`, all of one kind, as CSV under the names of their fields.

    Raises
    ------
    ValueError
        If there are no rows.
    """
    if not rows:
        raise ValueError(f"no rows for {path.name}; run the study first")
    with path.open("w", newline="", encoding="utf-8") as file:
        names = [field.name for field in fields(rows[0])]
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def read_rows(path: Path, kind: type[Row]) -> tuple[Row, ...]:
    """Return the rows of a CSV file in its order.

    Parameters
    ----------
    path : Path
        Written by `write_rows`.
    kind : type
        What a row is.

    Raises
    ------
    InvalidData
        If a column is missing or a value cannot be read; names the file and the line.
    """
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(_parse(path, kind, n, row) for n, row in enumerate(csv.DictReader(file), 2))


def _parse(path: Path, kind: type[Row], line: int, row: dict[str, Any]) -> Row:
    try:
        return kind(**{f.name: PARSERS[str(f.type)](row[f.name]) for f in fields(kind)})
    except (KeyError, TypeError, ValueError) as fault:
        raise InvalidData(
            f"{path.name}, line {line}: {fault}; make the table again with `{COMMAND}`"
        ) from fault


def select(results: Iterable[PlanResult], model: str) -> dict[int, PlanResult]:
    """Return the results of `model` by their seeds.

    Raises
    ------
    ValueError
        If there are none.
    """
    found = {result.seed: result for result in results if result.model == model}
    if not found:
        raise ValueError(f"no results of a model called {model!r}")
    return found
