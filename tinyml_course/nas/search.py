"""The search itself: ask, evaluate, write down, tell, until the budget is spent."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tinyml_course.nas.budget import Budget
from tinyml_course.nas.crew import Crew
from tinyml_course.nas.evaluate import Evaluator
from tinyml_course.nas.front import Reference, find_front, measure_hypervolume
from tinyml_course.nas.halving import SuccessiveHalving, rungs_of
from tinyml_course.nas.journal import Journal
from tinyml_course.nas.strategy import Problem, Strategy
from tinyml_course.nas.trial import Trial

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec

BATCH = 16
"""Networks asked for at a time; part of what a search is, so that no result depends on workers."""

Ending = Literal["budget", "exhausted", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that the outcome of a search depends on, but its length.

    Attributes
    ----------
    problem : Problem
        Space, limits, costs.
    strategy : Strategy
        A fresh one, never asked or told.
    evaluator : Evaluator
        Gives accuracies.
    reference : Reference
        Corner of the hypervolume that is reported.
    seed : int
        Handed to the evaluator with every network.
    batch : int
        Networks asked for at a time.
    """

    problem: Problem
    strategy: Strategy
    evaluator: Evaluator
    reference: Reference
    seed: int = 0
    batch: int = BATCH

    def identity(self) -> dict[str, Any]:
        """Return what a journal compares, as plain values."""
        return {
            "space": repr(self.problem.space),
            "constraints": asdict(self.problem.constraints),
            "target": self.problem.target,
            "strategy": self.strategy.describe(),
            "evaluator": self.evaluator.describe(),
            "seed": self.seed,
            "batch": self.batch,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a search has come.

    Attributes
    ----------
    finished : int
        Evaluations, those from the journal included.
    spent_seconds : float
        Over all sessions.
    front : tuple of Trial
        Undominated so far, the most accurate first.
    hypervolume : float
        Of the front, in [0, 1].
    """

    finished: int
    spent_seconds: float
    front: tuple[Trial, ...]
    hypervolume: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What a search found.

    Attributes
    ----------
    trials : tuple of Trial
        Every network, in the order asked for, each at the highest fidelity that it reached.
    front : tuple of Trial
        The undominated ones, the most accurate first.
    evaluations : int
        Trainings, or estimates, behind them.
    spent_seconds : float
        Over all sessions.
    ending : {'budget', 'exhausted', 'interrupted'}
        Why it ended.
    """

    trials: tuple[Trial, ...]
    front: tuple[Trial, ...]
    evaluations: int
    spent_seconds: float
    ending: Ending


def search(
    plan: Plan,
    budget: Budget,
    crew: Crew,
    *,
    journal: Path | None = None,
    on_trial: Callable[[Progress], None] | None = None,
) -> SearchResult:
    """Return what `plan` finds within `budget`.

    Infeasible networks are never evaluated, and no network twice at the same fidelity. With a
    journal, a search that was interrupted or killed goes on where it stopped: the strategy is
    asked and told once more, with the answers from the journal. Ctrl-C ends it as a budget does,
    except that evaluations under way are dropped.

    Parameters
    ----------
    plan : Plan
        What to search, and how.
    budget : Budget
        How long, in total over all sessions.
    crew : Crew
        Workers. The result depends neither on their number nor on who finishes first, as long
        as the budget is a number of evaluations.
    journal : Path, optional
        File; else nothing is kept.
    on_trial : callable, optional
        Told the progress after each evaluation.

    Raises
    ------
    InvalidJournal
        If the journal belongs to another search.
    NoFeasibleNetwork
        If hardly any network meets the constraints.
    """
    with Journal(journal, plan.identity()) as book:
        run = _Run(plan, budget, crew, book, on_trial)
        ending: Ending = "budget"
        try:
            while run.goes_on():
                specs = plan.strategy.ask(plan.batch)
                if not specs:
                    ending = "exhausted"
                    break
                trials = run.evaluate(specs)
                if len(trials) == len(specs):
                    plan.strategy.tell(trials)
        except KeyboardInterrupt:
            ending = "interrupted"
            crew.close(at_once=True)
        return run.result(ending)


class _Run:
    """One session of a search."""

    def __init__(
        self,
        plan: Plan,
        budget: Budget,
        crew: Crew,
        journal: Journal,
        on_trial: Callable[[Progress], None] | None,
    ) -> None:
        self._plan, self._budget, self._crew, self._journal = plan, budget, crew, journal
        self._on_trial = on_trial
        self._began = time.monotonic()
        self._before = journal.spent_seconds
        self._begun = 0  # evaluations started or found in the journal, finished or not
        self._finished = 0
        self._trials: dict[str, Trial | None] = {}  # in the order asked for; None is unfinished
        self._front: tuple[Trial, ...] = ()

    @property
    def _spent(self) -> float:
        return self._before + time.monotonic() - self._began

    def goes_on(self) -> bool:
        """Whether there is budget left, or a part of the journal that was not recalled yet."""
        unread = self._finished < len(self._journal)
        return self._may_start() or (unread and not self._is_counted_out())

    def _may_start(self) -> bool:
        """Whether the budget allows another evaluation."""
        seconds = self._budget.seconds
        return not self._is_counted_out() and (seconds is None or self._spent < seconds)

    def _is_counted_out(self) -> bool:
        return self._budget.evaluations is not None and self._begun >= self._budget.evaluations

    def evaluate(self, specs: list[ArchSpec]) -> list[Trial]:
        """Return the trials of a batch in its order, on all rungs; fewer if the budget ends."""
        evaluator, alive = self._plan.evaluator, [self._plan_trial(spec) for spec in specs]
        asked = [trial.hash for trial in alive]
        self._trials |= dict.fromkeys(asked)
        for rung in rungs_of(evaluator):
            found = self._evaluate_on(rung, alive)
            if len(found) < len(alive):
                return []
            if isinstance(evaluator, SuccessiveHalving):
                alive = evaluator.promote(found)
        return [trial for key in asked if (trial := self._trials[key]) is not None]

    def result(self, ending: Ending) -> SearchResult:
        """Return what has been found so far."""
        trials = tuple(trial for trial in self._trials.values() if trial is not None)
        return SearchResult(
            trials=trials,
            front=find_front(trials),
            evaluations=self._finished,
            spent_seconds=self._spent,
            ending=ending,
        )

    def _plan_trial(self, spec: ArchSpec) -> Trial:
        problem = self._plan.problem
        return Trial(
            spec=spec, hash=problem.identify(spec), cost=problem.cost(spec), seed=self._plan.seed
        )

    def _evaluate_on(self, rung: Evaluator, trials: list[Trial]) -> list[Trial]:
        """Return the trials after one rung, in their order; fewer if the budget ends."""
        planned = [
            replace(t, accuracy=None, fault=None, seconds=0.0, fidelity=rung.fidelity)
            for t in trials
        ]
        found = self._recall(planned)
        new = (trial for trial in planned if trial.hash not in found)
        for trial, outcome in self._crew.run(
            rung, new, on_start=self._start, may_start=self._may_start
        ):
            done = trial.finished(outcome)
            self._journal.finish(done, spent_seconds=self._spent)
            self._record(done)
            found[done.hash] = done
        return [found[trial.hash] for trial in planned if trial.hash in found]

    def _recall(self, planned: list[Trial]) -> dict[str, Trial]:
        """Return what the journal knows of `planned`, by hash."""
        found = {}
        for trial in planned:
            known = self._journal.find(trial.hash, trial.fidelity)
            if known is not None and not self._is_counted_out():
                self._begun += 1
                self._record(known)
                found[known.hash] = known
        return found

    def _start(self, trial: Trial) -> None:
        self._begun += 1
        self._journal.start(trial)

    def _record(self, trial: Trial) -> None:
        """Take up a finished trial, and tell the progress."""
        self._finished += 1
        self._trials[trial.hash] = trial
        self._front = find_front((*self._front, trial))
        if self._on_trial is not None:
            self._on_trial(
                Progress(
                    finished=self._finished,
                    spent_seconds=self._spent,
                    front=self._front,
                    hypervolume=measure_hypervolume(self._front, self._plan.reference),
                )
            )
