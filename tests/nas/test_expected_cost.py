"""Expected costs against the cost model, and against every network with its probability."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_course.core.arch import ArchSpec, LayerSpec, gesture_net
from tinyml_course.cost.estimate import estimate_cost
from tinyml_course.cost.graph import arch_graph
from tinyml_course.nas.choices import Choice, Distribution, Skeleton
from tinyml_course.nas.expected_cost import expect_costs, tabulate_costs
from tinyml_course.nas.space import SearchSpace

SPACE = SearchSpace(classes=4, input_shape=(9, 7, 2), widths=(3, 5), max_depth=3, hidden=(0, 6))


def skeleton_of(*layers: LayerSpec, hidden: int = 0, space: SearchSpace = SPACE) -> Skeleton:
    """Return the skeleton of these blocks."""
    return Skeleton(space, space.settle(layers, hidden))


BLOCKS = (
    LayerSpec(op="conv", filters=3, stride=2, skip=True),
    LayerSpec(op="separable", filters=3, pool=2, activation="relu"),
    LayerSpec(op="depthwise", skip=True),
)


def exact(spec: ArchSpec) -> tuple[int, int]:
    """Return MACs and constant bytes of a network, by the cost model."""
    cost = estimate_cost(arch_graph(spec))
    return cost.macs, cost.weight_bytes


def one_hot(skeleton: Skeleton, choice: Choice) -> Distribution:
    """Return the distribution that is sure of a choice."""
    start = skeleton.uniform()
    operations, widths = (
        tuple(np.eye(len(p))[c] for p, c in zip(part, chosen, strict=True))
        for part, chosen in (
            (start.operations, choice.operations), (start.widths, choice.widths),
        )
    )  # fmt: skip
    return Distribution(operations=operations, widths=widths)


@settings(max_examples=60)
@given(st.integers(0, 2**31), st.sampled_from([1, 2, 3]), st.sampled_from([0, 6]))
def test_expectation_of_a_sure_choice_is_exact(seed, depth, hidden):
    """Where every choice is certain, the expected cost is that network's cost to the byte."""
    space = SearchSpace(
        classes=4, input_shape=(9, 7, 2), widths=(3, 5), min_depth=1, max_depth=3, hidden=(0, 6)
    )
    skeleton = skeleton_of(*BLOCKS[:depth], hidden=hidden, space=space)
    choice = skeleton.uniform().draw(np.random.default_rng(seed))
    sure = one_hot(skeleton, choice)
    found = expect_costs(tabulate_costs(skeleton), sure.operations, sure.widths)
    assert tuple(found) == exact(skeleton.network(choice))


def test_expectation_is_the_mean_over_all_networks():
    """The expected cost equals the sum over every choice of its probability times its cost."""
    skeleton = skeleton_of(*BLOCKS, hidden=6)
    rng = np.random.default_rng(3)
    parts = [
        [rng.dirichlet(np.ones(len(p))) for p in part]
        for part in (skeleton.uniform().operations, skeleton.uniform().widths)
    ]
    distribution = Distribution(operations=tuple(parts[0]), widths=tuple(parts[1]))
    total, mass = np.zeros(2), 0.0
    for operations in itertools.product(*(range(len(p)) for p in distribution.operations)):
        for widths in itertools.product(range(2), repeat=3):
            choice = Choice(operations, widths)
            probability = math.exp(distribution.log_probability(choice))
            total += probability * np.array(exact(skeleton.network(choice)))
            mass += probability
    found = expect_costs(tabulate_costs(skeleton), distribution.operations, distribution.widths)
    assert mass == pytest.approx(1)
    assert found == pytest.approx(total, rel=1e-12)


def test_default_space_is_tabulated_exactly():
    """The gesture network's cost comes out of its own skeleton's tables."""
    from tinyml_course.nas.space import DEFAULT_SPACE

    spec = gesture_net(10)
    skeleton = Skeleton(DEFAULT_SPACE, spec)
    sure = one_hot(skeleton, skeleton.own)
    found = expect_costs(tabulate_costs(skeleton), sure.operations, sure.widths)
    assert tuple(found) == exact(spec)


@pytest.mark.slow
def test_gradient_is_the_slope_of_the_expectation():
    """TensorFlow's gradient with respect to a probability is the difference quotient."""
    from tinyml_course.core.environment import load_tensorflow

    tf = load_tensorflow()
    skeleton = skeleton_of(*BLOCKS)
    tables, start = tabulate_costs(skeleton), skeleton.uniform()
    shares = [tf.Variable(p, dtype=tf.float64) for p in (*start.operations, *start.widths)]
    with tf.GradientTape() as tape:
        cost = expect_costs(tables, shares[:3], shares[3:], einsum=tf.einsum)[0]
    gradient = tape.gradient(cost, shares)
    for number, (share, slope) in enumerate(zip(shares, gradient, strict=True)):
        moved = [s.numpy().copy() for s in shares]
        moved[number][0] += 1e-3
        ahead = expect_costs(tables, moved[:3], moved[3:])[0]
        moved[number][0] -= 2e-3
        behind = expect_costs(tables, moved[:3], moved[3:])[0]
        assert slope.numpy()[0] == pytest.approx((ahead - behind) / 2e-3, rel=1e-3), share.name


def test_choices_name_members_of_the_space():
    """Every draw of a skeleton is a network of the space with the skeleton's downsampling."""
    skeleton = skeleton_of(*BLOCKS, hidden=6)
    rng = np.random.default_rng(0)
    for _ in range(50):
        spec = skeleton.network(skeleton.uniform().draw(rng))
        assert SPACE.contains(spec)
        assert [(b.stride, b.pool) for b in spec.layers] == [(2, 1), (1, 2), (1, 1)]
        assert spec.hidden == 6


def test_probability_of_a_draw_is_its_frequency():
    """Draws come as often as `log_probability` says; flattening to power 0 makes all alike."""
    skeleton = skeleton_of(BLOCKS[0], BLOCKS[2])
    sure = Distribution(
        operations=(np.array([0.8, 0.2]), np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1])),
        widths=(np.array([0.3, 0.7]), np.array([0.6, 0.4])),
    )
    rng = np.random.default_rng(1)
    draws = [sure.draw(rng) for _ in range(4000)]
    assert draws.count(sure.best) / 4000 == pytest.approx(
        math.exp(sure.log_probability(sure.best)), abs=4 * math.sqrt(0.25 / 4000)
    )
    flat = sure.flatten(0.0)
    assert flat.operations[1] == pytest.approx(1 / 6)
    assert skeleton.network(sure.best).layers[0].filters == 5


def test_skeleton_refuses_what_is_outside():
    """A skeleton must be a member of the space, and its first block needs a width."""
    with pytest.raises(ValueError, match="not in the search space"):
        Skeleton(SPACE, gesture_net(10))
    space = SearchSpace(
        classes=4, input_shape=(9, 7, 3), widths=(3,), stem=("depthwise",), hidden=(0,)
    )
    with pytest.raises(ValueError, match="no width"):
        Skeleton(space, space.sample(np.random.default_rng(0)))
