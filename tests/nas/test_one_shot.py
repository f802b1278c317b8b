"""One-shot and differentiable search as strategies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.nas.test_differentiable import PROBLEM, SPACE, TRAIN, VALIDATION
from tests.nas.toy import network, toy_accuracy, toy_problem, toy_trial, widths_of
from tinyml_course.nas.costs import Constraints
from tinyml_course.nas.descents import Descents
from tinyml_course.nas.differentiable import DescentPlan
from tinyml_course.nas.evolution import Evolution
from tinyml_course.nas.one_shot import (
    OneShot,
    OneShotPlan,
    Scored,
    order_by_promise,
    search_estimates,
)
from tinyml_course.nas.random_search import RandomSearch
from tinyml_course.nas.recalibrate import Estimate
from tinyml_course.nas.supernet_training import Schedule


def toy_score(spec) -> Estimate:
    """Return the toy's accuracy as an estimate."""
    return Estimate(accuracy=toy_accuracy(spec), loss=1 - toy_accuracy(spec))


def test_inner_search_learns_from_estimates():
    """Evolution told the estimates finds better networks than random draws, and none twice."""
    best = {}
    for strategy in (Evolution, RandomSearch):
        problem = toy_problem()
        found = search_estimates(strategy(problem, seed=1), problem, toy_score, 150, progress=False)
        assert len({s.trial.hash for s in found}) == 150
        assert not any(problem.constraints.violations(s.trial.cost) for s in found)
        assert all(s.trial.accuracy == toy_accuracy(s.trial.spec) for s in found)
        best[strategy] = max(s.trial.accuracy for s in found)
    assert best[Evolution] > best[RandomSearch]


def test_inner_search_ends_where_the_space_does():
    """A space of nine networks gives nine estimates."""
    problem = toy_problem(most=3, depth=2)
    found = search_estimates(RandomSearch(problem, seed=0), problem, toy_score, 100, progress=False)
    assert len(found) == 9


def test_promise_is_front_then_accuracy_then_loss():
    """No dominated network precedes an undominated one; equal accuracies go by the loss."""
    small, large, wasteful = network(2, 2), network(9, 9), network(9, 12)

    def scored(spec, accuracy, loss):
        return Scored(toy_trial(spec, accuracy=accuracy), Estimate(accuracy=accuracy, loss=loss))

    given = [
        scored(wasteful, 0.5, 0.1), scored(small, 0.6, 0.9), scored(large, 0.9, 0.5),
        scored(network(2, 3), 0.55, 0.1),
    ]  # fmt: skip
    order = [widths_of(s.trial.spec) for s in order_by_promise(given)]
    assert order == [[9, 9], [2, 2], [2, 3], [9, 12]]
    twins = [scored(network(3, 4), 0.7, 0.8), scored(network(4, 3), 0.7, 0.2)]
    costs = replace(twins[0].trial, spec=twins[1].trial.spec, hash="twin")
    twins[1] = Scored(costs, twins[1].estimate)
    assert widths_of(order_by_promise(twins)[0].trial.spec) == [4, 3]
    assert order_by_promise([]) == []


@pytest.mark.slow
def test_supernet_strategy_asks_for_the_network_that_sees():
    """On pairs of dots the first network asked for has the filter that sees both dots."""
    plan = OneShotPlan(
        schedule=Schedule(epochs=80, random=1, learning_rate=2e-2), networks=8, progress=False
    )
    strategy = OneShot(PROBLEM, TRAIN, VALIDATION, plan=plan)
    first = strategy.ask(1)
    assert first[0].layers[0].kernel == 5
    rest = strategy.ask(20)
    assert len(rest) == SPACE.size() - 1
    assert strategy.ask(5) == []
    assert len({PROBLEM.identify(spec) for spec in first + rest}) == SPACE.size()
    assert strategy.describe() == OneShot(PROBLEM, TRAIN, VALIDATION, plan=plan).describe()
    other = OneShot(PROBLEM, VALIDATION, VALIDATION, plan=plan)
    assert other.describe() != strategy.describe()


@pytest.mark.slow
def test_descents_differ_and_are_feasible():
    """Every descent gives a feasible network that none before has given, the same for each seed."""
    problem = replace(
        PROBLEM,
        constraints=Constraints(max_arena=6_000),
        space=replace(SPACE, widths=(2, 4), max_depth=2, operations=("depthwise",), kernels=(3,)),
    )
    plan = DescentPlan(epochs=1, batch_size=64)
    asked = []
    for _ in range(2):
        strategy = Descents(problem, TRAIN, VALIDATION, plan=plan, progress=False)
        asked.append(strategy.ask(2))
    assert asked[0] == asked[1]
    assert len({problem.identify(spec) for spec in asked[0]}) == 2
    assert not any(problem.constraints.violations(problem.cost(spec)) for spec in asked[0])
    assert np.all([problem.space.contains(spec) for spec in asked[0]])
