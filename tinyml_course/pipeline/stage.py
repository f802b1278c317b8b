"""What a stage is: frozen options, and a function from one state to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from tinyml_course.core.errors import StageRefused
from tinyml_course.nas.catalog import Samples
from tinyml_course.nas.costs import FileForm
from tinyml_course.pipeline.requirements import Requirements
from tinyml_course.pipeline.state import FlashState, FloatState, SpecState, StageRecord, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a stage may use beside its state.

    Attributes
    ----------
    samples : Samples
        For weights and for selection; the test set is no part of a pipeline.
    requirements : Requirements
        What the result must keep to.
    board : str
        Name of the board.
    seed : int
        Of this stage.
    form : {'slim', 'aware', 'calibrated'}
        The file that the pipeline ends in, as in `nas.costs.measure_cost`.
    teacher : FloatState or None
        The float network that was trained first: strong, and nothing removed from it.
    progress : bool
        Show progress bars.
    """

    samples: Samples
    requirements: Requirements
    board: str = "esp32"
    seed: int = 0
    form: FileForm = "slim"
    teacher: FloatState | None = None
    progress: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Base of all stages: fields are parameters, calling it makes the next state.

    A subclass says in `accepts` what it makes of which state, in `refusals` why not of another,
    and computes in `apply`. What it returns depends on fields, state and context alone.
    """

    name: ClassVar[str]
    accepts: ClassVar[Mapping[type, type]]
    refusals: ClassVar[Mapping[type, str]] = MappingProxyType({})
    optional: ClassVar[bool] = False
    """Whether it only makes the result smaller: skipped where everything that is asked holds."""

    def check(self, kind: type) -> type:
        """Return the type of state that this stage makes of a `kind`.

        Raises
        ------
        StageRefused
            If it takes no such state; says why.
        """
        if kind in self.accepts:
            return self.accepts[kind]
        wanted = " or ".join(k.kind for k in self.accepts)
        reason = self.refusals.get(kind, f"it takes a state of kind {wanted}")
        raise StageRefused(f"{self.name} can't take a state of kind {kind.kind}: {reason}")

    def __call__(self, state: State, context: Context) -> State:
        """Return the next state; its provenance names this stage.

        Raises
        ------
        StageRefused
            If the stage can't take such a state.
        """
        self.check(type(state))
        made = self.apply(state, context)
        return replace(made, provenance=state.provenance.after(self.record(context.seed)))

    def apply(self, state: State, context: Context) -> State:
        """Return the next state, with the old provenance."""
        raise NotImplementedError

    def record(self, seed: int) -> StageRecord:
        """Return what a provenance notes of this stage."""
        parameters = tuple((field.name, getattr(self, field.name)) for field in fields(self))
        return StageRecord(name=self.name, parameters=parameters, seed=seed)


def check_order(stages: Sequence[Stage]) -> None:
    """Refuse stages in an order that can't work, before any of them runs.

    Raises
    ------
    StageRefused
        If a stage can't take what the one before it makes, or no file for the chip is made.
    """
    kind: type = SpecState
    for stage in stages:
        kind = stage.check(kind)
    if kind is not FlashState:
        raise StageRefused(
            f"the stages {', '.join(s.name for s in stages) or '(none)'} end in a state of kind "
            f"{getattr(kind, 'kind', '')}, which no chip runs; add convert"
        )


def stage_seed(seed: int, number: int) -> int:
    """Return the seed of stage `number` of a run: stages draw independently of each other."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
