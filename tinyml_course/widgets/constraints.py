"""The constraints explorer: limits move, and another of the measured artefacts is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib.figure import Figure

from tinyml_course.pipeline.lattice import Artefact
from tinyml_course.pipeline.requirements import Miss, Requirements
from tinyml_course.plots.artefacts import plot_artefacts
from tinyml_course.widgets.experiment import Control, Experiment

FLASH_KB = (4, 5, 6, 8, 12, 32)
ARENA_KB = (4, 5, 6, 8, 10)
PERCENT = (90, 94, 95, 96, 97, 98, 99, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An artefact, and what it misses of what was asked for.

    Attributes
    ----------
    artefact : Artefact
        The chosen one.
    misses : tuple of Miss
        Empty where everything is met.
    candidates : int
        How many artefacts meet everything.
    """

    artefact: Artefact
    misses: tuple[Miss, ...]
    candidates: int

    def __str__(self) -> str:
        a = self.artefact
        told = f"{a.accuracy:.1%}, file {a.model_bytes:,} B, arena {a.arena_bytes:,} B"
        if not self.misses:
            return f"{a.stages}: {told}"
        return f"none meets it; nearest {a.stages}: {told}"


def choose_artefact(artefacts: Sequence[Artefact], requirements: Requirements) -> Choice:
    """Return the smallest file that meets all requirements; where none does, the nearest.

    Nearest is the least sum of excesses: shares by which limits are exceeded, plus a tenth for
    each point of accuracy that is missing, as the pipeline's gates count. Of equals the more
    accurate one is taken.

    Parameters
    ----------
    artefacts : sequence of Artefact
        At least one.
    requirements : Requirements
        By validation samples.

    Raises
    ------
    ValueError
        If there is no artefact.
    """
    if not artefacts:
        raise ValueError("there is no artefact to choose from; read a lattice's table first")
    judged = [(a, requirements.misses_of(a.measurement)) for a in artefacts]
    best = min(
        judged,
        key=lambda pair: (
            sum(miss.excess for miss in pair[1]), pair[0].model_bytes, -pair[0].accuracy
        ),
    )  # fmt: skip
    return Choice(
        artefact=best[0], misses=best[1], candidates=sum(not misses for _, misses in judged)
    )


def constraints_experiment(artefacts: Sequence[Artefact]) -> Experiment:
    """Return the experiment: limits of file and arena, a least accuracy, and what is chosen.

    Parameters
    ----------
    artefacts : sequence of Artefact
        Files for the chip, of one seed.
    """
    table = np.array(
        [(a.model_bytes / 1024, a.arena_bytes / 1024, 100 * a.accuracy) for a in artefacts]
    )

    @cache
    def draw(flash_kb: int, arena_kb: int, percent: int) -> Figure:
        asked = _asked(flash_kb, arena_kb, percent)
        choice = choose_artefact(artefacts, asked)
        meets = np.array([not asked.misses_of(a.measurement) for a in artefacts])
        return plot_artefacts(
            table, meets, list(artefacts).index(choice.artefact),
            limits=(flash_kb, arena_kb, percent), label=str(choice),
        )  # fmt: skip

    def describe(flash_kb: int, arena_kb: int, percent: int) -> str:
        choice = choose_artefact(artefacts, _asked(flash_kb, arena_kb, percent))
        missed = "; ".join(str(miss) for miss in choice.misses)
        return (
            f"At most {flash_kb} KB of file and {arena_kb} KB of arena, at least {percent} %: "
            f"{choice.candidates} of {len(artefacts)} files qualify. {choice}."
            + (f" It misses {missed}." if missed else "")
        )

    return Experiment(
        name="constraints",
        question=(
            "Before you move a limit: will the same file still be chosen, another one, or none? "
            "Which of the three limits excludes most?"
        ),
        controls=(
            Control(name="flash_kb", label="file at most, KB", values=FLASH_KB, default=12),
            Control(name="arena_kb", label="arena at most, KB", values=ARENA_KB, default=8),
            Control(name="percent", label="accuracy at least, %", values=PERCENT, default=95),
        ),
        draw=draw,
        describe=describe,
    )


def _asked(flash_kb: int, arena_kb: int, percent: int) -> Requirements:
    return Requirements(
        max_flash=1024 * flash_kb, max_arena=1024 * arena_kb, min_accuracy=percent / 100
    )
