"""The search space: its members, their number, and drawing one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from hashlib import sha256
from itertools import product

import numpy as np
import pytest

from tinyml_course.core.arch import ArchSpec, LayerSpec, gesture_net, place_block, simplify
from tinyml_course.nas.space import DEFAULT_SPACE, SearchSpace, canonical_hash

TINY = SearchSpace(
    classes=3, input_shape=(4, 4, 1), operations=("conv", "depthwise"), kernels=(3,),
    widths=(2, 4), activations=("relu",), min_depth=1, max_depth=3, hidden=(0, 8),
)  # fmt: skip
SPACES = [
    TINY,
    replace(TINY, max_depth=2, operations=("separable",), kernels=(3, 5), skips=False),
    replace(TINY, max_depth=2, input_shape=(1, 1, 2), activations=("relu", "relu6")),
    replace(TINY, max_depth=2, stem=("depthwise", "separable"), downsampling=("stride",)),
    replace(TINY, max_depth=2, input_shape=(1, 3, 4), downsampling=("pool", "none")),
]


def spellings(space: SearchSpace, first: bool):
    """Return every way to write one block with the space's choices, sensible or not."""
    found = []
    for op in space.stem if first else space.operations:
        for values in product(
            (0,) if op == "depthwise" else space.widths,
            space.kernels,
            space.activations,
            space.downsampling,
            (False, True) if space.skips else (False,),
        ):
            filters, kernel, activation, down, skip = values
            steps = {"none": {}, "stride": {"stride": 2}, "pool": {"pool": 2}}[down]
            found.append(
                LayerSpec(op=op, filters=filters, kernel=kernel, activation=activation, skip=skip,
                          **steps)
            )  # fmt: skip
    return found


def brute_force(space: SearchSpace):
    """Return all members by writing every network in every way and simplifying it."""
    return {
        simplify(space.network(layers, hidden))
        for depth in range(space.min_depth, space.max_depth + 1)
        for layers in product(
            spellings(space, True), *[spellings(space, False) for _ in range(depth - 1)]
        )
        for hidden in space.hidden
    }


def count_forwards(space: SearchSpace) -> int:
    """Return the number of members by following all shapes from the input on."""
    total, front = 0, Counter({space.input_shape: 1})
    for depth in range(1, space.max_depth + 1):
        after: Counter = Counter()
        for shape, paths in front.items():
            blocks = {place_block(layer, shape) for layer in spellings(space, depth == 1)}
            for block in blocks:
                after[block.output_shape] += paths
        front = after
        total += sum(front.values()) * (depth >= space.min_depth)
    return total * len(space.hidden)


@pytest.mark.parametrize("space", SPACES)
def test_members_are_what_brute_force_finds(space):
    """Enumeration yields each network that can be written once, and the size is their number."""
    members = list(space.enumerate())
    assert brute_force(space) == set(members)
    assert len(members) == len(set(members)) == space.size()


def test_the_default_space_is_counted_exactly():
    """Counting from the last block backwards agrees with following the shapes forwards."""
    assert count_forwards(DEFAULT_SPACE) == DEFAULT_SPACE.size()
    assert 10**8 < DEFAULT_SPACE.size() < 10**12


def test_multiplying_the_choices_counts_networks_twice():
    """The plain product of all choices is too high: a skip that cannot act is no other network."""
    product_of_choices = len(DEFAULT_SPACE.hidden) * sum(
        len(spellings(DEFAULT_SPACE, True)) * len(spellings(DEFAULT_SPACE, False)) ** (depth - 1)
        for depth in range(DEFAULT_SPACE.min_depth, DEFAULT_SPACE.max_depth + 1)
    )
    assert product_of_choices > 2 * DEFAULT_SPACE.size()


@pytest.mark.parametrize("classes", [3, 10])
def test_the_hand_made_network_is_a_member(classes):
    """The course's own network is in the default space, for either task."""
    assert replace(DEFAULT_SPACE, classes=classes).contains(gesture_net(classes))


@pytest.mark.parametrize(
    "spec",
    [
        gesture_net(3),
        gesture_net(10, width=9),
        replace(gesture_net(10), hidden=7),
        replace(gesture_net(10), input_shape=(32, 32, 3)),
        replace(gesture_net(10), layers=gesture_net(10).layers[:1]),
        replace(gesture_net(10), layers=gesture_net(10).layers[1:]),
        replace(gesture_net(10), layers=gesture_net(10).layers * 2),
    ],
)
def test_foreign_networks_are_no_members(spec):
    """Another width, head, input, depth or first operation is outside."""
    assert not DEFAULT_SPACE.contains(spec)


def test_spellings_of_a_member_are_members():
    """A skip that cannot act and a stride on one pixel change neither membership nor hash."""
    plain = LayerSpec(op="conv", filters=4, activation="relu")
    halving = replace(plain, stride=2)
    spec = TINY.network((halving, halving, plain))
    spelled = TINY.network((replace(halving, skip=True), halving, replace(plain, stride=2)))
    assert spec != spelled
    assert TINY.contains(spec)
    assert TINY.contains(spelled)
    assert canonical_hash(spec) == canonical_hash(spelled)


def test_different_networks_have_different_hashes():
    """No two members of a tiny space share a hash."""
    assert len({canonical_hash(spec) for spec in TINY.enumerate()}) == TINY.size()


def test_the_hash_is_the_same_in_every_process():
    """The hash of a network is a constant: journals of other days and machines hold it."""
    spec = ArchSpec(layers=(LayerSpec(op="conv", filters=4),), classes=2)
    text = (
        '{"layers": [{"op": "conv", "filters": 4, "kernel": 3, "stride": 1, "activation": "relu6", '
        '"skip": false, "pool": 1}], "classes": 2, "input_shape": [32, 32, 1], "hidden": 0}'
    )
    assert canonical_hash(spec) == sha256(text.encode()).hexdigest()[:16]


def test_samples_of_one_depth_are_uniform():
    """Each member of one depth is drawn equally often, within five standard deviations."""
    space = replace(TINY, min_depth=2, max_depth=2, hidden=(0,))
    rng, draws = np.random.default_rng(0), 100 * space.size()
    counts = Counter(space.sample(rng) for _ in range(draws))
    share = 1 / space.size()
    deviation = (draws * share * (1 - share)) ** 0.5
    assert set(counts) == set(space.enumerate())
    assert max(abs(count - draws * share) for count in counts.values()) < 5 * deviation


def test_every_depth_is_drawn_equally_often():
    """Depths from the least to the most have equal shares, within five standard deviations."""
    rng = np.random.default_rng(0)
    counts = Counter(len(DEFAULT_SPACE.sample(rng).layers) for _ in range(4000))
    assert set(counts) == {2, 3, 4, 5}
    assert max(abs(count - 1000) for count in counts.values()) < 5 * (4000 * 0.25 * 0.75) ** 0.5


def test_the_same_seed_draws_the_same_networks():
    """Drawing is a function of the generator's state."""
    first, second = (
        [DEFAULT_SPACE.sample(np.random.default_rng(seed)) for seed in range(5)] for _ in range(2)
    )
    assert first == second
    assert len(set(first)) == 5


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"widths": ()}, "widths needs at least one"),
        ({"kernels": (3, 3)}, "each once"),
        ({"min_depth": 0}, "1 <= min_depth"),
        ({"min_depth": 3, "max_depth": 2}, "min_depth <= max_depth"),
        ({"downsampling": ("half",)}, "none, stride or pool"),
        ({"operations": ("dense",)}, "op must be"),
        ({"activations": ("swish",)}, "activation must be"),
        ({"kernels": (0,)}, "positive"),
        ({"widths": (0, 8)}, "positive"),
        ({"classes": 1}, "2 classes"),
        ({"input_shape": (0, 4, 1)}, "input_shape"),
    ],
)
def test_impossible_spaces_are_refused(fields, message):
    """A declaration without networks, or with impossible ones, raises ValueError."""
    with pytest.raises(ValueError, match=message):
        SearchSpace(**fields)


def test_the_tutorials_number_is_three_orders_too_high():
    """Five kinds, eight widths and three kernels, ten times each, are 6.2e20, not 1e24."""
    assert f"{5**10 * 8**10 * 3**10:.1e}" == "6.2e+20"
