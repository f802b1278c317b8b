"""Every way through the optional stages: a lattice of artefacts, each measured."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from tinyml_course.core.errors import InvalidData
from tinyml_course.pipeline.measure import Measured, measure
from tinyml_course.pipeline.stage import Context, Stage, stage_seed
from tinyml_course.pipeline.state import FlashState, FloatState, Measurement, SpecState, State

COMMAND = "python benchmarks/study_lattice.py"
PARSERS = {"int": int, "float": float, "str": str}
SWITCHES = ("distill", "prune", "quantize", "slim")
"""Stages that a way may leave out, and still end in a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """What one way through the stages has made, after one of them; a row of the table.

    Attributes
    ----------
    seed : int
        Of split and trainings.
    stages : str
        That it has gone through, in order, separated by blanks.
    form : str
        Kind of its state: 'float32', 'quantization-aware' or 'int8 file'.
    accuracy : float
        Share of the validation samples classified right; stages are chosen by it.
    accuracy_test : float
        Of test samples that nothing was chosen by.
    parameters, macs, model_bytes, arena_bytes, latency_ms, seconds
        As in `state.Measurement`.
    """

    seed: int
    stages: str
    form: str
    accuracy: float
    accuracy_test: float
    parameters: int
    macs: int
    model_bytes: int
    arena_bytes: int
    latency_ms: float
    seconds: float

    @property
    def stage(self) -> str:
        """The last stage that it has gone through."""
        return self.stages.split()[-1]

    @property
    def measurement(self) -> Measurement:
        """Its figures by validation samples, as the gates take them."""
        return Measurement(**{field.name: getattr(self, field.name) for field in _FIGURES})


_FIGURES = fields(Measurement)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A point of the lattice.

    Attributes
    ----------
    stages : tuple of str
        The way that leads to it.
    state : State
        What has been made.
    measured : Measured or None
        None where nothing is trained yet.
    """

    stages: tuple[str, ...]
    state: State
    measured: Measured | None = None


def walk_lattice(
    start: SpecState,
    stages: Sequence[Stage],
    context: Context,
    *,
    switches: Collection[str] = SWITCHES,
    measured_by: Callable[..., Measured] = measure,
) -> Iterator[Node]:
    """Yield a node for each stage of each way; ways that leave a stage out before those with it.

    A way takes or leaves each of the `switches`, and takes all other stages. What two ways begin
    with is computed once, so it is the same for both; a stage has the same seed on every way.

    Parameters
    ----------
    start : SpecState
        The network to begin with.
    stages : sequence of Stage
        In order; every selection of the switches must be possible.
    context : Context
        Its seed is that of the run; the teacher is the first float network.
    switches : collection of str
        Names of the stages that may be left out.
    measured_by : callable, optional
        In place of `measure.measure`, with its parameters.
    """

    def grow(node: Node, place: int, context: Context) -> Iterator[Node]:
        if place == len(stages):
            return
        stage = stages[place]
        if stage.name in switches:
            yield from grow(node, place + 1, context)
        seeded = replace(context, seed=stage_seed(seed, place + 1))
        made = _take(node, stage, seeded, measured_by)
        yield made
        if context.teacher is None and isinstance(made.state, FloatState):
            context = replace(context, teacher=made.state)
        yield from grow(made, place + 1, context)

    seed = context.seed
    yield from grow(Node(stages=(), state=start), 0, context)


def _take(node: Node, stage: Stage, context: Context, by: Callable[..., Measured]) -> Node:
    """Return the node behind a stage."""
    began = time.perf_counter()
    state = stage(node.state, context)
    seconds = time.perf_counter() - began
    way = (*node.stages, stage.name)
    if isinstance(state, SpecState):
        return Node(stages=way, state=state)
    samples = context.samples
    measured = by(
        state, samples.validation, board=context.board, calibration=samples.train, seconds=seconds
    )
    return Node(stages=way, state=state, measured=measured)


def read_artefacts(path: Path) -> tuple[Artefact, ...]:
    """Return the rows of a lattice's table; lines that begin with # are comments.

    Raises
    ------
    InvalidData
        If there are no rows, a column is missing or a value cannot be read; names the file.
    """
    with path.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(line for line in file if not line.startswith("#"))
        rows = tuple(_parse(path, number, row) for number, row in enumerate(table, 1))
    if not rows:
        raise InvalidData(f"{path.name} has no rows; make it again with {COMMAND}")
    return rows


def _parse(path: Path, number: int, row: dict[str, Any]) -> Artefact:
    try:
        return Artefact(**{f.name: PARSERS[str(f.type)](row[f.name]) for f in fields(Artefact)})
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidData(f"{path.name}, row {number}: {error}; make it with {COMMAND}") from error


def select_files(artefacts: Sequence[Artefact], seed: int) -> tuple[Artefact, ...]:
    """Return the files for the chip among one seed's artefacts."""
    return tuple(a for a in artefacts if a.seed == seed and a.form == FlashState.kind)
