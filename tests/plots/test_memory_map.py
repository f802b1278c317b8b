"""The picture of the arena."""

from __future__ import annotations

from dataclasses import replace

import pytest
from matplotlib.patches import Rectangle

from tinyml_course.core.types import MemoryPlan, PlannedBuffer, TailEntry
from tinyml_course.plots.memory_map import plot_memory_map


def plan_of(count, *, tail=1024, unmodelled=()):
    buffers = [
        PlannedBuffer(
            name=f"t{i}", kind="tensor", tensor=i, offset=4096 * (i % 2), size_bytes=4096,
            first_op=max(i - 1, 0), last_op=min(i, count - 1),
        )
        for i in range(count + 1)
    ]  # fmt: skip
    scratch = PlannedBuffer(
        name="s", kind="scratch", tensor=-1, offset=8192, size_bytes=2048, first_op=0, last_op=0
    )
    return MemoryPlan(
        buffers=(*buffers, scratch),
        tail=(TailEntry(what="all", op=-1, size_bytes=tail),),
        op_names=("CONV_2D",) * count,
        head_bytes=10240,
        tail_bytes=tail,
        arena_bytes=10240 + tail,
        arena_min_bytes=10240 + tail,
        unmodelled=unmodelled,
    )


def rectangles(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def texts(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("count", [1, 3, 60, 240])
def test_each_buffer_is_a_rectangle_at_its_place(count):
    """Every buffer has its address, size and lifetime; band and peak are two rectangles more."""
    plan = plan_of(count)
    drawn = rectangles(plot_memory_map(plan))
    expected = {
        (b.first_op - 0.5, b.offset / 1024, b.last_op - b.first_op + 1, b.size_bytes / 1024)
        for b in plan.buffers
    }
    assert len(plan.buffers) + 2 == len(drawn)
    assert expected <= {(*r.get_xy(), r.get_width(), r.get_height()) for r in drawn}


def test_scratch_is_hatched_and_tensors_are_not():
    """Only the buffer that lives for one operator's own use is hatched."""
    assert 1 == sum(r.get_hatch() is not None for r in rectangles(plot_memory_map(plan_of(3))))


def test_the_peak_operator_is_marked_on_the_axis():
    """The operator that reaches the top of the head bears the word."""
    labels = [t.get_text() for t in plot_memory_map(plan_of(60)).get_xticklabels()]
    assert ["0 CONV (peak)"] == [text for text in labels if "peak" in text]


def test_the_limit_is_a_line_on_the_scale_and_words_beyond_it():
    """A limit near the arena is drawn; one far above is named in the title."""
    near = plot_memory_map(plan_of(3), limit_bytes=16_000)
    assert "limit 16,000 B" in texts(near)
    assert [16_000 / 1024] * 2 == list(near.lines[0].get_ydata())
    far = plot_memory_map(plan_of(3), limit_bytes=999_999)
    assert not far.lines
    assert "limit 999,999 B" in far.get_title()


def test_the_limit_is_named_where_fewer_buffers_reach_it():
    """A network that is large at first has the words at its end, and the other way round."""
    first = replace(plan_of(4).buffers[0], offset=0, size_bytes=9_000, first_op=0, last_op=0)
    for buffer, side in ((first, "right"), (replace(first, first_op=3, last_op=3), "left")):
        plan = replace(plan_of(4), buffers=(buffer,), head_bytes=9_000)
        ax = plot_memory_map(plan, limit_bytes=8_000)
        label = next(text for text in ax.texts if "limit" in text.get_text())
        assert side == label.get_ha()


def test_structures_that_would_dwarf_the_head_are_cut_and_say_so():
    """A huge tail is no taller than the head."""
    ax = plot_memory_map(plan_of(3, tail=500_000))
    assert ax.get_ylim()[1] < 25
    assert any("not to scale" in text for text in texts(ax))


def test_a_lower_bound_says_at_least():
    """A plan with unknown operators does not pose as exact."""
    assert "at least" in plot_memory_map(plan_of(3, unmodelled=("FFT",))).get_title()


def test_labels_stay_inside_their_rectangles():
    """Rendered, every size written in a buffer lies within it."""
    ax = plot_memory_map(plan_of(12))
    figure = ax.get_figure(root=True)
    figure.canvas.draw()
    boxes = [r.get_window_extent() for r in rectangles(ax)]
    for text in ax.texts:
        extent = text.get_window_extent()
        assert any(
            box.x0 - 2 <= extent.x0 and extent.x1 <= box.x1 + 2 and box.y0 - 2 <= extent.y0
            and extent.y1 <= box.y1 + 2
            for box in boxes
        ), text.get_text()  # fmt: skip
