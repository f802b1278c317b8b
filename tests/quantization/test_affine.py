"""Affine quantization against its theorem, brute force and exact arithmetic."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tinyml_course.core.types import ChannelQParams, QParams
from tinyml_course.quantization.affine import (
    choose_channel_qparams,
    choose_qparams,
    dequantize,
    quantize,
    roundtrip,
)

EPS = 2.0**-52
REALS = st.floats(-3e38, 3e38, allow_nan=False, allow_infinity=False)
BITS = st.integers(2, 16)
RANGES = st.tuples(REALS, REALS).map(sorted)


def probe(low, high):
    """Values in [low, high]: its ends, points near them, a grid, zero if inside."""
    grid = low + (high - low) * np.linspace(0.0, 1.0, 257)
    near = np.nextafter([low, high], 0.0)
    values = np.clip(np.concatenate([grid, near, [low, high, 0.0]]), low, high)
    return values


def worst_in_steps(low, high, q):
    """Largest round-trip error over a dense sample of [low, high], in steps."""
    x = probe(low, high)
    return float(np.max(np.abs(roundtrip(x, q) - x)) / q.scale)


@given(RANGES, BITS, st.booleans(), st.sampled_from([None, True, False]))
@example([-1.0, 1.0], 8, False, None)  # the zero point lies exactly between two codes
@example([-0.5, 0.5], 2, False, False)
@example([0.0, 0.0], 8, False, None)
@example([5e-324, 1e-320], 8, True, None)  # narrower than any float32 step
def test_half_step(ends, bits, symmetric, narrow):
    """No value of the chosen range comes back more than half a step away."""
    low, high = ends
    q = choose_qparams(low, high, bits=bits, symmetric=symmetric, narrow=narrow)
    slack = 4 * EPS * (max(high, 0) - min(low, 0))
    x = probe(low, high)
    assert (np.abs(roundtrip(x, q) - x) <= q.scale / 2 + slack).all()


@given(RANGES, BITS)
@example([-1.0, 1.0], 8)
def test_zero_point_is_the_nearest_code(ends, bits):
    """In exact arithmetic the code of zero lies at most half a code from where zero falls."""
    low, high = min(Fraction(ends[0]), Fraction(0)), max(Fraction(ends[1]), Fraction(0))
    q = choose_qparams(*ends, bits=bits)
    if q.scale != 1.0:  # a range that no float32 scale can span has no place for zero
        place = q.limits[0] - low * (2**bits - 1) / (high - low)
        assert abs(q.zero_point - place) <= Fraction(1, 2) + Fraction(1, 10**9)


@given(RANGES, BITS, st.booleans())
def test_zero_is_exact(ends, bits, symmetric):
    """Zero comes back as zero, whatever the range, so that padding adds nothing."""
    q = choose_qparams(*ends, bits=bits, symmetric=symmetric)
    assert 0.0 == roundtrip(0.0, q).item()
    assert q.limits[0] <= q.zero_point <= q.limits[1]


@given(RANGES, st.integers(2, 8), st.booleans(), st.lists(REALS, min_size=1, max_size=20))
def test_nearest_code(ends, bits, symmetric, x):
    """Each value gets the code whose real value is nearest: brute force over all the codes."""
    q = choose_qparams(*ends, bits=bits, symmetric=symmetric)
    x = np.array(x)
    every = dequantize(np.arange(q.limits[0], q.limits[1] + 1), q)
    nearest = np.abs(x[:, None] - every[None, :]).min(axis=1)
    reach = np.maximum(np.abs(x), np.abs(every).max())
    assert (np.abs(np.abs(x - roundtrip(x, q)) - nearest) <= 4 * EPS * reach).all()


@given(RANGES, BITS, st.booleans())
def test_codes_survive(ends, bits, symmetric):
    """Dequantizing and quantizing again returns every code, so nothing drifts."""
    q = choose_qparams(*ends, bits=bits, symmetric=symmetric)
    codes = np.unique(np.linspace(*q.limits, 300).astype(int))
    assert codes.tolist() == quantize(dequantize(codes, q), q).tolist()


@given(RANGES, BITS)
def test_one_bit_more_halves_the_step(ends, bits):
    """The number of steps over the range is two to the bits, less one."""
    low, high = min(ends[0], 0.0), max(ends[1], 0.0)
    q = choose_qparams(*ends, bits=bits)
    if q.scale != 1.0:
        assert 2**bits - 1 == pytest.approx((high - low) / q.scale, rel=1e-12)


def test_symmetric_wastes_half_of_the_codes_on_relu():
    """For values that are never negative, a symmetric map has twice the asymmetric step."""
    asymmetric = choose_qparams(0.0, 6.0)
    symmetric = choose_qparams(0.0, 6.0, symmetric=True, narrow=False)
    assert 255 / 127 == pytest.approx(symmetric.scale / asymmetric.scale)


def test_saturation():
    """Values beyond the range take the outermost codes; they do not wrap."""
    q = choose_qparams(-1.0, 1.0, symmetric=True)
    assert [-127, 127, 127] == quantize([-9.0, 1.01, 1e30], q).tolist()


def test_halves_round_away_from_zero():
    """A value half-way between two codes goes outward, on both sides of the zero point."""
    q = QParams(scale=2.0, zero_point=3, bits=8)
    x = np.array([-5.0, -3.0, -1.0, 1.0, 3.0, 5.0])
    assert [0, 1, 2, 4, 5, 6] == quantize(x, q).tolist()
    below = np.nextafter(1.0, 0.0)  # adding 0.5 and truncating would round this up
    assert 3 == quantize(below, q).item()


def test_banker_rounding_is_refused():
    """A mutant that rounds halves to even differs from ours on every second tie."""
    q = QParams(scale=1.0, zero_point=0, bits=8)
    ties = np.arange(0.5, 6.0)
    mutant = np.clip(np.rint(ties / q.scale), *q.limits)
    assert [True, False] * 3 == (mutant != quantize(ties, q)).tolist()


@pytest.mark.parametrize("bits", [4, 8])
def test_dividing_by_all_codes_is_refused(bits):
    """A mutant with the symmetric scale max / (highest - lowest) loses half of the range."""
    right = choose_qparams(-1.0, 1.0, bits=bits, symmetric=True)
    mutant = QParams(1.0 / (2**bits - 1), 0, bits)
    assert worst_in_steps(-1.0, 1.0, right) == pytest.approx(0.5, abs=1e-9)
    assert 2 ** (bits - 1) == pytest.approx(worst_in_steps(-1.0, 1.0, mutant))


def test_forgetting_to_hold_zero_is_refused():
    """A mutant that spreads the codes over a range without zero saturates at its top."""
    mutant = QParams(scale=(6.1 - 1.0) / 255, zero_point=-128, bits=8)
    assert worst_in_steps(1.0, 6.1, choose_qparams(1.0, 6.1)) <= 0.5 + 1e-9
    assert 50 == pytest.approx(worst_in_steps(1.0, 6.1, mutant))


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("symmetric", [True, False])
def test_channels_match_slices(axis, symmetric):
    """Quantizing per channel equals quantizing each slice with its own map."""
    x = np.random.default_rng(0).normal(size=(3, 4, 5)) * np.arange(1, 6)
    q = choose_channel_qparams(x, axis=axis, bits=6, symmetric=symmetric)
    expected = np.stack(
        [
            quantize(part, choose_qparams(part.min(), part.max(), bits=6, symmetric=symmetric))
            for part in np.moveaxis(x, axis, 0)
        ],
        axis=axis,
    )
    assert expected.tolist() == quantize(x, q).tolist()
    assert x.shape == roundtrip(x, q).shape


@given(st.integers(0, 2**32 - 1), BITS, st.booleans())
def test_channels_keep_the_half_step(seed, bits, symmetric):
    """Each channel keeps half of its own step, however much the channels differ in size."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(20, 4)) * 10.0 ** rng.uniform(-6, 6, size=4)
    q = choose_channel_qparams(x, axis=1, bits=bits, symmetric=symmetric)
    scales = np.array([channel.scale for channel in q.channels])
    assert (np.abs(roundtrip(x, q) - x) <= scales * (0.5 + 1e-9)).all()


def test_integer_weights_keep_their_codes():
    """Codes never overflow: the widest codes and zero points subtract without wrapping."""
    q = QParams(scale=1.0, zero_point=-32768, bits=16)
    assert 65535.0 == dequantize(np.int16(32767), q).item()
    assert np.int32 == quantize([0.0], q).dtype


@pytest.mark.parametrize(
    ("low", "high"), [(1.0, 0.0), (float("nan"), 1.0), (0.0, float("inf")), (-1e39, 0.0)]
)
def test_bad_ranges(low, high):
    """A reversed, unbounded or undefined range is refused with its value."""
    with pytest.raises(ValueError, match=r"need low <= high.*got \["):
        choose_qparams(low, high)


@pytest.mark.parametrize("bits", [1, 17])
def test_bad_width(bits):
    """Widths that no integer kernel has are refused with their value."""
    with pytest.raises(ValueError, match=f"2..16, got {bits}"):
        choose_qparams(0.0, 1.0, bits=bits)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_without_code(bad):
    """A value that is not finite is refused, not turned into some code."""
    with pytest.raises(ValueError, match="only finite values"):
        quantize([0.0, bad], choose_qparams(0.0, 1.0))
    with pytest.raises(ValueError, match="only finite values"):
        choose_channel_qparams([[0.0, bad]], axis=1)


def test_channels_that_do_not_match():
    """Channel maps refuse an array with another number of channels, and a missing axis."""
    q = ChannelQParams(tuple(itertools.repeat(choose_qparams(0.0, 1.0), 3)), axis=1)
    with pytest.raises(ValueError, match="3 channels on axis 1 do not match"):
        quantize(np.zeros((3, 4)), q)
    with pytest.raises(ValueError, match="no axis 2"):
        choose_channel_qparams(np.zeros((3, 4)), axis=2)
    with pytest.raises(ValueError, match="at least one value"):
        choose_channel_qparams(np.zeros((0, 4)), axis=1)
