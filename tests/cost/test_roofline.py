"""Loads of single layers and the two limits of a roofline."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.cost.roofline import ROOFS, layer_load

KINDS = ("dense", "conv 3x3", "pointwise 1x1", "depthwise 3x3")
sizes = st.integers(1, 64)


def naive_conv_macs(side: int, channels_in: int, channels_out: int, kernel: int) -> int:
    """Count multiply-accumulates one by one, padding counted as the kernels do."""
    return sum(
        1
        for _ in itertools.product(
            range(side), range(side), range(channels_out), range(kernel * kernel * channels_in)
        )
    )


@pytest.mark.parametrize(("kind", "kernel"), [("conv 3x3", 3), ("pointwise 1x1", 1)])
def test_convolution_macs_equal_a_count_one_by_one(kind, kernel):
    """Each output channel of each pixel reads every input channel of its window."""
    assert naive_conv_macs(6, 5, 5, kernel) == layer_load(kind, channels=5, side=6).macs


def test_depthwise_channels_do_not_mix():
    """A depthwise layer costs a full convolution divided by its channels."""
    full, depth = (layer_load(k, channels=8, side=4) for k in ("conv 3x3", "depthwise 3x3"))
    assert full.macs == 8 * depth.macs


@given(sizes, sizes, st.integers(1, 16))
def test_dense_intensity_is_the_batch(channels, side, batch):
    """A dense layer uses each weight once per sample, whatever its size."""
    load = layer_load("dense", channels=channels, side=side, batch=batch)
    assert batch == load.intensity(ROOFS["esp32"])


@given(st.sampled_from(KINDS), sizes, sizes, st.integers(1, 8))
def test_batch_scales_work_and_activations_but_not_weights(kind, channels, side, batch):
    """Weights are read once per batch: that is what batching buys."""
    one = layer_load(kind, channels=channels, side=side)
    many = layer_load(kind, channels=channels, side=side, batch=batch)
    assert (batch * one.macs, one.weight_bytes, batch * one.activation_bytes) == (
        many.macs,
        many.weight_bytes,
        many.activation_bytes,
    )


@given(st.sampled_from(KINDS), sizes, sizes, st.sampled_from(sorted(ROOFS)))
def test_floor_is_the_longer_of_two_times(kind, channels, side, board):
    """The floor is the arithmetic's time or the memory's, whichever is longer."""
    load, roof = layer_load(kind, channels=channels, side=side), ROOFS[board]
    memory_s = load.slow_bytes(roof) / roof.slow_bytes_per_s
    expected = 1e3 * max(load.macs / roof.peak_macs_per_s, memory_s)
    assert expected == pytest.approx(load.floor_ms(roof), rel=1e-9)
    assert load.published_kernel_ms(roof) >= load.floor_ms(roof)


@pytest.mark.parametrize("board", ROOFS)
def test_ridge_is_where_the_limits_meet(board):
    """At the ridge the board runs at its peak; at half of it, at half the peak."""
    roof = ROOFS[board]
    assert roof.peak_macs_per_s == pytest.approx(roof.attainable(roof.ridge))
    assert roof.peak_macs_per_s / 2 == pytest.approx(roof.attainable(roof.ridge / 2))


@pytest.mark.parametrize("board", ROOFS)
def test_published_kernels_stay_below_the_peak(board):
    """What is reached is less than what the arithmetic allows, and both have sources."""
    roof = ROOFS[board]
    assert roof.published_macs_per_s < roof.peak_macs_per_s
    assert {"peak", "reached"} < {source.split(":")[0] for source in roof.sources}


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [(("lstm", 4, 4), "unknown kind"), (("dense", 0, 4), "at least 1")],
)
def test_impossible_layers_are_refused(arguments, fault):
    """An unknown kind or an empty image is an error that names it."""
    kind, channels, side = arguments
    with pytest.raises(ValueError, match=fault):
        layer_load(kind, channels=channels, side=side)
