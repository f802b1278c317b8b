"""The figures of the search space."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tinyml_course.core.arch import ArchSpec, LayerSpec, gesture_net
from tinyml_course.plots.nas import (
    CHANGED,
    plot_change,
    plot_cost_change,
    plot_cost_histograms,
    plot_macs_latency,
    plot_network,
)

SKIPPING = ArchSpec(
    classes=3,
    layers=(
        LayerSpec(op="conv", filters=8, stride=2),
        LayerSpec(op="depthwise", kernel=5, skip=True, pool=2),
    ),
)


def texts(axes) -> list[str]:
    """Return every text of the axes."""
    return [text.get_text() for text in axes.texts]


def test_a_network_names_each_block_with_the_shape_that_it_leaves_behind():
    """Operation, filters, kernel, stride, pooling and output shape stand in and under the box."""
    drawn = texts(plot_network(SKIPPING))
    assert "conv 8\n3×3, stride 2\nrelu6" in drawn
    assert "depthwise\n5×5\nrelu6, pool 2" in drawn
    assert {"32×32×1", "16×16×8", "8×8×8"} <= set(drawn)


def test_only_a_skip_that_acts_is_drawn():
    """A skip after which the shape differs has no arc."""
    idle = replace(SKIPPING, layers=(replace(SKIPPING.layers[0], skip=True),))
    assert texts(plot_network(SKIPPING)).count("+") == 1
    assert "+" not in texts(plot_network(idle))


def test_changed_blocks_are_framed():
    """The frame is on the named box and on no other; the number after the last is the head's."""
    for place in range(5):
        boxes = plot_network(gesture_net(3), changed=(place,)).patches
        framed = [b.get_x() for b in boxes if b.get_edgecolor()[:3] == _rgb(CHANGED)]
        assert framed == [pytest.approx(place - 0.42)]


def _rgb(code: str) -> tuple[float, ...]:
    return tuple(int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))


def test_a_cost_bar_ends_at_its_share_of_the_old_cost():
    """Twice the cost reaches to 200 %, half of it to 50 %, and the text has both values."""
    axes = plot_cost_change({"arena, B": (1000, 2000), "latency, ms": (8.0, 4.0)})
    ends = [bar.get_x() + bar.get_width() for bar in axes.patches]
    assert ends == pytest.approx([200, 50])
    assert texts(axes)[0] == "arena, B: 1,000 → 2,000 (+100 %)"


def test_a_change_shows_both_networks():
    """Blocks of the parent and of the child are there, and every cost."""
    child = replace(gesture_net(3), hidden=16)
    figure = plot_change(gesture_net(3), child, {"file, B": (10, 20)}, changed=((4,), (4,)))
    rows = figure.axes[0].child_axes
    assert ["average\n3 classes" in texts(row) for row in rows] == [True, False]
    assert "average\ndense 16\n3 classes" in texts(rows[1])


def test_histograms_count_every_network_once_and_split_at_the_limit():
    """Bars of what fits add up to its number, those of the rest to theirs."""
    values = np.array([3.0, 4.0, 15.9, 16.0, 16.1, 100.0])
    figure = plot_cost_histograms({"arena": values, "file": values}, {"arena": 16.0, "file": 200.0})
    fits, others = figure.axes[0].containers
    assert [sum(bar.get_height() for bar in bars) for bars in (fits, others)] == [4, 2]
    assert [axes.get_title() for axes in figure.axes] == ["67% fit", "100% fit"]


def test_latency_panels_hold_every_network():
    """One panel a kind of kernels, MACs in millions."""
    figure = plot_macs_latency(np.array([10**6, 10**7]), {"a": np.array([1.0, 2.0])} | {
        "b": np.array([3.0, 4.0])})  # fmt: skip
    points = [axes.lines[0].get_xydata().tolist() for axes in figure.axes]
    assert points == [[[1, 1], [10, 2]], [[1, 3], [10, 4]]]
