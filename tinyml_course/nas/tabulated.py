"""A search space so small that a table holds all of it: searches of it take milliseconds."""

from __future__ import annotations

import csv
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.errors import InvalidData
from tinyml_course.nas.code import from_code
from tinyml_course.nas.costs import Constraints, SpecCost
from tinyml_course.nas.space import SearchSpace, canonical_hash
from tinyml_course.nas.strategy import Problem, Strategy
from tinyml_course.nas.trial import Evaluation, Trial

SMALL_SPACE = SearchSpace(
    widths=(4, 8, 16, 32),
    activations=("relu6",),
    skips=False,
    downsampling=("stride",),
    max_depth=3,
    hidden=(0,),
)
"""Two or three blocks of any operation, kernel and four widths, each of which halves the map."""

OUTSIDE = SpecCost(
    parameters=0, macs=0, arena_bytes=sys.maxsize, model_bytes=sys.maxsize, latency_ms=math.inf
)
"""What a network costs that is not in a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One network of a table.

    Attributes
    ----------
    spec : ArchSpec
        The network.
    accuracy, loss : float
        A supernet's estimates on validation strokes: share classified right, cross-entropy in
        nats.
    cost : SpecCost
        Exact, but for the latency, which is modelled.
    """

    spec: ArchSpec
    accuracy: float
    loss: float
    cost: SpecCost


Table = Mapping[str, Entry]
"""Entries by `nas.space.canonical_hash`."""


def read_entries(path: Path, *, classes: int) -> dict[str, Entry]:
    """Return the networks of a CSV file by their hash, in its order.

    Parameters
    ----------
    path : Path
        Columns: network (`nas.code.to_code`), accuracy, loss, and the fields of `SpecCost`; lines
        that begin with # are comments.
    classes : int
        Of all its networks.

    Raises
    ------
    InvalidData
        If a column is missing or a value can't be read; names the file and the network.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    entries = [_parse(path.name, number, row, classes) for number, row in enumerate(rows, 1)]
    return {canonical_hash(entry.spec): entry for entry in entries}


def _parse(name: str, number: int, row: dict[str, str], classes: int) -> Entry:
    try:
        return Entry(
            spec=from_code(row["network"], classes=classes),
            accuracy=float(row["accuracy"]),
            loss=float(row["loss"]),
            cost=SpecCost(
                parameters=int(row["parameters"]),
                macs=int(row["macs"]),
                arena_bytes=int(row["arena_bytes"]),
                model_bytes=int(row["model_bytes"]),
                latency_ms=float(row["latency_ms"]),
            ),
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise InvalidData(
            f"{name}, network {number}: {fault!r}; make the table again with "
            "`python benchmarks/tabulate_small_space.py`"
        ) from fault


def tabulated_problem(table: Table, constraints: Constraints) -> Problem:
    """Return the problem of searching `SMALL_SPACE`, with costs from a table.

    Parameters
    ----------
    table : mapping of str to Entry
        Every network of the space that meets the constraints under which it was made; what is
        not in it costs infinitely much, and so meets none.
    constraints : Constraints
        With a limit on the arena, at least.

    Raises
    ------
    ValueError
        If there is no limit on the arena.
    """
    if constraints.max_arena is None:
        raise ValueError("a table of feasible networks needs a limit on the arena, got none")
    classes = next(iter(table.values())).spec.classes

    def cost(spec: ArchSpec) -> SpecCost:
        entry = table.get(canonical_hash(spec))
        return OUTSIDE if entry is None else entry.cost

    return Problem(
        space=replace(SMALL_SPACE, classes=classes), constraints=constraints, cost=cost,
        identify=canonical_hash, target="a table",
    )  # fmt: skip


def run_on_table(strategy: Strategy, table: Table, count: int, *, batch: int = 1) -> list[Trial]:
    """Return the trials of a search whose accuracies are those of the table.

    Parameters
    ----------
    strategy : Strategy
        Fresh, for `tabulated_problem`.
    table : mapping of str to Entry
        Answers.
    count : int
        Trials; fewer where the space is exhausted.
    batch : int, default 1
        Networks asked for at a time.
    """
    found: list[Trial] = []
    while len(found) < count and (specs := strategy.ask(min(batch, count - len(found)))):
        trials = [as_trial(table[canonical_hash(spec)]) for spec in specs]
        strategy.tell(trials)
        found += trials
    return found


def as_trial(entry: Entry) -> Trial:
    """Return an entry as a search would have found it."""
    return Trial(
        spec=entry.spec, hash=canonical_hash(entry.spec), cost=entry.cost,
        accuracy=entry.accuracy, fidelity=0.0,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableEvaluator:
    """An evaluator that looks a network up, and takes its time: it stands for a training.

    Attributes
    ----------
    accuracies : mapping of str to float
        By `nas.space.canonical_hash`.
    pause : float
        Seconds that an evaluation takes.
    """

    accuracies: Mapping[str, float]
    pause: float = 0.0

    @property
    def fidelity(self) -> float:
        """0: the table holds estimates."""
        return 0.0

    def __call__(self, spec: ArchSpec, seed: int) -> Evaluation:  # noqa: ARG002
        """Return the table's accuracy after the pause."""
        time.sleep(self.pause)
        accuracy = self.accuracies[canonical_hash(spec)]
        return Evaluation(accuracy=accuracy, seconds=self.pause, fidelity=self.fidelity)

    def describe(self) -> dict[str, object]:
        """Return what distinguishes this table from others."""
        digest = sha256(repr(sorted(self.accuracies.items())).encode()).hexdigest()
        return {"evaluator": "table", "accuracies": digest[:16]}
