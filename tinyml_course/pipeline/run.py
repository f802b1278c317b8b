"""The runner: stages in order, measured one by one, with gates, roll-back and checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tinyml_course.core.errors import StageRefused
from tinyml_course.core.types import GestureSet
from tinyml_course.pipeline.gates import explain_harm, is_measured, open_misses
from tinyml_course.pipeline.history import History, Step
from tinyml_course.pipeline.measure import Measured, measure
from tinyml_course.pipeline.plan import Outcome, Plan
from tinyml_course.pipeline.requirements import Miss, Requirements
from tinyml_course.pipeline.stage import Context, Stage, check_order, stage_seed
from tinyml_course.pipeline.state import (
    FlashState,
    FloatState,
    Provenance,
    SpecState,
    State,
)
from tinyml_course.pipeline.store import Finished, Store

Measure = Callable[..., Measured]


def run_pipeline(
    plan: Plan,
    store: Store,
    *,
    resume: bool = False,
    gate: bool = True,
    on_step: Callable[[Step], None] | None = None,
    measured_by: Measure = measure,
    progress: bool = True,
) -> Outcome:
    """Run the stages of `plan` and return the file, how good it is, and the history.

    - Each state is measured on the validation samples, and kept with its file.
    - Gate: once the accuracy and the exact costs of the network's int8 file meet everything that
      is asked for, stages that only make it smaller are skipped; a file is always made. Should
      the file then miss something, the run goes back and takes the stages that it had skipped.
    - Roll back: `gates.explain_harm` says which stage is taken back, and why.
    - A finished stage is on disk before the next one begins; its folder appears as a whole. A run
      that is resumed takes finished stages from there, and ends in the same bytes.

    Parameters
    ----------
    plan : plan.Plan
        What to run.
    store : Store
        Where the artefacts go.
    resume : bool, default False
        Go on with an earlier session of the same plan.
    gate : bool, default True
        Skip stages that nobody needs; where nothing is asked for, none is skipped.
    on_step : callable, optional
        Told of each step as it is done; again, with another note, if it is taken back later.
    measured_by : callable, optional
        In place of `measure.measure`, with its parameters.
    progress : bool, default True
        Show progress bars.

    Raises
    ------
    StageRefused
        If the stages can't follow each other; before anything runs.
    InvalidData
        If `resume` is set and the store belongs to another run.
    """
    check_order(plan.stages)
    store.open(plan.to_dict(), resume=resume)
    runner = _Runner(
        plan, store, on_step=on_step or (lambda _: None), measured_by=measured_by, progress=progress
    )
    return runner.run(gate=gate and plan.requirements != Requirements())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a walk through the stages is: the next stage's number, and what there is."""

    number: int
    state: State
    measured: Measured | None = None
    steps: tuple[Step, ...] = ()


class _Runner:
    """One session of a run."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        *,
        on_step: Callable[[Step], None],
        measured_by: Measure,
        progress: bool,
    ) -> None:
        self._plan, self._store, self._on_step = plan, store, on_step
        self._measure, self._progress = measured_by, progress
        self._skipped_at: _Place | None = None
        self._baseline: FloatState | None = None

    def run(self, *, gate: bool) -> Outcome:
        """Walk through the stages; a second time from the first that was skipped in vain."""
        origin = Provenance(
            seed=self._plan.seed,
            data_fingerprint=self._plan.samples.train.fingerprint,
            versions=self._plan.versions,
        )
        start = _Place(number=0, state=SpecState(spec=self._plan.spec, provenance=origin))
        end = self._walk(start, gate=gate)
        if self._skipped_at is not None and self._misses(end):
            end = self._walk(self._go_back(self._skipped_at, end), gate=False)
        return self._outcome(end)

    def _walk(self, place: _Place, *, gate: bool) -> _Place:
        while place.number < len(self._plan.stages):
            stage = self._plan.stages[place.number]
            if gate and stage.optional and place.measured and not self._misses(place):
                place = self._skip(place, stage)
            else:
                place = self._take(place, stage)
        return place

    def _skip(self, place: _Place, stage: Stage) -> _Place:
        """Return the place behind a stage that nobody needs."""
        if self._skipped_at is None:
            self._skipped_at = place
        *earlier, last = place.steps
        known = "all that is asked for is met"
        note = f"{last.note}, {stage.name}" if last.note else f"{known}; skipped {stage.name}"
        steps = (*earlier, replace(last, note=note))
        return replace(place, number=place.number + 1, steps=steps)

    def _take(self, place: _Place, stage: Stage) -> _Place:
        """Return the place behind a stage that has run, or was taken back."""
        finished, step = self._finish(place, stage)
        if self._baseline is None and isinstance(finished.state, FloatState):
            self._baseline = finished.state
        after = _Place(
            number=place.number + 1, state=finished.state, measured=finished.measured,
            steps=(*place.steps, step),
        )  # fmt: skip
        harm = self._harm(place, after)
        if harm:
            step = replace(step, kept=False, note=harm)
            after = replace(place, number=after.number, steps=(*place.steps, step))
        self._on_step(step)
        return after

    def _finish(self, place: _Place, stage: Stage) -> tuple[Finished, Step]:
        """Return what a stage made, now or in an earlier session."""
        number = place.number + 1
        seed = stage_seed(self._plan.seed, number)
        folder = self._store.place(number, stage, place.state, seed)
        found = self._store.load(folder)
        finished = found or self._work(place, stage, seed)
        if found is None:
            self._store.save(folder, finished)
        measured = finished.measured
        step = Step(
            stage=stage.name, folder=folder.name, measurement=measured and measured.measurement,
            resumed=found is not None,
        )  # fmt: skip
        return finished, step

    def _work(self, place: _Place, stage: Stage, seed: int) -> Finished:
        plan = self._plan
        context = Context(
            samples=plan.samples, requirements=plan.requirements, board=plan.board, seed=seed,
            form=plan.form, teacher=self._baseline, progress=self._progress,
        )  # fmt: skip
        began = time.perf_counter()
        state = stage(place.state, context)
        seconds = time.perf_counter() - began
        if not is_measured(state):
            return Finished(state=state, measured=None)
        validation: GestureSet = plan.samples.validation
        measured = self._measure(
            state, validation, board=plan.board, calibration=plan.samples.train, seconds=seconds
        )
        return Finished(state=state, measured=measured)

    def _harm(self, before: _Place, after: _Place) -> str:
        """Return why the last stage is taken back; empty where it stays, or nothing else works."""
        if before.measured is None or after.measured is None or not self._works(before, after):
            return ""
        return explain_harm(
            (before.measured.measurement, self._misses(before)),
            (after.measured.measurement, self._misses(after)),
        )

    def _works(self, before: _Place, after: _Place) -> bool:
        """Whether the stages still to come take the state before the last one."""
        kind = type(before.state)
        try:
            for stage in self._plan.stages[after.number :]:
                kind = stage.check(kind)
        except StageRefused:
            return False
        return kind is FlashState

    def _misses(self, place: _Place) -> tuple[Miss, ...]:
        """Return what would be missed if the run ended in this network."""
        if place.measured is None:
            return ()
        return open_misses(
            place.state, place.measured.measurement, self._plan.requirements,
            board=self._plan.board, form=self._plan.form,
        )  # fmt: skip

    def _go_back(self, skipped_at: _Place, end: _Place) -> _Place:
        """Return the place of the first skipped stage, with what came after it as not kept."""
        missed = "; ".join(str(miss) for miss in self._misses(end))
        note = f"went back to the stages that had been skipped: {missed}"
        later = tuple(
            replace(step, kept=False, note=note) for step in end.steps[len(skipped_at.steps) :]
        )
        for step in later:
            self._on_step(step)
        return replace(skipped_at, steps=(*skipped_at.steps, *later))

    def _outcome(self, end: _Place) -> Outcome:
        if not isinstance(end.state, FlashState) or end.measured is None or not self._baseline:
            raise StageRefused("the stages made no file; train and convert")
        return Outcome(
            state=end.state,
            measurement=end.measured.measurement,
            baseline=self._baseline,
            misses=self._misses(end),
            history=History(steps=end.steps, requirements=self._plan.requirements),
        )
