"""Figures of the diagnosis draw what they are given."""

from __future__ import annotations

import math

import numpy as np

from tinyml_course.plots.diagnosis import MOST_DB, plot_bars, plot_ranges, plot_sqnr


def test_the_profile_shows_measured_limit_and_healthy_ratios():
    """Each series is drawn through its values; infinite ones end at the axis."""
    axes = plot_sqnr(["a", "b"], [30.0, -math.inf], [40.0, math.inf], healthy_db=[35.0, 36.0])
    limit, healthy, measured = (list(line.get_ydata()) for line in axes.get_lines())
    assert [40.0, MOST_DB] == limit
    assert [35.0, 36.0] == healthy
    assert [30.0, -6.0] == measured
    assert ["a", "b"] == [label.get_text() for label in axes.get_xticklabels()]


def test_only_values_beyond_the_codes_are_marked():
    """The layer whose float values leave the range of the codes has a triangle, others none."""
    axes = plot_ranges(["in", "out", "float"], [(0, 2), (0, 1), (-math.inf, math.inf)],
                       [(0, 2), (0, 3), (-1, 1)])  # fmt: skip
    assert [2.0, 1.0] == [bar.get_height() for bar in axes.patches]
    (mark,) = [line for line in axes.get_lines() if line.get_marker() == "v"]
    assert [1.0, 3.0] == [float(np.ravel(mark.get_xdata())[0]), float(mark.get_ydata()[0])]
    assert axes.get_ylim()[0] < -1


def test_a_missing_figure_leaves_a_gap():
    """None draws no bar; values beyond the axis end at its top and keep their number."""
    axes = plot_bars(["a", "b", "c"], [10.0, None, 99.0], ylabel="dB", top=60.0)
    assert [10.0, 60.0] == [bar.get_height() for bar in axes.patches]
    assert {"10", "99"} == {text.get_text() for text in axes.texts}
