"""Figures of the notebook on quantization-aware training."""

import numpy as np

from tinyml_course.plots.qat import (
    plot_ceiling,
    plot_channel_errors,
    plot_channel_reach,
    plot_error_parts,
    plot_start_ranges,
)


def test_channels_have_a_bar_and_half_a_step_each():
    """Bars show the reach, red lines the half steps."""
    axes = plot_channel_reach(np.array([1.0, 0.1]), np.array([0.05, 0.05]))
    assert [bar.get_height() for bar in axes.patches] == [1.0, 0.1]
    assert len(axes.collections[0].get_segments()) == 2
    assert len(plot_channel_errors(np.array([0.1, 1.0, 0.5])).patches) == 3


def test_codes_are_drawn_where_they_can_be_told_apart():
    """Sixteen codes are drawn, 256 are not; the ceiling always is."""
    values = np.linspace(0.0, 9.0, 200)
    coarse, fine = (plot_ceiling(values, ceiling=6.0, step=6.0 / n) for n in (15, 255))
    assert len(coarse.collections[0].get_segments()) == 16
    assert len(fine.collections) == 0
    assert fine.lines[0].get_xdata()[0] == 6.0


def test_every_part_of_the_error_is_a_line_and_every_range_too():
    """One line a part over the widths; one line a layer for each origin of the ranges."""
    axes = plot_error_parts((4, 8), {"a": np.ones(2), "b": np.zeros(2)}, chosen=4)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]
    drawn = plot_start_ranges(
        ["x", "y"], {"one": np.array([[0, 1], [-1, 2]]), "two": np.ones((2, 2))}
    )
    assert [len(lines.get_segments()) for lines in drawn.collections] == [2, 2]
