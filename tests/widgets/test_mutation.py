"""The mutation playground: children, what is framed, and the costs beside them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from tinyml_course.core.arch import ArchSpec
from tinyml_course.nas.costs import measure_cost
from tinyml_course.nas.moves import MOVES
from tinyml_course.nas.space import DEFAULT_SPACE
from tinyml_course.widgets.mutation import (
    DRAWS,
    MUTATION,
    PARENTS,
    compare,
    find_changes,
    mutate_once,
)

IMPOSSIBLE = {
    ("wide and shallow", "remove"),  # two blocks are the least
    ("wide and shallow", "skip"),  # no block of these two keeps its shape
    ("gesture network", "skip"),
}


@pytest.mark.parametrize("kind", sorted(MOVES))
def test_parents_and_children_are_members_and_differ(kind):
    """Each kind of change leads to another member of the space, where it is possible at all."""
    for parent, spec in PARENTS.items():
        assert DEFAULT_SPACE.contains(spec)
        children = {mutate_once(parent, kind, draw) for draw in DRAWS}
        assert (children == {spec}) == ((parent, kind) in IMPOSSIBLE)
        assert spec not in children or children == {spec}
        assert all(DEFAULT_SPACE.contains(child) for child in children)


def test_states_draw_and_describe_the_costs():
    """A state draws, and its text has the exact arena of the child."""
    state = {"parent": "with skips", "kind": "insert", "draw": 3}
    assert isinstance(MUTATION.draw(**state), Figure)
    arena = measure_cost(mutate_once(**state)).arena_bytes
    assert f"to {arena:,}" in MUTATION.describe(**state)


def test_the_question_has_the_answer_that_its_states_show():
    """Downsampling more than doubles an arena and leaves the file; an insertion the opposite."""

    def ratios(kind: str) -> list[tuple[float, float]]:
        found = []
        for parent, before in PARENTS.items():
            for draw in DRAWS:
                costs = compare(before, mutate_once(parent, kind, draw))
                found.append(tuple(new / old for old, new in list(costs.values())[:2]))
        return found

    assert any(arena > 2 and abs(file - 1) < 0.05 for arena, file in ratios("downsampling"))
    assert any(file > 2 and abs(arena - 1) < 0.1 for arena, file in ratios("insert"))


def test_changed_blocks_are_found_between_common_ends():
    """An inserted block alone is framed in the child, a removed one in the parent, the head too."""
    net = PARENTS["gesture network"]
    shorter = replace(net, layers=net.layers[:2] + net.layers[3:])
    assert find_changes(net, shorter) == ((2,), ())
    assert find_changes(shorter, net) == ((), (2,))
    assert find_changes(net, replace(net, hidden=16)) == ((4,), (4,))
    doubled = ArchSpec(layers=(net.layers[0], *net.layers), classes=10)
    assert find_changes(net, doubled) == ((), (1,))
