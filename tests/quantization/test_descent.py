"""Descents through rounding against the best point of the grid."""

import numpy as np
import pytest

from tinyml_course.core.statistics import mean_interval
from tinyml_course.quantization.affine import roundtrip
from tinyml_course.quantization.descent import (
    ESTIMATORS,
    best_on_grid,
    descend,
    make_task,
    start_grid,
)

SEEDS = range(12)


def test_gradient_is_the_losses_slope():
    """The gradient by the used weights equals central differences of the loss."""
    task = make_task(0)
    at = task.w + 0.3
    steps = 1e-6 * np.eye(len(at))
    slopes = [(task.loss(at + s) - task.loss(at - s)) / 2e-6 for s in steps]
    np.testing.assert_allclose(task.gradient(at), slopes, rtol=1e-5)
    assert 0.0 == task.loss(task.w)


def test_the_true_slope_moves_nothing():
    """With the rounding's own derivative the weights and the loss stay where they were."""
    run = descend(make_task(1), bits=3, estimator="true slope")
    assert 0.0 == np.ptp(run.loss)
    assert 0.0 == np.ptp(run.latent, axis=0).max()


@pytest.mark.parametrize("seed", SEEDS)
def test_no_fixed_grid_descent_beats_the_best_point(seed):
    """On a fixed grid no step is better than the point found by trying all of them."""
    task = make_task(seed)
    q = start_grid(task, bits=2)
    best, w = best_on_grid(task, q)
    assert best == pytest.approx(task.loss(w))
    np.testing.assert_allclose(roundtrip(w, q), w)
    assert descend(task, bits=2, estimator="straight-through").loss.min() >= best - 1e-12


def test_straight_through_beats_rounding_each_weight():
    """Over twelve tasks the descent's lowest loss is below that of rounding, beyond doubt."""
    drops = []
    for seed in SEEDS:
        run = descend(make_task(seed), bits=3, estimator="straight-through", rate=0.3)
        drops.append(np.log(run.loss[0] / run.loss.min()))
    gain = mean_interval(drops)
    assert gain.mean > gain.half_width


def test_saturated_weights_need_a_step_that_learns():
    """With half of the range covered, the learned step grows and ends at a lower loss."""
    for seed in SEEDS:
        fixed, learned = (
            descend(make_task(seed), bits=3, estimator=e, cover=0.5, rate=0.3)
            for e in ("straight-through", "learned step")
        )
        assert learned.loss[-1] < fixed.loss[-1]
        assert learned.scale[-1] > learned.scale[0] == fixed.scale[-1]


def test_estimators_and_grids_that_do_not_exist():
    """An unknown estimator, or a grid too large to try, raises ValueError."""
    assert 3 == len(ESTIMATORS)
    with pytest.raises(ValueError, match="got 'magic'"):
        descend(make_task(0), bits=3, estimator="magic")
    with pytest.raises(ValueError, match="too many"):
        best_on_grid(make_task(0), start_grid(make_task(0), bits=4))
