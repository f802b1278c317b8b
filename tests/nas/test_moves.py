"""Mutation and crossover stay in the space, and reach all of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.nas.test_space import SPACES, TINY
from tinyml_course.core.arch import gesture_net, simplify
from tinyml_course.core.arch_json import to_json
from tinyml_course.core.graph import TensorGraph
from tinyml_course.cost.graph import arch_graph
from tinyml_course.nas.moves import MOVES
from tinyml_course.nas.space import DEFAULT_SPACE, SearchSpace, canonical_hash

FIELDS = ("op", "filters", "kernel", "stride", "activation", "skip", "pool")


def walk(space: SearchSpace, seed: int, *, steps: int = 2):
    """Return all networks of one random walk: two samples, mutations, a child."""
    rng = np.random.default_rng(seed)
    met = [space.sample(rng), space.sample(rng)]
    for _ in range(steps):
        met.append(space.mutate(met[-1], rng))
    return [*met, space.crossover(met[0], met[-1], rng)]


def is_connected(graph: TensorGraph) -> bool:
    """Whether each operator reads only the input, constants and what came before it."""
    known = {*graph.inputs, *(i for i, info in enumerate(graph.tensors) if info.is_constant)}
    for op in graph.ops:
        if not known.issuperset(op.inputs):
            return False
        known.update(op.outputs)
    return known.issuperset(graph.outputs)


@pytest.mark.slow
def test_two_thousand_random_walks_stay_in_the_space():
    """Everything sampled, mutated and crossed is a simplified member whose graph holds together."""
    for seed in range(2000):
        for spec in walk(DEFAULT_SPACE, seed):
            assert DEFAULT_SPACE.contains(spec), to_json(spec)
            assert spec == simplify(spec), to_json(spec)
            assert is_connected(arch_graph(spec)), to_json(spec)


@given(st.sampled_from(SPACES), st.integers(0, 2**32 - 1))
@settings(max_examples=300)
def test_walks_stay_in_spaces_of_other_shapes(space, seed):
    """Spaces without skips, without plain blocks, or of one pixel are not left either."""
    assert all(space.contains(spec) for spec in walk(space, seed, steps=5))


def test_a_mutation_is_another_network():
    """The child never is its parent, and the parent stays what it was."""
    rng, parent = np.random.default_rng(0), gesture_net(10)
    before = to_json(parent)
    children = {canonical_hash(DEFAULT_SPACE.mutate(parent, rng)) for _ in range(300)}
    assert canonical_hash(parent) not in children
    assert len(children) > 50
    assert before == to_json(parent)


@pytest.mark.parametrize("name", sorted(set(MOVES) - {"insert", "remove"}))
def test_a_move_touches_one_block_or_the_head(name):
    """Of a network without idle parts, a move changes a single block, in few fields."""
    rng, parent = np.random.default_rng(1), gesture_net(10)
    for _ in range(40):
        child = MOVES[name](DEFAULT_SPACE, parent, rng)
        pairs = list(zip(parent.layers, child.layers, strict=True))
        assert sum(a != b for a, b in pairs) + (parent.hidden != child.hidden) <= 1
        changed = [f for a, b in pairs for f in FIELDS if getattr(a, f) != getattr(b, f)]
        assert len(changed) <= 2


def test_insertion_and_removal_change_the_depth_by_one():
    """A block more or a block less, and the first block stays."""
    rng, parent = np.random.default_rng(2), gesture_net(10)
    longer = MOVES["insert"](DEFAULT_SPACE, parent, rng)
    shorter = MOVES["remove"](DEFAULT_SPACE, parent, rng)
    assert (5, 3) == (len(longer.layers), len(shorter.layers))
    assert parent.layers[0] == longer.layers[0] == shorter.layers[0]


def test_mutations_reach_every_network():
    """A long random walk through a tiny space meets all of its members."""
    space = replace(TINY, max_depth=2)
    rng, spec, met = np.random.default_rng(0), next(space.enumerate()), set()
    for _ in range(60 * space.size()):
        spec = space.mutate(spec, rng)
        met.add(spec)
    assert met == set(space.enumerate())


def test_a_child_begins_like_one_parent_and_ends_like_the_other():
    """Blocks of a child come from the first parent up to a cut, then from the second."""
    rng = np.random.default_rng(0)
    a = DEFAULT_SPACE.network(tuple(replace(layer, kernel=3) for layer in gesture_net(10).layers))
    b = DEFAULT_SPACE.network(
        tuple(replace(layer, kernel=5) for layer in gesture_net(10).layers), 16
    )
    children = [DEFAULT_SPACE.crossover(a, b, rng) for _ in range(200)]
    kernels = {tuple(layer.kernel for layer in child.layers) for child in children}
    assert all(row == tuple(sorted(row)) for row in kernels)
    assert {row[0] for row in kernels} == {3}
    assert {row[-1] for row in kernels} == {5}
    assert {2, 3, 4, 5} == {len(row) for row in kernels}
    assert {0, 16} == {child.hidden for child in children}


def test_foreign_parents_are_refused():
    """A network of another space raises ValueError instead of leading the search away."""
    rng, foreign = np.random.default_rng(0), gesture_net(3)
    with pytest.raises(ValueError, match="not in the search space"):
        DEFAULT_SPACE.mutate(foreign, rng)
    with pytest.raises(ValueError, match="not in the search space"):
        DEFAULT_SPACE.crossover(gesture_net(10), foreign, rng)


def test_a_space_of_one_network_returns_it():
    """Where there is no other network a mutation gives up instead of searching for ever."""
    single = SearchSpace(
        operations=("depthwise",), kernels=(3,), widths=(4,), activations=("relu",), skips=False,
        downsampling=("none",), min_depth=1, max_depth=1, hidden=(0,),
    )  # fmt: skip
    only = next(single.enumerate())
    assert single.size() == 1
    assert only == single.mutate(only, np.random.default_rng(0))
    assert only == single.crossover(only, only, np.random.default_rng(0))
