"""The best plan under a byte budget, against brute force and integer programming."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_course.core.types import QuantPlan
from tinyml_course.quantization.allocation import (
    BitOption,
    LayerOptions,
    allocate_bits,
    make_plan,
    stored_bytes,
    trade_off,
)

WIDTHS = (8, 4, 2)


@st.composite
def networks(draw, most=6):
    """Return layers with two or three widths; damages may be negative, equal or zero."""
    damages = st.floats(-1, 1, allow_subnormal=False) | st.sampled_from([0.0, 0.5])
    layers = []
    for number in range(draw(st.integers(1, most))):
        weights = draw(st.integers(1, 60))
        widths = WIDTHS[: draw(st.integers(1, 3))]
        options = tuple(BitOption(b, stored_bytes(weights, b), draw(damages)) for b in widths)
        layers.append(LayerOptions(name=f"l{number}", options=options))
    return layers


def every_plan(layers):
    """Return all plans, by trying each combination."""
    widths = [[option.bits for option in layer.options] for layer in layers]
    return [make_plan(layers, bits) for bits in itertools.product(*widths)]


@given(networks(), st.integers(0, 400))
def test_no_plan_within_the_budget_is_better(layers, budget):
    """The plan holds the budget and has exactly the damage of the best by brute force."""
    fitting = [plan for plan in every_plan(layers) if plan.weight_bytes <= budget]
    if not fitting:
        with pytest.raises(ValueError, match="smallest plan takes"):
            allocate_bits(layers, budget)
        return
    plan = allocate_bits(layers, budget)
    best = min(fitting, key=lambda other: (other.damage, other.weight_bytes))
    assert plan.weight_bytes <= budget
    assert (best.damage, best.weight_bytes) == (plan.damage, plan.weight_bytes)
    assert plan == make_plan(layers, plan.bits)


@given(networks(most=4))
def test_the_trade_off_holds_every_plan_worth_having(layers):
    """Damage falls while bytes rise, and each plan by brute force is matched or beaten."""
    front = trade_off(layers)
    for small, large in itertools.pairwise(front):
        assert small.weight_bytes < large.weight_bytes
        assert small.damage > large.damage
    for plan in every_plan(layers):
        assert any(
            other.weight_bytes <= plan.weight_bytes and other.damage <= plan.damage
            for other in front
        )


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_integer_programming_finds_no_better_plan(seed):
    """Forty layers, too many for brute force: SciPy's solver ends at the same damage."""
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(seed)
    layers = [
        LayerOptions(
            name=f"l{i}",
            options=tuple(
                BitOption(bits, stored_bytes(weights, bits), float(damage))
                for bits, damage in zip((8, 4), (0.0, rng.exponential()), strict=True)
            ),
        )
        for i, weights in enumerate(rng.integers(10, 5000, 40).tolist())
    ]
    saved = np.array([a.options[0].size_bytes - a.options[1].size_bytes for a in layers])
    costs = np.array([layer.options[1].damage for layer in layers])
    full = sum(layer.options[0].size_bytes for layer in layers)
    budget = int(0.7 * full)
    solved = optimize.milp(
        costs,
        constraints=optimize.LinearConstraint(saved, full - budget, np.inf),
        integrality=np.ones(len(layers)),
        bounds=optimize.Bounds(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    plan = allocate_bits(layers, budget)
    assert plan.weight_bytes <= budget
    assert pytest.approx(solved.fun, abs=1e-6) == plan.damage


def test_greedy_choices_are_not_enough():
    """By damage a byte layer a goes first; the budget needs b alone, which the plan finds."""
    layers = [
        LayerOptions(name="a", options=(BitOption(8, 10, 0.0), BitOption(4, 5, 0.01))),
        LayerOptions(name="b", options=(BitOption(8, 40, 0.0), BitOption(4, 20, 0.1))),
    ]
    assert (8, 4) == allocate_bits(layers, 30).bits


@pytest.mark.parametrize(
    ("weights", "bits", "expected"), [(7, 8, 7), (7, 5, 7), (7, 4, 4), (8, 2, 4)]
)
def test_only_two_containers_exist(weights, bits, expected):
    """Up to four bits a code takes half a byte, above a whole one."""
    assert expected == stored_bytes(weights, bits)


def test_impossible_plans_are_refused_with_the_remedy():
    """No layers, no widths, unknown widths, repeated names and too many bits raise ValueError."""
    layer = LayerOptions(name="a", options=(BitOption(8, 10, 0.0),))
    with pytest.raises(ValueError, match="at least one layer"):
        trade_off([])
    with pytest.raises(ValueError, match="'b' needs at least one width"):
        LayerOptions(name="b", options=())
    with pytest.raises(ValueError, match="may have 8 bits, not 4"):
        make_plan([layer], [4])
    with pytest.raises(ValueError, match="2 widths for 1 layers"):
        make_plan([layer], [8, 8])
    with pytest.raises(ValueError, match="distinct names"):
        trade_off([layer, layer])
    with pytest.raises(ValueError, match="2 to 8 bits"):
        stored_bytes(9, 16)
    with pytest.raises(ValueError, match="distinct names"):
        QuantPlan(layers=("a",), bits=(8, 4), weight_bytes=1)
