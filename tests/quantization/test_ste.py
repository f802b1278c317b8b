"""Surrogate gradients against finite differences of the surrogates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.core.types import ChannelQParams, QParams
from tinyml_course.quantization.affine import choose_qparams, roundtrip
from tinyml_course.quantization.ste import (
    fake_quantize,
    lsq_gradients,
    lsq_initial_scale,
    lsq_quantize,
    reach,
    ste_gradient,
    ste_surrogate,
)

STEP = 1e-6
SCALES = st.floats(1e-2, 10.0)
BITS = st.integers(2, 8)
SEEDS = st.integers(0, 2**32 - 1)


def draw(seed, scale, bits, count=40):
    """Values up to twice the reach of the codes, none at a jump or a kink."""
    rng = np.random.default_rng(seed)
    whole = rng.integers(-(2**bits), 2**bits, count)
    return scale * (whole + rng.uniform(0.05, 0.45, count) * rng.choice([-1, 1], count))


def central(function, at):
    """Central difference of `function` at the array `at`, all elements moved alone."""
    return (function(at + STEP) - function(at - STEP)) / (2 * STEP)


@given(SEEDS, SCALES, BITS, st.booleans())
def test_gradient_is_the_surrogates_slope(seed, scale, bits, narrow):
    """The straight-through gradient equals finite differences of the clipped identity."""
    q = QParams(scale, 1 if bits > 2 else 0, bits, narrow)
    x = draw(seed, scale, bits)
    upstream = np.random.default_rng(seed).normal(size=x.shape)
    slope = central(lambda at: ste_surrogate(at, q), x)
    np.testing.assert_allclose(ste_gradient(x, q, upstream), upstream * slope, atol=1e-6)


@given(SEEDS, SCALES, BITS)
def test_true_slope_is_zero(seed, scale, bits):
    """Away from its jumps the rounded function has no slope: plain gradients teach nothing."""
    q = QParams(scale, 0, bits, True)
    x = draw(seed, scale, bits)
    assert not central(lambda at: fake_quantize(at, q), x).any()
    assert ste_gradient(x, q, 1.0).any()


@given(SEEDS, SCALES, BITS)
def test_surrogate_stays_within_half_a_step(seed, scale, bits):
    """Fake quantization and its surrogate differ by at most half a step, everywhere."""
    q = QParams(scale, 0, bits, True)
    x = draw(seed, scale, bits)
    assert (np.abs(fake_quantize(x, q) - ste_surrogate(x, q)) <= scale * (0.5 + 1e-9)).all()


@given(SEEDS, SCALES, BITS, st.booleans())
def test_lsq_slopes(seed, scale, bits, narrow):
    """LSQ's two gradients equal finite differences of its surrogate, residue held constant."""
    x, q = draw(seed, scale, bits), QParams(scale, 0, bits, narrow)
    clipped = np.clip(x / scale, *q.limits)
    residue = roundtrip(x, q) / scale - clipped

    def surrogate(values, step):
        return step * (np.clip(values / step, *q.limits) + residue)

    upstream = np.random.default_rng(seed).normal(size=x.shape)
    by_x, by_scale = lsq_gradients(x, scale, upstream, bits=bits, narrow=narrow)
    slope_x = central(lambda at: surrogate(at, scale), x)
    slope_scale = central(lambda step: surrogate(x, step), np.float64(scale))
    np.testing.assert_allclose(by_x, upstream * slope_x, atol=1e-5)
    pace = 1 / np.sqrt(x.size * q.limits[1])
    tolerance = 1e-5 * 2**bits / min(scale, 1)
    assert by_scale == pytest.approx(pace * np.sum(upstream * slope_scale), abs=tolerance)


def test_gradient_without_clipping_is_refused():
    """A mutant that passes everything differs from the surrogate's slope where x saturates."""
    q = choose_qparams(-1.0, 1.0, bits=4, symmetric=True)
    x = np.array([-3.0, -0.5, 0.5, 3.0])
    slope = central(lambda at: ste_surrogate(at, q), x)
    assert [0.0, 1.0, 1.0, 0.0] == ste_gradient(x, q, 1.0).tolist()
    assert (np.ones(4) != slope.round(6)).any()


def test_channels_have_their_own_reach():
    """A value that saturates in a fine channel passes its gradient in a coarse one."""
    q = ChannelQParams((QParams(0.1, 0, 4, True), QParams(1.0, 0, 4, True)), axis=1)
    assert [[0.0, 2.0]] == ste_gradient([[3.0, 3.0]], q, 2.0).tolist()
    low, high = reach(q, (1, 2))
    np.testing.assert_allclose([[0.7, 7.0]], high)
    np.testing.assert_allclose(-high, low)


def test_lsq_descends_to_the_step_that_fits():
    """Descent on the squared error ends near the step that a search over all steps finds."""
    x = np.random.default_rng(0).normal(size=2000)
    steps = np.linspace(0.2, 1.2, 400)
    errors = [np.mean((lsq_quantize(x, s, bits=3) - x) ** 2) for s in steps]
    scale = lsq_initial_scale(x, bits=3)
    for _ in range(400):
        upstream = 2 * (lsq_quantize(x, scale, bits=3) - x) / x.size
        scale -= 3.0 * lsq_gradients(x, scale, upstream, bits=3)[1]
    found = np.mean((lsq_quantize(x, scale, bits=3) - x) ** 2)
    assert found <= 1.02 * min(errors)


def test_useless_steps_are_refused():
    """A step of zero, and weights that are all zero, raise ValueError with the value."""
    with pytest.raises(ValueError, match="positive, got 0"):
        lsq_quantize([1.0], 0.0, bits=4)
    with pytest.raises(ValueError, match="other than zero"):
        lsq_initial_scale([0.0, 0.0], bits=4)
