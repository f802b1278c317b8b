"""Observers against brute force over ranges and over round trips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.quantization.affine import choose_qparams, roundtrip
from tinyml_course.quantization.observers import (
    MinMax,
    MseOptimal,
    Percentile,
    mean_squared_error,
)

SEEDS = st.integers(0, 2**32 - 1)


def draw(seed, count=500):
    """Bell-shaped samples off the centre, with a few outliers."""
    rng = np.random.default_rng(seed)
    x = rng.normal(rng.uniform(-1, 1), rng.uniform(0.1, 10), count)
    x[: rng.integers(0, 4)] *= 10
    return x


@pytest.mark.parametrize("observe", [MinMax(), Percentile(), MseOptimal(bits=4)], ids=repr)
@given(seed=SEEDS, side=st.sampled_from([-1, 0, 1]))
def test_ranges_hold_zero_and_stay_inside(observe, seed, side):
    """Every observer returns a range inside that of the samples and zero, holding zero."""
    x = draw(seed)
    x = x if side == 0 else side * np.abs(x)
    low, high = observe(x)
    assert min(x.min(), 0.0) <= low <= 0.0 <= high <= max(x.max(), 0.0)
    choose_qparams(low, high)


@given(SEEDS, st.integers(2, 8), st.booleans())
def test_error_equals_the_round_trips(seed, bits, symmetric):
    """The error from prefix sums is the mean squared error of an element-wise round trip."""
    x = draw(seed)
    low, high = MinMax()(x)
    q = choose_qparams(0.6 * low, 0.8 * high, bits=bits, symmetric=symmetric)
    expected = np.mean((roundtrip(x, q) - x) ** 2)
    assert expected == pytest.approx(mean_squared_error(x, q), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(("bits", "symmetric"), [(3, False), (4, True), (8, False), (2, True)])
def test_search_is_as_good_as_brute_force(bits, symmetric):
    """No pair of ends on a fine grid beats the searched range by more than two per cent."""
    x = draw(5)
    found = choose_qparams(
        *MseOptimal(bits=bits, symmetric=symmetric)(x), bits=bits, symmetric=symmetric
    )
    low, high = MinMax()(x)
    low, high = (min(low, -high), max(high, -low)) if symmetric else (low, high)
    shares = np.linspace(0.02, 1.0, 99)
    maps = (
        choose_qparams(a * low, b * high, bits=bits, symmetric=symmetric)
        for a in shares
        for b in ([a] if symmetric else shares)
    )
    assert mean_squared_error(x, found) <= 1.02 * min(mean_squared_error(x, q) for q in maps)


@given(SEEDS, st.integers(2, 8), st.booleans())
def test_search_never_loses_to_min_max(seed, bits, symmetric):
    """The searched range has at most the error of the whole observed range."""
    x = draw(seed, 100)
    options = {"bits": bits, "symmetric": symmetric}
    whole, found = (
        mean_squared_error(x, choose_qparams(*observe(x), **options))
        for observe in (MinMax(), MseOptimal(shares=8, **options))
    )
    assert found <= whole * (1 + 1e-9)


def test_one_outlier():
    """An outlier stretches min-max eightfold; percentile and search leave it saturated."""
    x = np.append(np.random.default_rng(0).uniform(-1, 1, 10_000), 8.0)
    assert 8.0 == MinMax()(x)[1]
    assert Percentile(percent=99.9)(x)[1] <= 1.0
    assert MseOptimal(bits=4)(x)[1] < 2.0


def test_percentile_leaves_out_its_tails():
    """Of 1000 samples, 98 per cent covers all but ten on each side."""
    low, high = Percentile(percent=98.0)(np.arange(-500.0, 500.0))
    assert 10 == np.sum(np.arange(-500.0, 500.0) < low)
    assert 10 == np.sum(np.arange(-500.0, 500.0) > high)


@pytest.mark.parametrize("samples", [[], [np.nan, 1.0], [np.inf]])
def test_samples_without_range_are_refused(samples):
    """No samples, or samples that are not finite, raise ValueError."""
    with pytest.raises(ValueError, match="finite samples, got"):
        MinMax()(samples)


@pytest.mark.parametrize("percent", [0.0, 100.5])
def test_impossible_percentages_are_refused(percent):
    """A share outside (0, 100] raises ValueError with its value."""
    with pytest.raises(ValueError, match=f"got {percent}"):
        Percentile(percent=percent)
