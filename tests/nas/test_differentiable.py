"""Differentiable search on a task whose right answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_course.core.arch import LayerSpec
from tinyml_course.core.types import GestureSet
from tinyml_course.nas.catalog import make_problem
from tinyml_course.nas.choices import Distribution, Skeleton
from tinyml_course.nas.costs import Constraints
from tinyml_course.nas.differentiable import DescentPlan, descend, project
from tinyml_course.nas.space import SearchSpace
from tinyml_course.nas.strategy import NoFeasibleNetwork

SPACE = SearchSpace(
    classes=2, input_shape=(12, 12, 1), widths=(4,), min_depth=1, max_depth=1, hidden=(0,),
    downsampling=("none",), skips=False,
)  # fmt: skip
SKELETON = Skeleton(SPACE, SPACE.network((LayerSpec(op="conv", filters=4),)))
PROBLEM = make_problem(Constraints(), classes=2, space=SPACE)


def draw_pairs(count: int, seed: int) -> GestureSet:
    """Return pairs of dots in a row, 3 or 4 pixels apart: only a 5 x 5 filter sees both dots."""
    rng = np.random.default_rng(seed)
    images, labels = np.zeros((count, 12, 12, 1), np.float32), rng.integers(0, 2, count)
    for image, label in zip(images, labels, strict=True):
        row, column = rng.integers(2, 10), rng.integers(2, 6)
        image[row, [column, column + 3 + label], 0] = 1
    return GestureSet(
        images=images, labels=labels, class_names=("three", "four"), persons=("made",) * count
    )


TRAIN, VALIDATION = draw_pairs(128, 0), draw_pairs(128, 1)


@pytest.mark.slow
@pytest.mark.parametrize(("cost_weight", "kernel"), [(0.0, 5), (5.0, 3)])
def test_the_better_operation_wins_unless_cost_counts_more(cost_weight, kernel):
    """The filter that sees the difference is chosen; under a heavy cost, the cheaper one."""
    plan = DescentPlan(epochs=25, cost_weight=cost_weight, choice_rate=0.1, learning_rate=1e-2)
    found = descend(PROBLEM, SKELETON, TRAIN, VALIDATION, plan=plan, progress=False)
    assert found.spec.layers[0].kernel == kernel
    assert found.distribution.operations[0].max() > 0.6
    assert len(found.expected) == 25


@pytest.mark.slow
def test_descent_repeats_and_meets_the_limits():
    """Equal seeds give equal networks, whose exact cost is within the limits."""
    space = SearchSpace(
        classes=2,
        input_shape=(12, 12, 1),
        widths=(2, 4, 8),
        kernels=(3,),
        min_depth=2,
        max_depth=2,
        hidden=(8,),
    )
    layers = (
        LayerSpec(op="conv", filters=8, stride=2), LayerSpec(op="separable", filters=8, pool=2),
    )  # fmt: skip
    problem = make_problem(Constraints(max_arena=2_600), classes=2, space=space)
    skeleton = Skeleton(space, space.network(layers, 8))
    plan = DescentPlan(epochs=2, cost_weight=0.1)
    runs = [
        descend(problem, skeleton, TRAIN, VALIDATION, plan=plan, progress=False) for _ in range(2)
    ]
    assert runs[0].spec == runs[1].spec
    assert runs[0].expected == runs[1].expected
    assert not problem.constraints.violations(problem.cost(runs[0].spec))


def test_projection_leaves_a_likely_but_too_large_network():
    """The most likely feasible choice is returned, however unlikely it is beside a larger one."""
    sure_of_five = Distribution(operations=(np.array([1e-6, 1 - 1e-6]),), widths=(np.ones(1),))
    small, large = (
        PROBLEM.cost(SPACE.network((LayerSpec(op="conv", filters=4, kernel=kernel),))).model_bytes
        for kernel in (3, 5)
    )
    assert small < large
    rng = np.random.default_rng(0)
    free = project(PROBLEM, SKELETON, sure_of_five, rng=rng)
    tight = make_problem(Constraints(max_flash=small), classes=2, space=SPACE)
    assert free.layers[0].kernel == 5
    assert project(tight, SKELETON, sure_of_five, rng=rng).layers[0].kernel == 3
    with pytest.raises(NoFeasibleNetwork, match="2 choices"):
        project(
            make_problem(Constraints(max_flash=100), classes=2, space=SPACE),
            SKELETON, sure_of_five, rng=rng,
        )  # fmt: skip


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch_size": 0}, {"cost_weight": -1.0}])
def test_plan_refuses_nonsense(wrong):
    """Numbers that mean nothing are refused by name."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DescentPlan(**wrong)
