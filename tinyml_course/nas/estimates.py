"""The tables of the supernet's studies: what it says of networks, and what their trainings said."""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from tinyml_course.core.errors import InvalidData


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatedNetwork:
    """One network that a supernet has judged, with its exact costs on the ESP32.

    Attributes
    ----------
    network : str
        Its code, as `nas.code.to_code` writes it.
    accuracy : float
        Estimated share of the validation samples classified right, in [0, 1].
    loss : float
        Estimated cross-entropy on them, in nats.
    macs, arena_bytes, model_bytes : int
        Exact costs; the file is the slimmed one.
    latency_ms : float
        Of one inference (modelled).
    """

    network: str
    accuracy: float
    loss: float
    macs: int
    arena_bytes: int
    model_bytes: int
    latency_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTraining:
    """One network's training from scratch, beside what the supernet had said.

    Attributes
    ----------
    network : str
        Its code.
    seed : int
        Of the training.
    estimate_accuracy, estimate_loss : float
        By the supernet, on the validation samples: a share in [0, 1], and nats.
    macs : int
        Multiply-accumulates of one inference.
    accuracy, loss : float
        After its own training, on the same samples.
    cpu_seconds : float
        Of the training.
    """

    network: str
    seed: int
    estimate_accuracy: float
    estimate_loss: float
    macs: int
    accuracy: float
    loss: float
    cpu_seconds: float


Row = TypeVar("Row", EstimatedNetwork, OwnTraining)

PARSERS = {"int": int, "float": float, "str": str}


def read_estimates(path: Path, kind: type[Row]) -> tuple[Row, ...]:
    """Return the rows of a study's table in its order; lines that begin with # are comments.

    Parameters
    ----------
    path : Path
        Such as ``supernet_scores.csv`` or ``supernet_ranking.csv``.
    kind : type
        What a row is.

    Raises
    ------
    InvalidData
        If there are no rows, a column is missing or a value cannot be read; names the file.
    """
    with path.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(line for line in file if not line.startswith("#"))
        rows = tuple(_parse(path, kind, number, row) for number, row in enumerate(table, 1))
    if not rows:
        raise InvalidData(f"{path.name} has no rows; make the table again with its study")
    return rows


def _parse(path: Path, kind: type[Row], number: int, row: dict[str, Any]) -> Row:
    try:
        return kind(**{f.name: PARSERS[str(f.type)](row[f.name]) for f in fields(kind)})
    except (KeyError, TypeError, ValueError) as fault:
        raise InvalidData(
            f"{path.name}, row {number}: {fault}; make the table again with its study"
        ) from fault
