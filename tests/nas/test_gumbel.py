"""Gumbel noise, its softmax and the temperature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.nas.gumbel import Cooling, draw_gumbel, gumbel_softmax

LOGITS = st.lists(st.floats(-30, 30), min_size=1, max_size=6)


def test_noisy_largest_follows_softmax():
    """The largest noisy logit is at each index as often as the softmax says."""
    logits = np.array([0.0, 1.0, -1.0, 2.0])
    winners = (logits + draw_gumbel(np.random.default_rng(0), (20_000, 4))).argmax(axis=1)
    share = np.bincount(winners, minlength=4) / 20_000
    wanted = np.exp(logits) / np.exp(logits).sum()
    assert np.abs(share - wanted).max() < 4 * np.sqrt(0.25 / 20_000)


@given(LOGITS, st.floats(0.05, 50), st.integers(0, 2**31))
def test_shares_sum_to_one(logits, temperature, seed):
    """At any temperature the shares are probabilities, in the order of the noisy logits."""
    noise = draw_gumbel(np.random.default_rng(seed), len(logits))
    shares = gumbel_softmax(logits, noise, temperature)
    assert shares.sum() == pytest.approx(1)
    assert shares[(np.array(logits) + noise).argmax()] == shares.max()


def test_cold_softmax_picks_one():
    """Near zero the largest noisy logit gets everything; when hot all get the same."""
    assert gumbel_softmax([1, 2, 1.5], [0, 0, 1], 1e-3) == pytest.approx([0, 0, 1])
    assert gumbel_softmax([1, 2, 1.5], [0, 0, 1], 1e6) == pytest.approx(1 / 3, abs=1e-5)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_temperature_must_be_positive(temperature):
    """A temperature of zero or below is refused."""
    with pytest.raises(ValueError, match="temperature"):
        gumbel_softmax([0, 1], [0, 0], temperature)


def test_cooling_is_geometric():
    """Equal steps divide the temperature by equal factors, from the first to the last one."""
    cooling = Cooling(first=8.0, last=0.5)
    temperatures = [cooling.at(share) for share in (0, 0.25, 0.5, 0.75, 1)]
    assert temperatures == pytest.approx([8, 4, 2, 1, 0.5])
    with pytest.raises(ValueError, match="last"):
        Cooling(first=1.0, last=2.0)
