"""Experiments on folding and on the ceiling of activations, and the numbers behind them."""

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure

from tinyml_course.widgets.qat import (
    CEILING,
    FOLDING,
    OUTPUTS,
    cut_and_round,
    fold_and_round,
)


@pytest.mark.parametrize("experiment", [FOLDING, CEILING], ids=lambda e: e.name)
def test_states_draw(experiment):
    """Every state has a description, no two alike, and states across the grid draw a figure."""
    states = list(experiment.states())
    said = [experiment.describe(**state) for state in states]
    assert len(set(said)) == len(said)
    for state in itertools.islice(states, 0, None, max(1, len(states) // 8)):
        assert isinstance(experiment.draw(**state), Figure)


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_a_channels_own_scale_forgets_the_factor(bits):
    """With one scale a channel the relative errors do not depend on the factors at all."""
    alike, apart = (fold_and_round(spread, bits, "one a channel").errors for spread in (1, 300))
    np.testing.assert_allclose(alike, apart, rtol=1e-9)


def test_one_scale_costs_the_small_channels():
    """Largest channel unharmed; at a spread of 300 and 4 bits the smallest one is all zeros."""
    shared = fold_and_round(300, 4, "one a tensor")
    assert shared.errors[0] < 0.2
    assert shared.errors[-1] == pytest.approx(1.0)
    assert shared.reach[-1] < shared.half_steps[-1]


def test_the_error_of_a_ceiling_has_two_parts():
    """Their squares add up to the whole error; with no value above, nothing is cut."""
    values = OUTPUTS["4 in 20,000"]
    result = cut_and_round("6", 4, "4 in 20,000")
    codes = np.minimum(np.round(np.minimum(values, 6.0) / result.step), 15)
    whole = np.sqrt(np.mean((codes * result.step - values) ** 2))
    assert np.hypot(result.rounding, result.cutting) == pytest.approx(whole, rel=1e-6)
    assert cut_and_round("largest value", 4, "4 in 20,000").cutting == 0.0


def test_cutting_pays_at_few_bits_only():
    """With outliers a ceiling of 6 has the smaller error at 4 bits and the larger one at 8."""

    def whole(ceiling, bits):
        parts = cut_and_round(ceiling, bits, "4 in 20,000")
        return np.hypot(parts.rounding, parts.cutting)

    assert whole("6", 4) < whole("largest value", 4)
    assert whole("6", 8) > whole("largest value", 8)
