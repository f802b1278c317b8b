"""The small family of networks that chapter 0 measures: operation, depth and width."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tinyml_course.core.arch import ArchSpec, LayerSpec, OpKind
from tinyml_course.core.errors import InvalidData

OPERATIONS: tuple[OpKind, ...] = ("conv", "separable")
DEPTHS = (1, 2, 3, 4, 5)
WIDTHS = (2, 4, 8, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One network of the family with its costs and its measured error.

    Attributes
    ----------
    op, depth, width
        Its place in the family.
    parameters, macs, weight_bytes, activation_bytes : int
        Exact costs of its int8 graph.
    error_percent, error_sd : float
        Test error: mean and standard deviation over the seeds, percent.
    seeds : int
        Trainings behind the mean.
    train_seconds : float
        Mean time of one training on the machine that made the table.
    """

    op: OpKind
    depth: int
    width: int
    parameters: int
    macs: int
    weight_bytes: int
    activation_bytes: int
    error_percent: float
    error_sd: float
    seeds: int
    train_seconds: float

    @property
    def name(self) -> str:
        """Short name: operation, depth x width."""
        return f"{self.op} {self.depth}x{self.width}"


def family_net(classes: int, *, op: OpKind, depth: int, width: int) -> ArchSpec:
    """Return one network of the family.

    A convolution with stride 2, then blocks of `op`; each of the next two blocks halves the
    image and doubles the channels, later ones keep both.

    Parameters
    ----------
    classes : int
        Outputs.
    op : {'conv', 'separable'}
        Kind of the blocks after the first.
    depth : int
        Blocks, at least 1.
    width : int
        Channels of the first block.

    Raises
    ------
    ValueError
        If `depth` is below 1.

    Examples
    --------
    >>> [layer.filters for layer in family_net(3, op="conv", depth=4, width=4).layers]
    [4, 8, 16, 16]
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    blocks = [LayerSpec(op="conv", filters=width, stride=2)]
    for number in range(1, depth):
        filters, stride = width * 2 ** min(number, 2), 2 if number <= 2 else 1
        blocks.append(LayerSpec(op=op, filters=filters, stride=stride))
    return ArchSpec(layers=tuple(blocks), classes=classes)


def family_members() -> tuple[tuple[OpKind, int, int], ...]:
    """Return (op, depth, width) of every member; one block is the same for both operations."""
    return tuple(
        (op, depth, width)
        for op in OPERATIONS
        for depth in DEPTHS
        for width in WIDTHS
        if depth > 1 or op == "conv"
    )


def are_neighbours(first: Candidate, second: Candidate) -> bool:
    """Whether one step leads from `first` to `second`: depth or width by one, or the operation.

    A network of one block neighbours those of two blocks with either operation.
    """
    widths = abs(WIDTHS.index(first.width) - WIDTHS.index(second.width))
    depths = abs(first.depth - second.depth)
    either = min(first.depth, second.depth) == 1
    operations = 0 if either else int(first.op != second.op)
    return widths + depths + operations == 1


def write_candidates(path: Path, candidates: Sequence[Candidate]) -> None:
    """Write `candidates` as CSV, one row each under the names of the fields."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(
            file, [field.name for field in fields(Candidate)], lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(asdict(candidate) for candidate in candidates)


def read_candidates(path: Path) -> tuple[Candidate, ...]:
    """Return the candidates of a CSV file in its order.

    Raises
    ------
    InvalidData
        If a column is missing or a value is not a number; names the file and the row.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return tuple(_parse(path, number, row) for number, row in enumerate(rows, start=2))


def _parse(path: Path, line: int, row: dict[str, Any]) -> Candidate:
    integers = ("depth", "width", "parameters", "macs", "weight_bytes", "activation_bytes", "seeds")
    reals = ("error_percent", "error_sd", "train_seconds")
    try:
        numbers: dict[str, Any] = {key: int(row[key]) for key in integers}
        numbers |= {key: float(row[key]) for key in reals}
        return Candidate(op=row["op"], **numbers)
    except (KeyError, TypeError, ValueError) as fault:
        raise InvalidData(
            f"{path.name}, line {line}: {fault}; make the table again with "
            "`python benchmarks/sweep_foundations.py`"
        ) from fault
