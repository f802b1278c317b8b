"""Fronts and hypervolumes of trials."""

from __future__ import annotations

import numpy as np
import pytest

from tests.nas.toy import network, toy_trial
from tinyml_course.nas.costs import Constraints, SpecCost
from tinyml_course.nas.front import (
    PATIENCE_MS,
    Reference,
    find_front,
    measure_hypervolume,
    objectives,
    reference_for,
)
from tinyml_course.nas.pareto import hypervolume_2d, pareto_mask
from tinyml_course.nas.trial import Trial

CORNER = Reference(arena_bytes=1000, model_bytes=1000, latency_ms=10)


def trial(accuracy, arena=500, model=500, latency=5.0, **changes):
    """Return a trial of given costs."""
    cost = SpecCost(parameters=1, macs=1, arena_bytes=arena, model_bytes=model, latency_ms=latency)
    return Trial(
        spec=network(1), hash=f"{accuracy}{arena}{model}{latency}", cost=cost,
        accuracy=accuracy, **changes,
    )  # fmt: skip


def test_front_is_the_undominated_set():
    """Among random trials the front is what the course's own dominance says."""
    rng = np.random.default_rng(0)
    trials = [
        trial(a, *costs) for a, *costs in zip(*rng.integers(1, 9, (4, 60)).tolist(), strict=True)
    ]
    expected = {t.hash for t, on in zip(trials, pareto_mask(objectives(trials)), strict=True) if on}
    assert expected == {t.hash for t in find_front(trials)}


def test_front_begins_with_the_most_accurate():
    """The order is by accuracy, then by arena."""
    front = find_front([trial(0.8, arena=100), trial(0.95, arena=900), trial(0.9, arena=400)])
    assert [0.95, 0.9, 0.8] == [t.accuracy for t in front]


def test_sketches_do_not_compete_with_full_trainings():
    """A lucky accuracy after a tenth of the training is not on a front of full ones."""
    full, sketch = trial(0.9), trial(0.99, arena=10, fidelity=0.1)
    assert (full,) == find_front([sketch, full])
    assert (sketch,) == find_front([sketch])


def test_failures_are_on_no_front_and_add_no_volume():
    """A trial without accuracy counts for nothing, even if it is the smallest."""
    broken = trial(None, arena=1, fault="broke")
    assert () == find_front([broken])
    assert 0.0 == measure_hypervolume([broken], CORNER)


def test_hypervolume_of_one_trial_is_a_product_of_shares():
    """Half of each objective's range dominates a sixteenth of the box."""
    assert 0.5**4 == pytest.approx(measure_hypervolume([trial(0.5)], CORNER))


def test_hypervolume_equals_the_course_s_own_in_two_dimensions():
    """With two objectives held, moocore's volume is the staircase's area."""
    rng = np.random.default_rng(1)
    trials = [trial(rng.random(), arena=int(rng.integers(1, 999))) for _ in range(30)]
    table = objectives(trials)[:, :2]
    area = hypervolume_2d(table / [1, 1000], [1, 1])
    assert area * 0.25 == pytest.approx(measure_hypervolume(trials, CORNER))


def test_trials_beyond_the_reference_add_nothing():
    """A network over a limit of the corner does not count, however accurate."""
    inside = trial(0.5)
    expected = measure_hypervolume([inside], CORNER)
    assert expected == measure_hypervolume([inside, trial(1.0, arena=1001)], CORNER)


def test_the_reference_takes_constraints_before_the_board():
    """Limits of the search are the corner; where there is none, the board's, and a second."""
    made = reference_for(Constraints(max_arena=9), arena_bytes=1, model_bytes=2)
    assert [1.0, 9, 2, PATIENCE_MS] == made.corner.tolist()


def test_toy_trials_have_four_objectives():
    """Rows are error, arena, flash, latency, in this order."""
    found = objectives([toy_trial(network(2, 3), accuracy=0.75)])
    assert [[0.25, 5000, 660, 0.4]] == found.tolist()
