"""Figures of the hardware notebook draw what they are given."""

from __future__ import annotations

import numpy as np

from tinyml_course.plots.hardware import (
    BoardLimit,
    plot_batches,
    plot_energy,
    plot_roofline,
    plot_timeline,
)
from tinyml_course.plots.style import new_figure


def test_energy_bars_rise_from_bottom_to_top():
    """The bars are sorted, and each label stays with its value."""
    axes = plot_energy(["dram", "add"], [640.0, 0.1], ["memory", "integer"])
    assert [0.1, 640.0] == [patch.get_width() for patch in axes.patches]
    assert ["add", "dram"] == [label.get_text() for label in axes.get_yticklabels()]


def test_roofs_are_flat_right_of_the_ridge():
    """Each roof rises to its peak at the ridge and stays there."""
    limit = BoardLimit(
        label="chip", peak=200e6, slope=100e6, reached=20e6, intensity=1.0, attainable=100e6
    )
    roof = plot_roofline([limit]).get_lines()[0]
    assert np.allclose([[0.1, 2.0, 1e4], [10.0, 200.0, 200.0]], roof.get_xydata().T)


def test_batches_put_latency_left_and_throughput_right():
    """The two axes show the two series, with every batch named."""
    _, (left, right) = new_figure(1, 2)
    plot_batches([1, 8], [2.0, 4.0], [500.0, 2000.0], axes=(left, right))
    assert [2.0, 4.0] == list(left.get_lines()[0].get_ydata())
    assert ["1", "8"] == [label.get_text() for label in right.get_xticklabels()]


def test_timeline_bars_span_their_intervals():
    """Each bar starts and ends where its interval does."""
    axes = plot_timeline([("sensor", [(0.0, 3.0), (5.0, 9.0)])])
    assert [(0.0, 3.0), (5.0, 4.0)] == [(p.get_x(), p.get_width()) for p in axes.patches]
