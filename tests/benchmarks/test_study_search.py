"""The comparison of searches: its parts that no result would betray."""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tinyml_course.core.arch import ArchSpec
from tinyml_course.nas.catalog import make_problem
from tinyml_course.nas.code import from_code, to_code
from tinyml_course.nas.costs import Constraints
from tinyml_course.nas.strategy import Problem
from tinyml_course.nas.trial import Trial


@pytest.fixture(scope="module")
def problem() -> Problem:
    return make_problem(Constraints(max_arena=16 * 1024, max_flash=12 * 1024), classes=10)


def draw_trials(problem: Problem, count: int) -> list[Trial]:
    """Return networks with made-up accuracies."""
    rng = np.random.default_rng(0)
    specs = [problem.space.sample(rng) for _ in range(count)]
    return [
        Trial(
            spec=spec, hash=problem.identify(spec), cost=problem.cost(spec),
            accuracy=float(rng.uniform(0.3, 1)),
        )
        for spec in specs
    ]  # fmt: skip


class Draws:
    """What a sampler chooses, at random; stands in for an Optuna trial."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.names: list[str] = []

    def suggest_int(self, name: str, low: int, high: int) -> int:
        """Draw a number."""
        self.names.append(name)
        return int(self._rng.integers(low, high + 1))

    def suggest_categorical(self, name: str, options: tuple[Any, ...]) -> Any:
        """Draw one of the options."""
        self.names.append(name)
        return options[int(self._rng.integers(len(options)))]


def test_suggestions_are_members(search_methods: ModuleType, problem: Problem) -> None:
    """Whatever an Optuna trial chooses is a network of the space, and no name is asked twice."""
    for seed in range(300):
        draws = Draws(seed)
        assert problem.space.contains(search_methods.suggest(draws, problem.space))
        assert len(set(draws.names)) == len(draws.names)


def test_suggestions_reach_the_choices(search_methods: ModuleType, problem: Problem) -> None:
    """Random choices reach every operation, width and depth of the space."""
    specs = [search_methods.suggest(Draws(seed), problem.space) for seed in range(600)]
    layers = [layer for spec in specs for layer in spec.layers]
    assert set(problem.space.operations) == {layer.op for layer in layers}
    assert set(problem.space.widths) == {layer.filters for layer in layers} - {0}
    assert {2, 3, 4, 5} == {len(spec.layers) for spec in specs}


def test_members_do_not_depend_on_order(study_search: ModuleType, problem: Problem) -> None:
    """A front's members are the same in whatever order it is given."""
    trials = draw_trials(problem, 4)
    expected = {trial.hash for trial in study_search.choose_members(trials, 2)}
    for order in permutations(trials):
        assert expected == {trial.hash for trial in study_search.choose_members(order, 2)}


def test_first_member_dominates_most(study_search: ModuleType, problem: Problem) -> None:
    """The first member has the largest box up to the corner, of all members alone."""
    trials = draw_trials(problem, 12)
    rows = [(t.error, t.cost.arena_bytes, t.cost.model_bytes, t.cost.latency_ms) for t in trials]
    scaled = (np.array(rows) - np.min(rows, axis=0)) / np.ptp(rows, axis=0)
    expected = trials[int(np.prod(1.1 - scaled, axis=1).argmax())]
    assert expected is study_search.choose_members(trials, 1)[0]


def test_accuracies_scale_does_not_matter(study_search: ModuleType, problem: Problem) -> None:
    """A method whose accuracies are all halved, as a supernet's, has the same members chosen."""
    trials = draw_trials(problem, 12)
    halved = [replace(trial, accuracy=trial.accuracy / 2) for trial in trials]
    expected = [trial.hash for trial in study_search.choose_members(trials, 5)]
    assert expected == [trial.hash for trial in study_search.choose_members(halved, 5)]


def test_a_front_is_judged_by_its_trainings(study_search: ModuleType, problem: Problem) -> None:
    """One network's hypervolume is its box below the corner, in the figures of its training."""
    spec = from_code("c8k3/2 s16k3/2 s16k3/2", classes=10)
    cost = problem.cost(spec)
    row = {"validation": "0.9", "test": "0.8"}
    found = study_search.judge_front([to_code(spec)], {to_code(spec): row})
    sizes = (1 - cost.arena_bytes / 16384) * (1 - cost.model_bytes / 12288)
    quick, wide = 1 - cost.latency_ms / 100, 1 - cost.latency_ms / 1000
    assert found["validation"] == pytest.approx(sizes * quick * (1 - 0.1 / 0.5), abs=1e-4)
    assert found["test"] == pytest.approx(sizes * quick * (1 - 0.2 / 0.5), abs=1e-4)
    assert found["test_wide"] == pytest.approx(sizes * wide * 0.8, abs=1e-4)


def test_a_study_goes_on_with_what_is_missing(study_search: ModuleType, tmp_path: Path) -> None:
    """A search and a training that the tables hold are not run again."""
    runs, members = tmp_path / "runs.csv", tmp_path / "members.csv"
    options = argparse.Namespace(seeds=[0, 1], methods=["supernet", "random"])
    study_search.append_row(runs, {"method": "random", "seed": 0, "members": "a; b"}, "note")
    study_search.append_row(members, {"network": "a", "seed": 0}, "note")
    assert [("supernet", 0), ("random", 1), ("supernet", 1)] == list(
        study_search.missing_runs(runs, options)
    )
    assert [("b", 0)] == list(study_search.missing_members(runs, members, [0, 1]))


def test_tutorial_children_are_members(tutorial_evolution: ModuleType, problem: Problem) -> None:
    """The tutorial's crossover and mutation lead to networks of the space and leave parents be."""
    evolution = tutorial_evolution.TutorialEvolution(problem, None, 0)
    rng = np.random.default_rng(1)
    parents = [problem.space.sample(rng) for _ in range(30)]
    before = list(parents)
    for _ in range(60):
        child = evolution.breed(parents, rng)
        assert isinstance(child, ArchSpec)
        assert problem.space.contains(child)
        assert problem.constraints.violations(problem.cost(child)) == ()
    assert before == parents


def test_tutorial_mutates_one_in_ten(tutorial_evolution: ModuleType, problem: Problem) -> None:
    """About a tenth of the networks change: 10 % within five standard errors."""
    evolution = tutorial_evolution.TutorialEvolution(problem, None, 0)
    rng = np.random.default_rng(2)
    spec = from_code("c8k3/2 s16k3/2 s16k3/2", classes=10)
    changed = sum(evolution.mutate(spec, rng) != spec for _ in range(1000))
    assert abs(changed / 1000 - 0.1) < 5 * np.sqrt(0.1 * 0.9 / 1000)


def test_tutorial_trains_the_elite_again(
    tutorial_evolution: ModuleType, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second generation begins with the two fittest of the first, evaluated once more."""
    evolution = tutorial_evolution.TutorialEvolution(problem, None, 0)
    rng = np.random.default_rng(3)

    def judge(_: Any, spec: ArchSpec) -> Trial:
        return Trial(
            spec=spec, hash=problem.identify(spec), cost=problem.cost(spec), accuracy=rng.random()
        )

    monkeypatch.setattr(tutorial_evolution.TutorialEvolution, "evaluate", judge)
    left = iter(range(22))
    trials = evolution.run(lambda: next(left, None) is not None)
    fitness = tutorial_evolution.WeightedFitness(problem.constraints)
    fittest = sorted(trials[:20], key=fitness)[-2:]
    assert [trial.spec for trial in fittest] == [trial.spec for trial in trials[20:]]
