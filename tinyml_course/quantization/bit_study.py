"""Rows of the study of bit widths: what was quantized how, and how well it did then."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.arch import ArchSpec, gesture_net
from tinyml_course.core.errors import InvalidData
from tinyml_course.core.statistics import Interval, mean_interval

METHODS = ("float", "ptq", "qat", "int8")
WIDTHS = (8, 6, 4, 3, 2)
PLANTS = ("none", "weight", "activation")


@dataclass(frozen=True, slots=True, kw_only=True)
class BitRow:
    """One quantized network and its test accuracy.

    Attributes
    ----------
    seed : int
        Of split, first weights, order and augmentation.
    method : {'float', 'ptq', 'qat', 'int8'}
        Not quantized; simulated after training; trained with quantization; the converter's
        file on the device runtime.
    weight_bits, activation_bits : int
        Widths; 32 for float.
    scheme : {'channel', 'tensor', ''}
        Scales of the convolutions' weights.
    calibration : str
        How PTQ chose its ranges; QAT's estimator, 'ste' or 'lsq'.
    plant : {'none', 'weight', 'activation'}
        Kind of outlier channel planted before.
    accuracy : float
        Share of test samples classified right.
    agreement : float
        Share of test samples to which the simulated PTQ answers like the converter's file;
        1.0 where there is nothing to compare.
    """

    seed: int
    method: str
    weight_bits: int = 32
    activation_bits: int = 32
    scheme: str = ""
    calibration: str = ""
    plant: str = "none"
    accuracy: float
    agreement: float = 1.0

    def __post_init__(self) -> None:
        if self.method not in METHODS or self.plant not in PLANTS:
            raise ValueError(f"unknown method or plant in {self}")
        if not (0 <= self.accuracy <= 1 and 0 <= self.agreement <= 1):
            raise ValueError(f"accuracy and agreement are shares, got {self}")

    @property
    def key(self) -> tuple[Any, ...]:
        """What identifies the run: everything but its results."""
        return tuple(v for name, v in asdict(self).items() if name not in RESULTS)


RESULTS = ("accuracy", "agreement")


def study_net(classes: int) -> ArchSpec:
    """Return the gesture network with ReLU in place of ReLU6, so that scales can move through.

    Examples
    --------
    >>> {layer.activation for layer in study_net(3).layers}
    {'relu'}
    """
    net = gesture_net(classes)
    layers = tuple(replace(layer, activation="relu") for layer in net.layers)
    return replace(net, layers=layers)


def append_row(path: Path, row: BitRow) -> None:
    """Add a row to a CSV file, with the names of the fields at its top."""
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(BitRow)], lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(asdict(row))


def read_rows(path: Path) -> tuple[BitRow, ...]:
    """Return the rows of a CSV file in its order.

    Raises
    ------
    InvalidData
        If a column is missing or a value is impossible; names the file and the line.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return tuple(_parse(path, line, row) for line, row in enumerate(rows, start=2))


def select(rows: Sequence[BitRow], **wanted: Any) -> tuple[BitRow, ...]:
    """Return the rows whose fields have the values in `wanted`, by seed.

    Raises
    ------
    ValueError
        If there are none, or two of one seed: then the question is not settled by `wanted`.
    """
    found = sorted(
        (r for r in rows if all(getattr(r, k) == v for k, v in wanted.items())),
        key=lambda r: r.seed,
    )
    seeds = [r.seed for r in found]
    if not found or len(set(seeds)) < len(seeds):
        raise ValueError(f"{wanted} matches {len(found)} rows of {len(set(seeds))} seeds")
    return tuple(found)


def accuracies(rows: Sequence[BitRow], **wanted: Any) -> NDArray[np.float64]:
    """Return the accuracies (S,) of the rows that `select` finds, by seed."""
    return np.array([row.accuracy for row in select(rows, **wanted)])


def difference(rows: Sequence[BitRow], first: dict[str, Any], second: dict[str, Any]) -> Interval:
    """Return how much more accurate `first` is than `second`, paired by seed.

    Raises
    ------
    ValueError
        If the two have different seeds, fewer than two, or `select` finds several rows a seed.
    """
    a, b = select(rows, **first), select(rows, **second)
    if [r.seed for r in a] != [r.seed for r in b]:
        raise ValueError(f"{first} and {second} were not run with the same seeds")
    return mean_interval([x.accuracy - y.accuracy for x, y in zip(a, b, strict=True)])


def accuracy_by_width(
    rows: Sequence[BitRow], widths: Sequence[int] = WIDTHS, **wanted: Any
) -> tuple[Interval, ...]:
    """Return the mean accuracy and its interval at each width of the weights.

    Raises
    ------
    ValueError
        If a width is missing, or `wanted` leaves several rows a seed.
    """
    return tuple(mean_interval(accuracies(rows, weight_bits=b, **wanted)) for b in widths)


def _parse(path: Path, line: int, row: dict[str, Any]) -> BitRow:
    try:
        numbers: dict[str, Any] = {
            k: int(row[k]) for k in ("seed", "weight_bits", "activation_bits")
        }
        numbers |= {k: float(row[k]) for k in RESULTS}
        texts = {k: row[k] for k in ("method", "scheme", "calibration", "plant")}
        return BitRow(**numbers, **texts)
    except (KeyError, TypeError, ValueError) as fault:
        raise InvalidData(
            f"{path.name}, line {line}: {fault}; make the table again with "
            "`python benchmarks/study_quantization.py`"
        ) from fault
