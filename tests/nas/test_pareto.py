"""Dominance, fronts, hypervolume and scalarisation against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinyml_course.nas.pareto import (
    dominates,
    hypervolume_2d,
    normalise,
    pareto_mask,
    supported_mask,
    weighted_max,
    weighted_sum,
)

# A coarse grid, so that ties, duplicates and collinear points are common.
small = st.integers(0, 6).map(float)
tables = st.integers(1, 9).flatmap(lambda n: arrays(np.float64, (n, 2), elements=small))
tables_3d = st.integers(1, 7).flatmap(lambda n: arrays(np.float64, (n, 3), elements=small))


def cells_dominated(costs: np.ndarray, corner: int) -> int:
    """Count unit cells of [0, corner)² whose lower left point some candidate dominates."""
    return sum(
        any(x <= i and y <= j for x, y in costs)
        for i, j in itertools.product(range(corner), repeat=2)
    )


def test_better_in_one_and_equal_elsewhere_dominates():
    """A candidate that is better once and worse nowhere dominates."""
    assert dominates([1, 2, 3], [1, 2, 4])


def test_equal_candidates_do_not_dominate_each_other():
    """Equality is not dominance, which kills an implementation that only tests <=."""
    assert not dominates([1, 2], [1, 2])


@given(tables_3d)
def test_dominance_is_irreflexive_and_asymmetric(costs):
    """No candidate dominates itself, and no two dominate each other."""
    for a, b in itertools.product(costs, repeat=2):
        assert not (dominates(a, b) and dominates(b, a))


@given(tables_3d)
def test_mask_equals_all_pairs_definition(costs):
    """The mask is the definition: on the front where no row dominates."""
    expected = [not any(dominates(other, row) for other in costs) for row in costs]
    assert expected == pareto_mask(costs).tolist()


def test_duplicates_stay_on_the_front_together():
    """Two equal best candidates both stay, which kills masks that keep the first one."""
    assert [True, True, False] == pareto_mask([[1, 1], [1, 1], [2, 2]]).tolist()


@given(tables)
def test_hypervolume_equals_counted_cells(costs):
    """On an integer grid the area is the number of dominated unit cells."""
    assert cells_dominated(costs, 7) == hypervolume_2d(costs, [7, 7])


@given(tables)
def test_dominated_points_add_no_hypervolume(costs):
    """The front alone has the whole set's hypervolume."""
    front = costs[pareto_mask(costs)]
    assert hypervolume_2d(front, [7, 7]) == hypervolume_2d(costs, [7, 7])


def test_points_beyond_the_reference_add_nothing():
    """A candidate worse than the reference in one objective does not add a negative area."""
    assert 1.0 == hypervolume_2d([[1, 1], [0, 5], [5, 0]], [2, 2])


@given(tables)
def test_supported_points_are_those_some_weights_choose(costs):
    """A point is supported where it alone (or its copy) minimises some weighted sum."""
    slopes = {
        abs((b[1] - a[1]) / (a[0] - b[0]))
        for a, b in itertools.combinations(costs, 2)
        if (a[0] - b[0]) * (b[1] - a[1]) > 0
    }
    edges = sorted({1e-6, 1e6, *slopes})
    chosen = set()
    for low, high in itertools.pairwise(edges):
        score = weighted_sum(costs, [np.sqrt(low * high), 1.0])
        chosen |= set(np.flatnonzero(score <= score.min() * (1 + 1e-12) + 1e-12).tolist())
    assert sorted(chosen) == np.flatnonzero(supported_mask(costs)).tolist()


@given(tables, st.floats(0.05, 0.95))
def test_weighted_sum_chooses_from_the_front(costs, weight):
    """With positive weights the smallest weighted sum is Pareto optimal."""
    best = int(np.argmin(weighted_sum(costs, [weight, 1 - weight])))
    assert pareto_mask(costs)[best]


def test_weighted_max_reaches_a_point_no_weighted_sum_reaches():
    """Chebyshev's weights choose the point in the dent; weighted sums never do."""
    costs = np.array([[0.0, 1.0], [0.6, 0.6], [1.0, 0.0]])
    weights = [(w, 1 - w) for w in np.linspace(0.01, 0.99, 99)]
    assert {0, 2} == {int(np.argmin(weighted_sum(costs, w))) for w in weights}
    assert {0, 1, 2} == {int(np.argmin(weighted_max(costs, w))) for w in weights}


@given(tables)
def test_normalised_columns_span_zero_to_one(costs):
    """The best of each column becomes 0 and the worst 1, or all 0 without spread."""
    for raw, mapped in zip(costs.T, normalise(costs).T, strict=True):
        assert 0.0 == mapped.min()
        assert (1.0 if np.ptp(raw) else 0.0) == mapped.max()


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (lambda: dominates([1, 2], [1, 2, 3]), "one length"),
        (lambda: dominates([1, float("nan")], [1, 2]), "NaN"),
        (lambda: pareto_mask([1, 2, 3]), "shape"),
        (lambda: pareto_mask([[1, float("nan")]]), "NaN"),
        (lambda: hypervolume_2d([[1, 2, 3]], [4, 4]), "two objectives"),
        (lambda: supported_mask([[1, 2, 3]]), "two objectives"),
        (lambda: weighted_sum([[1, 2]], [1]), "one weight per objective"),
        (lambda: weighted_sum([[1, 2]], [-1, 2]), "negative"),
        (lambda: weighted_max([[1, 2]], [0, 0]), "all zero"),
    ],
)
def test_bad_input_names_the_fault(call, fault):
    """Wrong shapes, NaN and negative weights are refused with the fault in the message."""
    with pytest.raises(ValueError, match=fault):
        call()
