"""The waterfall explorer: optional stages switched on and off, each way measured beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from itertools import pairwise
from textwrap import fill

from matplotlib.figure import Figure

from tinyml_course.core.errors import InvalidData
from tinyml_course.pipeline.gates import explain_harm
from tinyml_course.pipeline.history import History, Step
from tinyml_course.pipeline.lattice import COMMAND, SWITCHES, Artefact
from tinyml_course.pipeline.requirements import Requirements
from tinyml_course.widgets.experiment import Control, Experiment

ORDER = ("train", "distill", "prune", "quantize", "convert", "slim")
LIMITS_KB = (4, 6, 8, 16, 32)
WORDS = 60
"""Most letters in a line above the figure."""


def way_of(switched: Mapping[str, bool]) -> tuple[str, ...]:
    """Return the stages of a way, in order; stages without a switch are always on.

    Examples
    --------
    >>> way_of({"distill": False, "prune": True, "quantize": False, "slim": False})
    ('train', 'prune', 'convert')
    """
    return tuple(name for name in ORDER if switched.get(name, True))


def find_history(
    artefacts: Sequence[Artefact], way: Sequence[str], requirements: Requirements
) -> History:
    """Return the history of one way through a lattice; a note where a gate would object.

    A stage gets a note if it costs more accuracy than its saving is worth (`gates.explain_harm`);
    it is not taken back here, so that its further course can be seen.

    Parameters
    ----------
    artefacts : sequence of Artefact
        Of one seed.
    way : sequence of str
        Stages in order.
    requirements : Requirements
        What is asked of the last artefact.

    Raises
    ------
    InvalidData
        If the table lacks an artefact of the way.
    """
    known = {artefact.stages: artefact for artefact in artefacts}
    names = [" ".join(way[:place]) for place in range(1, len(way) + 1)]
    missing = [name for name in names if name not in known]
    if missing:
        raise InvalidData(f"the lattice has no artefact {missing[0]!r}; make it with {COMMAND}")
    found = [known[name].measurement for name in names]
    harms = [explain_harm((old, ()), (new, ())) for old, new in pairwise(found)]
    notes = ["", *(harm.replace("rolled back", "a gate would take it back") for harm in harms)]
    steps = tuple(
        Step(stage=stage, folder="", measurement=measured, note=note)
        for stage, measured, note in zip(way, found, notes, strict=True)
    )
    return History(steps=steps, requirements=requirements)


def judge_history(history: History) -> str:
    """Return in words what the last artefact misses, or that it misses nothing."""
    last = history.steps[-1].measurement
    if last is None:
        raise ValueError("the last stage has no figures; end in a file")
    misses = history.requirements.misses_of(last)
    return "; ".join(map(str, misses)) if misses else "everything that is asked for is met"


def waterfall_experiment(
    artefacts: Sequence[Artefact], *, seed: int, min_accuracy: float
) -> Experiment:
    """Return the experiment: a switch for each optional stage, and a limit for file and arena.

    Parameters
    ----------
    artefacts : sequence of Artefact
        A whole lattice, as `lattice.read_artefacts` returns it.
    seed : int
        Whose artefacts are shown.
    min_accuracy : float
        What is asked for, in [0, 1].
    """
    own = [artefact for artefact in artefacts if artefact.seed == seed]
    look_up = partial(_look_up, own, min_accuracy)
    switches = tuple(
        Control(name=name, label=name, values=(False, True), default=True, kind="menu")
        for name in SWITCHES
    )
    limit = Control(
        name="limit_kb", label="limit of file and arena, KB", values=LIMITS_KB, default=6
    )
    return Experiment(
        name="pipeline-waterfall",
        question=(
            "Switch one stage off at a time. Which one can you least do without if file and arena "
            "must keep to 6 KB, and does a stage cost as much when another one is missing?"
        ),
        controls=(*switches, limit),
        draw=cache(lambda **values: _draw(look_up(values))),
        describe=lambda **values: _describe(look_up(values)),
    )


def _look_up(own: Sequence[Artefact], min_accuracy: float, values: Mapping[str, int]) -> History:
    switched = {name: bool(values[name]) for name in SWITCHES}
    limit = 1024 * values["limit_kb"]
    asked = Requirements(max_flash=limit, max_arena=limit, min_accuracy=min_accuracy)
    return find_history(own, way_of(switched), asked)


def _draw(history: History) -> Figure:
    """Return the waterfall, with the verdict and the gates' objections above it."""
    figure: Figure = history.waterfall()
    lines = [*judge_history(history).split("; "), *history.notes()]
    figure.suptitle("\n".join(fill(line, WORDS) for line in lines), fontsize=9)
    return figure


def _describe(history: History) -> str:
    objections = " ".join(f"{note}." for note in history.notes())
    return f"{history.describe()} Result: {judge_history(history)}. {objections}".strip()
