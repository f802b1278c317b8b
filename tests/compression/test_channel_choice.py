"""Choosing channels by share, by width and by bytes: no TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_course.compression.byte_limits import ByteLimits
from tinyml_course.compression.channel_choice import (
    balance,
    choose_channels,
    choose_widths,
    choose_within,
    group_widths,
    pruned_spec,
    resize,
)
from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.nas.costs import measure_cost
from tinyml_course.nas.space import DEFAULT_SPACE

BASELINE = ArchSpec(
    classes=10,
    layers=tuple(
        LayerSpec(op="conv", filters=filters, stride=2, activation="relu")
        for filters in (16, 32, 64)
    ),
)


def draw_scores(spec, seed, scale=1.0):
    """Return random scores of every group of `spec`."""
    rng = np.random.default_rng(seed)
    return {name: scale * rng.exponential(size=n) for name, n in group_widths(spec).items()}


@given(st.integers(0, 999), st.floats(0, 0.99), st.integers(1, 3))
def test_the_least_important_share_goes(seed, fraction, at_least):
    """So many channels go as asked for: the weakest of those that their groups can spare."""
    scores = draw_scores(BASELINE, seed)

    kept = choose_channels(scores, fraction=fraction, at_least=at_least)

    gone = np.concatenate([scores[name][~mask] for name, mask in kept.items()])
    free = [np.sort(score)[::-1][at_least:] for score in scores.values()]
    assert (
        np.sort(np.concatenate(free))[: int(fraction * 112 + 1e-9)].tolist()
        == np.sort(gone).tolist()
    )
    assert min(mask.sum() for mask in kept.values()) >= at_least


def test_each_group_keeps_its_most_important_channels():
    """`choose_widths` keeps the highest scores; of equals the later one."""
    kept = choose_widths({"a": np.array([2.0, 5.0, 1.0, 2.0]), "b": np.ones(2)}, {"a": 2})

    assert {"a": [False, True, False, True]} == {n: m.tolist() for n, m in kept.items()}
    with pytest.raises(ValueError, match=r"'b' can't keep 3 channels; choose from b \(1..2\)"):
        choose_widths({"b": np.ones(2)}, {"b": 3})


@settings(max_examples=8)
@given(st.integers(0, 999), st.floats(0.3, 0.9), st.floats(0.3, 0.9))
def test_the_choice_keeps_within_its_limits(seed, flash, arena):
    """The pruned specification costs no more than the limits, by the course's own cost model."""
    whole = measure_cost(BASELINE, form="slim")
    limits = ByteLimits(
        max_flash=int(flash * whole.model_bytes), max_arena=int(max(arena, 0.5) * whole.arena_bytes)
    )
    scores = draw_scores(BASELINE, seed)

    kept = choose_within(BASELINE, scores, limits)

    cost = measure_cost(pruned_spec(BASELINE, kept), form="slim")
    assert cost.model_bytes <= limits.max_flash
    assert cost.arena_bytes <= limits.max_arena
    for name, mask in kept.items():
        assert mask.all() or scores[name][~mask].max() <= scores[name][mask].min()


def test_a_network_within_its_limits_stays_whole():
    """Nothing goes where nothing must."""
    limits = ByteLimits(max_flash=10**6, max_arena=10**6)

    kept = choose_within(BASELINE, draw_scores(BASELINE, 0), limits)

    assert all(mask.all() for mask in kept.values())


def test_a_limit_on_flash_takes_the_channels_that_weigh():
    """Of equally important ones go those with most bytes in their filters and their readers'."""
    even = {name: np.ones(width) for name, width in group_widths(BASELINE).items()}
    flash = choose_within(BASELINE, even, ByteLimits(max_flash=20_000))
    arena = choose_within(BASELINE, even, ByteLimits(max_arena=7_000))

    shares = [{n: mask.mean() for n, mask in kept.items()} for kept in (flash, arena)]
    assert shares[0]["c1"] < 1 == shares[0]["c0"] == shares[0]["c2"]
    assert shares[1]["c0"] < 1 == shares[1]["c1"] == shares[1]["c2"]


def test_importance_can_outweigh_bytes():
    """A group ten thousand times as important stays whole, though its channels weigh most."""
    scores = {name: np.ones(width) for name, width in group_widths(BASELINE).items()}
    scores["c2"] = 1e4 * scores["c2"]

    kept = choose_within(BASELINE, scores, ByteLimits(max_flash=20_000))

    assert kept["c2"].all()
    assert not kept["c1"].all()


def test_relative_importance_does_not_use_a_layer_up():
    """Equal scores empty the layer that weighs most; as shares of their layer they spare it."""
    even = {name: np.ones(width) for name, width in group_widths(BASELINE).items()}
    limits = ByteLimits(max_flash=6144, max_arena=6144)

    absolute, relative = (
        choose_within(BASELINE, even, limits, relative=relative) for relative in (False, True)
    )

    assert absolute["c1"].sum() <= 3  # of 32
    assert min(mask.sum() for mask in relative.values()) >= 6
    assert max(limits.loads(pruned_spec(BASELINE, relative))) <= 1


def test_limits_that_no_width_meets_are_refused():
    """The message says what the narrowest network takes."""
    with pytest.raises(ValueError, match=r"with 2 channels in every group it still takes [\d,]+ B"):
        choose_within(BASELINE, draw_scores(BASELINE, 0), ByteLimits(max_flash=1000))
    with pytest.raises(ValueError, match="do not belong"):
        choose_within(BASELINE, {"c0": np.ones(5)}, ByteLimits(max_flash=9000))
    with pytest.raises(ValueError, match="max_flash, max_arena or both"):
        ByteLimits()


def test_steps_take_equal_factors():
    """Halfway, in share, the limit is the geometric mean of cost and limit; what is met stays."""
    limits = ByteLimits(max_flash=6000, max_arena=10**6)
    flash, _ = limits.costs(BASELINE)

    halfway = limits.approach(BASELINE, 0.5)

    assert int((flash * 6000) ** 0.5) == halfway.max_flash
    assert 10**6 == halfway.max_arena
    assert limits == limits.approach(BASELINE, 1.0)


@settings(max_examples=25)
@given(st.integers(0, 2**31))
def test_resizing_keeps_what_the_blocks_do(seed):
    """Other widths change only numbers of filters: skips act as before, also where none acted."""
    rng = np.random.default_rng(seed)
    spec = DEFAULT_SPACE.sample(rng)
    widths = {name: int(rng.integers(1, n + 1)) for name, n in group_widths(spec).items()}

    small = resize(spec, widths)

    assert widths == group_widths(small)
    assert [(b.op, b.skip, b.stride, b.pool) for b in resize(spec, {}).layers] == [
        (b.op, b.skip, b.stride, b.pool) for b in resize(small, {}).layers
    ]


def test_a_skip_that_does_not_act_stays_off():
    """Pruned to its input's width, a block with an idle skip does not begin to add it."""
    spec = ArchSpec(
        classes=2,
        layers=(LayerSpec(op="conv", filters=3), LayerSpec(op="conv", filters=4, skip=True)),
    )

    pruned = pruned_spec(spec, {"c1": np.array([True, True, True, False])})

    assert 3 == pruned.layers[1].filters
    assert not pruned.layers[1].skip


def test_a_group_tied_to_the_input_is_not_prunable():
    """A residual sum with the image keeps the image's channels."""
    spec = ArchSpec(
        classes=2,
        input_shape=(8, 8, 3),
        layers=(LayerSpec(op="conv", filters=3, skip=True), LayerSpec(op="conv", filters=4)),
    )

    assert {"c1": 4} == group_widths(spec)
    with pytest.raises(ValueError, match="does not fit 'c0'"):
        pruned_spec(spec, {"c0": np.array([True, True, False])})


@given(st.integers(0, 999), st.floats(1e-6, 1e6))
def test_balanced_scores_do_not_depend_on_a_layers_scale(seed, scale):
    """Every group has a mean square of one, whatever unit its scores came in; order stays."""
    scores = draw_scores(BASELINE, seed, scale)
    balanced = balance(scores)

    for name, score in balanced.items():
        assert 1 == pytest.approx(np.mean(score**2))
        assert (np.argsort(scores[name]) == np.argsort(score)).all()
    assert balance({"a": np.zeros(2)})["a"].tolist() == [0.0, 0.0]
