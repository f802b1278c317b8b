"""Model-based search: what it is worth where the errors follow a law, and its bookkeeping."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tinyml_course.core.arch import ArchSpec, gesture_net
from tinyml_course.nas.catalog import make_problem
from tinyml_course.nas.code import from_code
from tinyml_course.nas.costs import Constraints
from tinyml_course.nas.front import Reference, measure_hypervolume
from tinyml_course.nas.random_search import RandomSearch
from tinyml_course.nas.strategy import Problem, Strategy
from tinyml_course.nas.surrogate import Surrogate, describe_network, expected_gain
from tinyml_course.nas.trial import Trial

CORNER = Reference(arena_bytes=32 * 1024, model_bytes=24 * 1024, latency_ms=200.0, error=0.5)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return make_problem(Constraints(max_arena=32 * 1024, max_flash=24 * 1024), classes=10)


def judge(problem: Problem, spec: ArchSpec) -> Trial:
    """Return a trial whose error falls with MACs and depth, by a law no search knows."""
    cost = problem.cost(spec)
    odds = 4 - 0.3 * np.log2(cost.macs) - 0.5 * len(spec.layers)
    return Trial(
        spec=spec, hash=problem.identify(spec), cost=cost, accuracy=1 - 1 / (1 + np.exp(-odds))
    )


def run(strategy: Strategy, problem: Problem, count: int) -> list[Trial]:
    """Return the trials of a search that is asked for two networks at a time."""
    found: list[Trial] = []
    while len(found) < count:
        trials = [judge(problem, spec) for spec in strategy.ask(2)]
        strategy.tell(trials)
        found += trials
    return found


def test_beats_random_search_at_sixteen_networks(problem: Problem) -> None:
    """Where errors follow a law, sixteen networks cover more than sixteen random ones do."""
    for seed in (0, 1, 2):
        model = Surrogate(problem, reference=CORNER, seed=seed, candidates=60)
        ours = run(model, problem, 16)
        random = run(RandomSearch(problem, seed=seed), problem, 16)
        assert measure_hypervolume(ours, CORNER) > 1.1 * measure_hypervolume(random, CORNER)


def test_asks_for_new_feasible_networks_only(problem: Problem) -> None:
    """No network is asked for twice, and each is a member that meets the limits."""
    trials = run(Surrogate(problem, reference=CORNER, candidates=30), problem, 24)
    assert len({trial.hash for trial in trials}) == 24
    for trial in trials:
        assert problem.space.contains(trial.spec)
        assert problem.constraints.violations(trial.cost) == ()


def test_is_rebuilt_by_telling_again(problem: Problem) -> None:
    """A fresh strategy that is asked and told the same goes on as the first one did."""
    first = Surrogate(problem, reference=CORNER, seed=3, candidates=30)
    run(first, problem, 8)
    again = Surrogate(problem, reference=CORNER, seed=3, candidates=30)
    run(again, problem, 8)
    assert first.ask(2) == again.ask(2)


def test_failures_are_no_obstacle(problem: Problem) -> None:
    """Trials without an accuracy are forgotten, and the search goes on."""
    strategy = Surrogate(problem, reference=CORNER, candidates=30)
    strategy.tell([replace(judge(problem, s), accuracy=None) for s in strategy.ask(4)])
    strategy.tell([judge(problem, spec) for spec in strategy.ask(4)])
    assert len(strategy.ask(2)) == 2


def test_too_few_to_begin_with_are_refused(problem: Problem) -> None:
    """A model of a single network is refused."""
    with pytest.raises(ValueError, match="at least 2"):
        Surrogate(problem, reference=CORNER, first=1)


def test_gain_is_the_box_that_is_added() -> None:
    """With one certain error, the gain is the volume that the point adds to the front."""
    front = np.array([[0.5, 0.5]])
    found = expected_gain(
        np.array([[0.2], [0.6], [0.2], [1.2]]), np.array([[0.8], [0.6], [1.0], [0.1]]), front
    )
    np.testing.assert_allclose(found, [0.3 * 0.2, 0, 0, 0], atol=1e-12)


def test_gain_is_the_mean_over_the_errors() -> None:
    """Two equally likely errors count half each, one of them for nothing."""
    found = expected_gain(np.array([[0.2, 0.9]]), np.array([[0.8]]), np.array([[0.5, 0.5]]))
    np.testing.assert_allclose(found, [0.5 * 0.3 * 0.2])


def test_features_tell_what_a_pixel_sees(problem: Problem) -> None:
    """A 3 x 3 convolution after a stride of 2 sees 7 pixels, after a pooling of 2 it sees 8."""
    for code, field in (("c8k3/2 s8k3", 7), ("c8k3p2 s8k3", 8), ("c8k5 s8k3", 7)):
        spec = from_code(code, classes=10)
        assert np.log2(field) == describe_network(spec, problem.cost(spec))[8]


def test_features_tell_networks_apart(problem: Problem) -> None:
    """Features are finite, and differ where depth, operation, skip or head do."""
    spec = gesture_net(10)
    codes = ("c8k3/2 s16k3/2", "c8k3/2 c16k3/2", "c8k3/2 s8k3", "c8k3/2 s8k3+", "c8k3/2 s8k3 h16")
    specs = [spec, *(from_code(code, classes=10) for code in codes)]
    rows = np.array([describe_network(s, problem.cost(s)) for s in specs])
    assert np.isfinite(rows).all()
    assert len(np.unique(rows, axis=0)) == len(specs)
