"""Kendall's tau against scipy and against counting, its interval, and strata."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tinyml_course.nas.ranking import bootstrap_tau, kendall_tau, stratify

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12)


@settings(max_examples=60)
@given(PAIRS)
def test_tau_equals_scipy(pairs):
    """With ties or without, the figure is scipy's tau-b."""
    stats = pytest.importorskip("scipy.stats")
    a, b = zip(*pairs, strict=True)
    assume(len(set(a)) > 1 and len(set(b)) > 1)
    assert kendall_tau(a, b) == pytest.approx(stats.kendalltau(a, b).statistic)


def test_tau_counts_pairs():
    """Without ties it is the share of pairs in the same order minus that in the opposite one."""
    rng = np.random.default_rng(0)
    a, b = rng.permutation(9), rng.permutation(9)
    signs = [np.sign((a[i] - a[j]) * (b[i] - b[j])) for i, j in itertools.combinations(range(9), 2)]
    assert kendall_tau(a, b) == pytest.approx(np.mean(signs))
    assert kendall_tau(a, a) == 1
    assert kendall_tau(a, -a) == -1


@pytest.mark.parametrize(("a", "b"), [([1], [1]), ([1, 2], [1, 2, 3]), ([1, 1, 1], [1, 2, 3])])
def test_lists_without_order_are_refused(a, b):
    """Too short, unequal or constant lists have no tau."""
    with pytest.raises(ValueError, match="list"):
        kendall_tau(a, b)


def test_interval_covers_the_true_tau():
    """In about 95 of 100 samples the bootstrap's interval holds the population's tau."""
    rng = np.random.default_rng(0)
    correlation = 0.7
    true = 2 / np.pi * np.arcsin(correlation)
    covered = 0
    for _ in range(100):
        x, noise = rng.normal(size=(2, 24))
        y = correlation * x + np.sqrt(1 - correlation**2) * noise
        found = bootstrap_tau(x, y, rng=rng, resamples=200)
        covered += found.low <= true <= found.high
        assert found.low <= found.tau <= found.high
    assert 85 <= covered <= 100


def test_strata_take_one_of_each_cell():
    """Every sixth of the costs is there four times, once for each quarter of its scores."""
    rng = np.random.default_rng(0)
    costs, scores = rng.random(240), rng.random(240)
    chosen = stratify(costs, scores, shape=(6, 4), rng=rng)
    assert len(set(chosen)) == 24
    by_cost = np.argsort(np.argsort(costs)) // 40
    assert by_cost[chosen].tolist() == sorted(list(range(6)) * 4)
    for part in range(6):
        order = np.argsort(np.argsort(scores[by_cost == part])) // 10
        places = np.flatnonzero(by_cost == part)
        quarters = dict(zip(places.tolist(), order.tolist(), strict=True))
        assert [quarters[int(i)] for i in chosen[4 * part : 4 * part + 4]] == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="23 items"):
        stratify(costs[:23], scores[:23], shape=(6, 4), rng=rng)
