"""The search inside a pipeline: the network that everything after it starts from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.boards import find_board
from tinyml_course.core.errors import CourseError
from tinyml_course.nas.budget import Budget
from tinyml_course.nas.catalog import Settings, make_problem, make_searcher
from tinyml_course.nas.costs import Constraints
from tinyml_course.nas.crew import connect_crew
from tinyml_course.nas.front import reference_for
from tinyml_course.nas.search import Plan, search
from tinyml_course.pipeline.stage import Context
from tinyml_course.pipeline.stages import FILE_MARGIN

if TYPE_CHECKING:
    from tinyml_course.pipeline.stages import Search


def find_network(stage: Search, context: Context) -> ArchSpec:
    """Return the most accurate network that a search finds within the context's limits.

    Raises
    ------
    NoFeasibleNetwork
        If hardly any network meets the limits.
    CourseError
        If every evaluation failed.
    KeyboardInterrupt
        If the search was interrupted: half a search is no stage.
    """
    plan = make_plan(stage, context)
    with connect_crew(None, in_process=getattr(plan.evaluator, "in_process", False)) as crew:
        result = search(plan, Budget(evaluations=stage.evaluations), crew)
    if result.ending == "interrupted":
        raise KeyboardInterrupt
    if not result.front:
        faults = [trial.fault for trial in result.trials if trial.fault]
        raise CourseError(
            f"the search trained no network: {faults[0] if faults else 'none was evaluated'}"
        )
    return result.front[0].spec


def make_plan(stage: Search, context: Context) -> Plan:
    """Return what `stage` searches; equal stages and contexts find the same network."""
    board, limits = find_board(context.board), context.requirements.constraints()
    limits = replace(limits, max_arena=limits.max_arena or board.arena_limit_bytes)
    problem = make_problem(
        _held(limits), classes=len(context.samples.train.class_names), board=context.board,
        form=context.form,
    )  # fmt: skip
    settings = Settings(seed=context.seed, epochs=stage.epochs)
    strategy, evaluator = make_searcher(stage.strategy, problem, context.samples, settings)
    return Plan(
        problem=problem,
        strategy=strategy,
        evaluator=evaluator,
        seed=context.seed,
        reference=reference_for(
            limits, arena_bytes=board.arena_limit_bytes, model_bytes=board.flash_bytes
        ),
    )


def _held(limits: Constraints) -> Constraints:
    """Return limits that leave the file a margin."""
    if limits.max_flash is None:
        return limits
    return replace(limits, max_flash=int(limits.max_flash / (1 + FILE_MARGIN)))
