"""Work in the pauses of an event loop."""

import asyncio

from tinyml_course.widgets.ahead import MOST, Ahead, nearby
from tinyml_course.widgets.experiment import Control

BITS = Control(name="bits", label="bits", values=(2, 3, 4, 6, 8), default=4)
KIND = Control(name="kind", label="kind", values=("a", "b"), default="a")


def test_the_next_step_of_the_moved_control_comes_first():
    """Nearer states come before farther ones, the moved control's before another's."""
    states = list(nearby((KIND, BITS), {"kind": "a", "bits": 6}, moved="bits"))
    assert [tuple(state.values()) for state in states] == [
        ("a", 4), ("a", 8), ("b", 6), ("a", 3), ("a", 2),
    ]  # fmt: skip


def test_without_an_event_loop_nothing_is_done():
    """Plain Python has no pauses: the plan is dropped."""
    done = []
    Ahead(done.append).plan([1, 2])
    assert done == []


def test_a_new_plan_replaces_the_old_one_and_none_is_endless():
    """Of the first plan at most what was done by then, of the second the first `MOST` pieces."""
    done = []

    async def plan_twice():
        ahead = Ahead(done.append)
        ahead.plan(["old"])
        ahead.plan(range(10 * MOST))
        while len(done) < MOST:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)

    asyncio.run(asyncio.wait_for(plan_twice(), 60))
    assert done == list(range(MOST))
