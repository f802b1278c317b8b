"""Shared weights, paths and codes: no TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_course.core.arch import gesture_net, place_blocks
from tinyml_course.core.errors import InvalidData
from tinyml_course.cost.estimate import estimate_cost
from tinyml_course.cost.graph import arch_graph
from tinyml_course.nas.code import from_code, to_code
from tinyml_course.nas.path import Column, branches, find_path
from tinyml_course.nas.space import DEFAULT_SPACE, SearchSpace, canonical_hash
from tinyml_course.nas.supernet_graph import unfold
from tinyml_course.nas.weight_sharing import initial_weights, take_weights, weight_shapes

WEIGHTS = initial_weights(DEFAULT_SPACE, 0)


def member(seed: int):
    """Return a random network of the default space."""
    return DEFAULT_SPACE.sample(np.random.default_rng(seed))


@settings(max_examples=40)
@given(st.integers(0, 2**31))
def test_taken_weights_are_the_networks_parameters(seed):
    """A network takes the filters and biases that the cost model counts, and scales."""
    spec = member(seed)
    taken = take_weights(WEIGHTS, spec)
    scales = sum(value.size for name, value in taken.items() if name.endswith("gamma"))
    assert sum(value.size for value in taken.values()) - scales == (
        estimate_cost(arch_graph(spec)).parameters
    )


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_networks_that_differ_have_different_paths(seed, other):
    """Two networks have equal paths if, and only if, they are the same network."""
    a, b = member(seed), member(other)
    paths = [find_path(DEFAULT_SPACE, spec) for spec in (a, b)]
    same = all(
        np.array_equal(getattr(paths[0], part), getattr(paths[1], part))
        for part in ("blocks", "hidden")
    )
    assert same == (canonical_hash(a) == canonical_hash(b))


def test_a_narrow_network_is_part_of_a_wide_one():
    """First channels and centres: the narrow network's filters lie inside the wide one's."""
    narrow, wide = (
        DEFAULT_SPACE.settle(from_code(code, classes=10).layers, 0)
        for code in ("c8k3 c12k3", "c16k5 c24k5")
    )
    small, large = (take_weights(WEIGHTS, spec) for spec in (narrow, wide))
    assert np.array_equal(small["0/conv"], large["0/conv"][1:4, 1:4, :, :8])
    assert np.array_equal(small["1/conv"], large["1/conv"][1:4, 1:4, :8, :12])
    assert small["output"].tolist() == large["output"][:12].tolist()


def test_taken_weights_are_copies():
    """Whoever changes what was taken leaves the shared arrays alone."""
    before = WEIGHTS["0/conv"].copy()
    take_weights(WEIGHTS, gesture_net(10))["0/conv"] += 1
    assert np.array_equal(WEIGHTS["0/conv"], before)


def test_places_beyond_the_last_block_are_left_out():
    """A network of four blocks leaves the fifth place out."""
    path = find_path(DEFAULT_SPACE, gesture_net(10))
    assert path.blocks[4].tolist() == [len(branches(DEFAULT_SPACE, 4)), 0, 0, 0, 0, 0]
    assert path.hidden == 0
    assert path.blocks[:4, Column.WIDTH].tolist() == [8, 16, 32, 56]
    with pytest.raises(ValueError, match="not in the supernet's space"):
        find_path(DEFAULT_SPACE, gesture_net(3))


@pytest.mark.parametrize("kernels", [(1, 3), (2, 4), (3, 4)])
def test_kernels_need_a_common_centre(kernels):
    """Even kernels and single pixels are refused: strides would shift them against each other."""
    with pytest.raises(ValueError, match="common centre"):
        weight_shapes(SearchSpace(kernels=kernels))


@settings(max_examples=30)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 3), st.sampled_from([3, 5]))
def test_unfolded_product_is_a_convolution(height, width, channels, side):
    """Products with unfolded images equal a padded convolution, summed tap by tap."""
    rng = np.random.default_rng(0)
    images = rng.random((2, height, width, channels)).astype(np.float32)
    filters = rng.random((side, side, channels, 2)).astype(np.float32)
    dense, strided = unfold(images, side)
    margin = side // 2
    padded = np.pad(images, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    wanted = sum(
        padded[:, r : r + height, c : c + width] @ filters[r, c]
        for r in range(side)
        for c in range(side)
    )
    assert dense @ filters.reshape(-1, 2) == pytest.approx(wanted, rel=1e-5)
    assert strided.shape[1:3] == (-(-height // 2), -(-width // 2))


@settings(max_examples=60)
@given(st.integers(0, 2**31))
def test_code_round_trip(seed):
    """Reading a network's line gives the network."""
    spec = member(seed)
    code = to_code(spec)
    assert from_code(code, classes=10) == spec
    assert len(code.split()) == len(place_blocks(spec)) + bool(spec.hidden)


@pytest.mark.parametrize("text", ["", "h16", "c8", "x8k3", "c8k3 h16 c8k3", "d8k3", "c0k3", "ck3"])
def test_broken_code_is_refused(text):
    """A line that is no network is refused with its text."""
    with pytest.raises(InvalidData, match="no network"):
        from_code(text, classes=3)
