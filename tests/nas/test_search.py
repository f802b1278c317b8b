"""The search: its budget, its order, what it tells the strategy, and how it goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import pytest

from tests.nas.toy import (
    REFERENCE,
    FaultyEvaluator,
    LoggingEvaluator,
    ToyEvaluator,
    toy_accuracy,
    toy_cost,
    toy_plan,
    toy_problem,
)
from tinyml_course.nas.budget import Budget
from tinyml_course.nas.crew import Crew
from tinyml_course.nas.evolution import Evolution
from tinyml_course.nas.front import find_front, measure_hypervolume
from tinyml_course.nas.halving import SuccessiveHalving
from tinyml_course.nas.journal import InvalidJournal, read_trials
from tinyml_course.nas.nsga2 import NSGA2
from tinyml_course.nas.pool import SerialExecutor
from tinyml_course.nas.random_search import RandomSearch
from tinyml_course.nas.search import search
from tinyml_course.nas.strategy import NoFeasibleNetwork

evolve = partial(Evolution, population=10, seed=1)


def run(plan, evaluations=40, **options):
    """Search in this process."""
    crew = Crew(SerialExecutor(), jobs=1)
    return search(plan, Budget(evaluations=evaluations), crew, **options)


def test_the_budget_is_met_exactly():
    """As many evaluations as allowed, though the last batch is not complete."""
    result = run(toy_plan(evolve), 41)
    assert (41, 41, "budget") == (result.evaluations, len(result.trials), result.ending)


def test_accuracies_costs_and_seed_are_in_the_trials():
    """Each trial holds what evaluator and cost function say, and the plan's seed."""
    for trial in run(toy_plan(evolve, seed=9)).trials:
        assert toy_accuracy(trial.spec) == trial.accuracy
        assert (toy_cost(trial.spec), 9, 1.0) == (trial.cost, trial.seed, trial.fidelity)


def test_infeasible_networks_are_never_evaluated(tmp_path):
    """Under tight limits every call of the evaluator is for a feasible network."""
    problem = toy_problem(max_arena=9_000, max_flash=2_000)
    result = run(toy_plan(evolve, LoggingEvaluator(folder=str(tmp_path)), problem=problem))
    called = {path.name.split("-")[1] for path in tmp_path.glob("begun-*")}
    assert {trial.hash for trial in result.trials} == called
    assert not any(problem.constraints.violations(trial.cost) for trial in result.trials)


def test_front_and_progress_agree_with_the_trials():
    """The last progress is the result's, and its hypervolume never falls."""
    seen = []
    result = run(toy_plan(partial(NSGA2, population=8)), on_trial=seen.append)
    volumes = [progress.hypervolume for progress in seen]
    assert list(range(1, 41)) == [progress.finished for progress in seen]
    assert sorted(volumes) == volumes
    assert find_front(result.trials) == result.front
    assert volumes[-1] == pytest.approx(measure_hypervolume(result.trials, REFERENCE))


def test_an_exhausted_space_ends_the_search():
    """Nine networks and a budget of forty: nine trials, and the reason."""
    result = run(toy_plan(evolve, problem=toy_problem(most=3, depth=2)))
    assert (9, "exhausted") == (len(result.trials), result.ending)


def test_an_impossible_search_says_so_before_any_training():
    """Without a feasible network there is no evaluation, but an error."""
    with pytest.raises(NoFeasibleNetwork):
        run(toy_plan(evolve, problem=toy_problem(max_flash=100)))


def test_a_fault_is_a_failed_trial_and_no_more():
    """Evaluators that raise, or answer NaN, cost their own trial; the reason is kept."""
    faulty = FaultyEvaluator(raises=tuple(range(1, 6)), answers_nan=tuple(range(6, 10)))
    result = run(toy_plan(evolve, faulty))
    faults = {t.fault for t in result.trials if t.accuracy is None}
    assert 40 == len(result.trials)
    assert any("MemoryError: no room for width" in fault for fault in faults)
    assert any("nan is not in [0, 1]" in fault for fault in faults)
    assert result.front


def test_a_resumed_search_equals_an_uninterrupted_one(tmp_path):
    """25 evaluations, then up to 60 from the journal, are the 60 of one go; none runs twice."""
    evaluator = LoggingEvaluator(folder=str(tmp_path))
    journal = tmp_path / "j.sqlite3"
    run(toy_plan(evolve, evaluator), 25, journal=journal)
    assert 25 == len(list(tmp_path.glob("begun-*")))
    resumed = run(toy_plan(evolve, evaluator), 60, journal=journal)
    assert 60 == len(list(tmp_path.glob("begun-*")))
    straight = run(toy_plan(evolve), 60)
    assert [t.hash for t in straight.trials] == [t.hash for t in resumed.trials]
    assert [t.accuracy for t in straight.trials] == [t.accuracy for t in resumed.trials]


def test_a_finished_search_is_read_from_its_journal(tmp_path):
    """With no budget left, by number or by time, the whole front comes back, nothing runs."""
    first = run(toy_plan(evolve), 30, journal=tmp_path / "j.sqlite3")
    for budget in (Budget(evaluations=30), Budget(seconds=1e-9)):
        plan = toy_plan(evolve, LoggingEvaluator(folder=str(tmp_path)))
        again = search(plan, budget, Crew(SerialExecutor(), jobs=1), journal=tmp_path / "j.sqlite3")
        assert first.front == again.front
        assert 30 == len(again.trials)
    assert [] == list(tmp_path.glob("begun-*"))


def test_time_ends_a_search_and_counts_over_sessions(tmp_path, monkeypatch):
    """At a second an evaluation, 5 s give 5, and 9 s in all give 4 more from the journal on."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    class Slow(ToyEvaluator):
        def __call__(self, spec, seed):
            clock.now += 1.0
            return super().__call__(spec, seed)

    clock = Clock()
    monkeypatch.setattr("tinyml_course.nas.search.time", clock)
    found = [
        search(
            toy_plan(evolve, Slow()), Budget(seconds=seconds), Crew(SerialExecutor(), jobs=1),
            journal=tmp_path / "j.sqlite3",
        )
        for seconds in (5.0, 9.0)
    ]  # fmt: skip
    assert [5, 9] == [len(result.trials) for result in found]
    assert [5.0, 9.0] == [result.spent_seconds for result in found]
    assert 109.0 == clock.now


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"strategy": lambda p: Evolution(p, population=10, seed=2)}, "strategy"),
        ({"problem": toy_problem(max_arena=25_000)}, "max_arena"),
        ({"problem": toy_problem(most=19)}, "space"),
        ({"evaluator": ToyEvaluator(fidelity=0.5)}, "evaluator"),
        ({"seed": 5}, "seed"),
        ({"batch": 8}, "batch"),
    ],
)
def test_a_journal_belongs_to_one_search(tmp_path, change, named):
    """Another strategy, limit, space, evaluator, seed or batch is refused by its name."""
    run(toy_plan(evolve), 5, journal=tmp_path / "j.sqlite3")
    with pytest.raises(InvalidJournal, match=named):
        run(toy_plan(**{"strategy": evolve, **change}), 5, journal=tmp_path / "j.sqlite3")


def test_ctrl_c_ends_the_search_with_what_there_is(tmp_path):
    """Interrupted, it returns the front so far, and the journal goes on from there."""

    def stop(progress):
        if progress.finished == 12:
            raise KeyboardInterrupt

    journal = tmp_path / "j.sqlite3"
    result = run(toy_plan(evolve), journal=journal, on_trial=stop)
    assert ("interrupted", 12) == (result.ending, len(result.trials))
    assert 12 == len(read_trials(journal))
    assert 40 == len(run(toy_plan(evolve), journal=journal).trials)


HALVING = SuccessiveHalving(rungs=tuple(ToyEvaluator(fidelity=f) for f in (0.1, 0.3, 1.0)))


def test_halving_trains_few_networks_fully():
    """Of a batch of 9, 9 are sketched, 3 go on, 1 is trained fully, and it is the best."""
    result = run(toy_plan(RandomSearch, HALVING, batch=9), 13)
    levels = sorted(trial.fidelity for trial in result.trials)
    assert [0.1] * 6 + [0.3] * 2 + [1.0] == levels
    (full,) = (trial for trial in result.trials if trial.fidelity == 1.0)
    assert max(map(toy_accuracy, (t.spec for t in result.trials))) == full.accuracy
    assert (full,) == result.front


def test_halving_resumes_within_a_batch(tmp_path):
    """A search cut off between rungs repeats no rung of any network."""
    logged = replace(
        HALVING,
        rungs=tuple(LoggingEvaluator(fidelity=f, folder=str(tmp_path)) for f in (0.1, 0.3, 1.0)),
    )
    for evaluations in (4, 11, 20, 39):
        run(toy_plan(RandomSearch, logged, batch=9), evaluations, journal=tmp_path / "j.sqlite3")
    calls = ["-".join(path.name.split("-")[1:3]) for path in tmp_path.glob("begun-*")]
    assert 39 == len(calls) == len(set(calls))


def test_strategies_are_told_in_the_order_asked():
    """Whatever finishes first, `tell` gets the batch in the order of `ask`."""

    @dataclass
    class Witness(RandomSearch):
        def __init__(self, problem):
            super().__init__(problem)
            self.asked, self.told = [], []

        def ask(self, n):
            self.asked.append(super().ask(n))
            return self.asked[-1]

        def tell(self, trials):
            self.told.append([trial.spec for trial in trials])

    plan = toy_plan(Witness)
    run(plan, 48)
    assert plan.strategy.asked == plan.strategy.told
