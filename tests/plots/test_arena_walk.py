"""Figures of the arena: what is drawn is what was given."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.patches import Rectangle

from tinyml_course.core.types import MemoryPlan, PlannedBuffer
from tinyml_course.plots.arena_walk import (
    ArenaBar,
    ArenaSlot,
    plot_contenders,
    plot_lifetimes,
    plot_moment,
    plot_placing,
)
from tinyml_course.plots.style import BUDGET

KIB = 1024


def buffer(name, offset, size, first, last):
    return PlannedBuffer(
        name=name, kind="tensor", tensor=0, offset=offset, size_bytes=size,
        first_op=first, last_op=last,
    )  # fmt: skip


BUFFERS = (buffer("a", 0, 4 * KIB, 0, 1), buffer("b", 4 * KIB, 2 * KIB, 1, 2))
PLAN = MemoryPlan(
    buffers=BUFFERS, tail=(), op_names=("CONV_2D", "ADD", "SOFTMAX"), head_bytes=6 * KIB,
    tail_bytes=512, arena_bytes=6 * KIB + 512, arena_min_bytes=6 * KIB + 512,
)  # fmt: skip


def texts(axes):
    """Every text inside the axes."""
    return [text.get_text() for text in axes.texts]


def boxes(axes):
    """Corner, width and height of every rectangle."""
    return [
        (*patch.get_xy(), patch.get_width(), patch.get_height())
        for patch in axes.patches
        if isinstance(patch, Rectangle)
    ]


def test_lifetimes_span_their_operators_and_mark_the_busiest():
    """Bars reach from the first to the last operator; the label with most bytes is red."""
    lives = [(0, 0), (0, 2), (2, 2)]
    axes = plot_lifetimes("abc", [16, 64, 32], lives, ["ADD"] * 3, [80, 64, 96])
    assert [(-0.5, 1), (-0.5, 3), (1.5, 1)] == [(x, w) for x, _, w, _ in boxes(axes)[:3]]
    assert ["16 B", "64 B", "32 B"] == texts(axes)
    labels = axes.get_xticklabels()
    assert ["2 ADD\n96 B alive"] == [t.get_text() for t in labels if t.get_color() == BUDGET]


def test_placing_adds_one_buffer_a_panel():
    """Panel k holds the first k buffers at their addresses, and the floor as a line."""
    figure = plot_placing(BUFFERS, PLAN.op_names, floor_bytes=6 * KIB, columns=3)
    shown = [axes for axes in figure.axes if axes.axison]
    first, second = (-0.5, 0.0, 2, 4.0), (0.5, 4.0, 2, 2.0)
    assert [[first], [first, second]] == [boxes(axes) for axes in shown]
    assert all([6.0, 6.0] == axes.lines[0].get_ydata() for axes in shown)


def test_a_moment_frames_the_operator_and_labels_each_slot():
    """The frame stands on the running operator; the cut names role, bytes and buffer."""
    slots = (
        ArenaSlot(role="input", name="a", offset=0, size_bytes=4 * KIB),
        ArenaSlot(role="free", name="", offset=4 * KIB, size_bytes=2 * KIB),
    )
    time, now = plot_moment(PLAN, 0, slots).axes
    assert (-0.5, 0, 1, 6.0) == boxes(time)[-1]
    assert [(0, 0.0, 1, 4.0), (0, 4.0, 1, 2.0)] == boxes(now)
    assert ["input 4,096 B: a", "free 2,048 B"] == texts(now)


def test_a_moment_colours_only_what_is_alive():
    """The buffer of a later operator is as grey as at any other time, the live one is not."""
    slots = (ArenaSlot(role="input", name="a", offset=0, size_bytes=4 * KIB),)
    time, _ = plot_moment(PLAN, 0, slots).axes
    live, later = (patch.get_facecolor()[:3] for patch in time.patches[:2])
    assert live != later
    assert later[0] == later[1] == later[2]


@settings(max_examples=25)
@given(st.lists(st.integers(1, 4000), min_size=1, max_size=9))
def test_slot_labels_never_collide(sizes):
    """However thin the slots, their labels keep their order, a distance, and stay below the top."""
    offsets = [sum(sizes[:i]) for i in range(len(sizes))]
    slots = [
        ArenaSlot(role="kept", name=str(i), offset=offset, size_bytes=size)
        for i, (offset, size) in enumerate(zip(offsets, sizes, strict=True))
    ]
    top = sum(sizes) / KIB
    plan = MemoryPlan(
        buffers=(), tail=(), op_names=("ADD",), head_bytes=sum(sizes), tail_bytes=0,
        arena_bytes=sum(sizes), arena_min_bytes=sum(sizes),
    )  # fmt: skip
    heights = [text.get_position()[1] for text in plot_moment(plan, 0, slots).axes[1].texts]
    gaps = [b - a for a, b in itertools.pairwise(heights)]
    assert all(gap >= 0.06 * top for gap in gaps)
    assert heights[-1] <= top * (1 + 1e-9)


@pytest.mark.parametrize(("limit", "said"), [(4096, ["fits", "fits"]), (4095, ["fits", "not"])])
def test_contenders_fit_up_to_the_last_byte(limit, said):
    """A bar as long as the limit fits, one byte more does not."""
    bars = [
        ArenaBar(name="small", head_bytes=512, tail_bytes=512),
        ArenaBar(name="large", head_bytes=2048, tail_bytes=1024, planning_bytes=1024),
    ]
    axes = plot_contenders(bars, limit)
    words = [text for text in texts(axes) if " = " in text]
    assert said == ["not" if "does not fit" in text else "fits" for text in words]
    assert "+ planning 1,024 = 4,096 B" in words[1]
    assert [limit / KIB] * 2 == list(axes.lines[0].get_xdata())


def test_a_bar_beyond_the_scale_says_that_it_goes_on():
    """Where one network dwarfs the limit, its bar is cut so that the others can be read."""
    bars = [ArenaBar(name=n, head_bytes=b, tail_bytes=0) for n, b in (("s", 512), ("l", 10**6))]
    axes = plot_contenders(bars, 1024)
    assert axes.get_xlim()[1] < 4
    assert ["continues →"] == [text for text in texts(axes) if "→" in text]
