"""Ranks and crowding of NSGA-II against moocore and against their definitions."""

from __future__ import annotations

import moocore
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinyml_course.nas.nsga2 import crowding_distance, order_candidates, rank_fronts

# A coarse grid, so that ties and duplicates are common.
small = st.integers(0, 6).map(float)
shapes = st.tuples(st.integers(1, 14), st.integers(2, 4))
tables = shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=small))


@given(tables)
def test_ranks_equal_moocores(costs):
    """The second library finds the same fronts."""
    unique = np.unique(costs, axis=0)  # moocore puts duplicates into later fronts
    assert moocore.pareto_rank(unique).tolist() == rank_fronts(unique).tolist()


@given(tables)
def test_equal_candidates_share_a_rank(costs):
    """Equal rows do not dominate each other, so they stand on the same front."""
    ranks = rank_fronts(costs)
    for row in costs:
        assert 1 == len(set(ranks[np.all(costs == row, axis=1)].tolist()))


def test_ranks_of_a_chain_count_its_links():
    """Each candidate of a chain is dominated by all before it, and its rank is their number."""
    assert [4, 0, 3, 1, 2] == rank_fronts([[5, 5], [1, 1], [4, 4], [2, 2], [3, 3]]).tolist()


def test_crowding_of_a_hand_made_front():
    """Gaps between neighbours over the range, summed: worked out on paper."""
    front = [[0, 10], [1, 6], [3, 5], [10, 0]]
    expected = [np.inf, 3 / 10 + 5 / 10, 9 / 10 + 6 / 10, np.inf]
    assert np.allclose(expected, crowding_distance(front))


@given(tables, st.floats(0.1, 1000))
def test_crowding_does_not_depend_on_units(costs, unit):
    """Bytes or kilobytes: the distances are the same."""
    assert np.allclose(crowding_distance(costs), crowding_distance(costs * unit))


@given(tables)
def test_extremes_have_infinite_room(costs):
    """Each objective that differs has its best and worst at infinity."""
    room = crowding_distance(costs)
    for column in costs.T[np.ptp(costs, axis=0) > 0]:
        assert np.isinf(room[column == column.min()]).any()
        assert np.isinf(room[column == column.max()]).any()


@given(tables)
def test_order_is_by_front_then_by_room(costs):
    """No candidate stands before one of an earlier front, or one with more room on its own."""
    order, ranks = order_candidates(costs), rank_fronts(costs)
    assert sorted(order.tolist()) == list(range(len(costs)))
    assert ranks[order].tolist() == sorted(ranks.tolist())
    for rank in set(ranks.tolist()):
        members = np.flatnonzero(ranks == rank)
        room = dict(zip(members.tolist(), crowding_distance(costs[members]), strict=True))
        along = [room[int(index)] for index in order if ranks[index] == rank]
        assert along == sorted(along, reverse=True)


def test_the_crowded_candidate_leaves_first():
    """Of a front with two close neighbours one of them stands last."""
    front = [[0, 10], [5, 5], [5.1, 4.9], [8, 1], [10, 0]]
    assert order_candidates(front)[-1] in (1, 2)
