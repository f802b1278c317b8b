"""Experiments on surrogate gradients and schedules, and the numbers behind them."""

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure

from tinyml_course.core.types import QParams
from tinyml_course.widgets.fake_quant import (
    KERNELS,
    PLANS,
    SCHEDULE,
    STE,
    known_losses,
    quantize_bell,
    run_descent,
    slopes_of,
)


@pytest.mark.parametrize("experiment", [STE, SCHEDULE], ids=lambda e: e.name)
def test_states_draw(experiment):
    """Every state has a description, no two alike, and states across the grid draw a figure."""
    states = list(experiment.states())
    said = [experiment.describe(**state) for state in states]
    assert len(states) == len(set(said))
    for state in itertools.islice(states, 0, None, len(states) // 6):
        assert isinstance(experiment.draw(**state), Figure)


def test_true_slope_never_leaves_the_rounded_weights():
    """Its loss stays at that of rounding each weight, and its slope is zero everywhere."""
    x, q = np.linspace(-2, 2, 50), QParams(0.5, 0, 3, True)
    assert not slopes_of("true slope", x, q)["by the weight"].any()
    loss = run_descent(3, "true slope", 1.0).loss
    np.testing.assert_allclose(loss, known_losses(3, 1.0)["each weight rounded"])


def test_straight_through_reaches_the_best_point_at_three_bits():
    """The explorer's answer: with the whole range covered it visits the best point of the grid."""
    assert run_descent(3, "straight-through", 1.0).loss.min() == pytest.approx(
        known_losses(3, 1.0)["best of this grid"]
    )


def test_learned_step_beats_the_best_point_of_the_first_grid():
    """With half of the range covered, only a grid that moves gets below its best point."""
    best = known_losses(3, 0.5)["best of this grid"]
    assert run_descent(3, "straight-through", 0.5).loss.min() >= best - 1e-12
    assert run_descent(3, "learned step", 0.5).loss[-1] < best / 2


def test_formula_visits_widths_without_kernels():
    """The popular formula goes through widths that no kernel has; staged plans end at 4 bits."""
    formula = PLANS["int(32 - 24 x progress)"]
    assert {29, 27, 24} <= set(formula)
    assert formula[-1] == 8
    assert all(plan[-1] == 4 for name, plan in PLANS.items() if not name.startswith("int"))
    assert {4, 8, 32} == set(KERNELS)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_bell_has_at_most_the_codes_of_its_width(bits):
    """Narrow codes leave two to the bits, less one, values."""
    assert len(np.unique(quantize_bell(bits))) <= 2**bits - 1
