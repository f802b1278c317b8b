"""Figures of the pruning notebook: what is drawn is what was given."""

import numpy as np
import pytest

from tinyml_course.core.statistics import Interval
from tinyml_course.plots.pruning import plot_degrees, plot_left, plot_scores
from tinyml_course.plots.style import BUDGET

SCORES = {"c0": np.array([1.0, 4.0, 2.0]), "c1": np.array([0.5, 0.0])}
KEPT = {"c0": np.array([False, True, True]), "c1": np.array([True, False])}


def test_channels_are_sorted_in_their_group_and_those_that_go_are_hollow():
    """Filled dots are the scores that stay, hollow ones those that go, the highest first."""
    axes = plot_scores(SCORES, KEPT, ylabel="nats", threshold=1.0)
    filled, hollow = axes.lines[0], axes.lines[1]
    assert ([0, 1], [4.0, 2.0]) == (list(filled.get_xdata()), list(filled.get_ydata()))
    assert ([2], [1.0]) == (list(hollow.get_xdata()), list(hollow.get_ydata()))
    assert "white" == hollow.get_markerfacecolor() != filled.get_markerfacecolor()
    assert ["c0\n2 of 3", "c1\n1 of 2"] == [t.get_text() for t in axes.get_xticklabels()]


def test_the_threshold_is_a_red_line_and_zero_scores_stand_on_the_floor():
    """A score of 0 has no place on a logarithmic axis: it is drawn four decades below the top."""
    axes = plot_scores(SCORES, KEPT, ylabel="nats", threshold=1.0)
    line = next(line for line in axes.lines if line.get_color() == BUDGET)
    assert 1.0 == line.get_ydata()[0]
    lowest = min(float(np.min(line.get_ydata())) for line in axes.lines if line.get_marker() == "o"
                 and len(line.get_ydata()))  # fmt: skip
    assert 4e-4 == pytest.approx(lowest)
    assert not any(
        line.get_color() == BUDGET for line in plot_scores(SCORES, KEPT, ylabel="").lines
    )


def test_bars_show_percentages_inside_outlines_of_the_whole():
    """Each cost has an outline of 100 % and a bar of its share, with the note on it."""
    axes = plot_left(["file", "MACs"], [0.5, 0.25], ["10 B", "7"])
    assert [100, 100, 50.0, 25.0] == [bar.get_width() for bar in axes.patches]
    assert ["10 B", "7"] == [text.get_text() for text in axes.texts]
    low, high = axes.get_ylim()
    assert low > high


def test_smaller_files_lie_to_the_right():
    """Accuracies are in percent over kilobytes; the axis runs backwards; labels at the ends."""
    rows = {"cut": [Interval(0.9, 0.1), Interval(0.2, 0.05)]}
    axes = plot_degrees([2048, 1024], rows)
    line = axes.containers[0].lines[0]
    assert ([2.0, 1.0], [90.0, 20.0]) == (list(line.get_xdata()), list(line.get_ydata()))
    left, right = axes.get_xlim()
    assert left > 2 > 1 > right
    assert ["cut"] == [text.get_text() for text in axes.texts]
