"""Figures of the second half of the search chapter: what is drawn is what was given."""

import numpy as np
import pytest

from tinyml_course.core.statistics import Interval
from tinyml_course.plots.style import BUDGET
from tinyml_course.plots.supernet import (
    Limit,
    plot_by_width,
    plot_estimates,
    plot_expected,
    plot_intervals,
    plot_rank_lines,
    plot_rival,
    plot_shares,
    plot_slices,
)


def texts(axes):
    """Every text inside the axes."""
    return [text.get_text() for text in axes.texts]


def test_each_slice_is_a_corner_of_the_shared_matrix():
    """All rectangles begin at the first input and output, as large as the networks' parts."""
    axes = plot_slices((6, 4), [(6, 4), (3, 2)])
    corners = [(p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in axes.patches]
    assert [(0, 0, 4, 6), (0, 0, 4, 6), (0, 0, 2, 3)] == corners
    assert ["6 x 4", "3 x 2"] == texts(axes)


def test_accuracies_are_drawn_in_percent_by_width_with_their_intervals():
    """Each way of training has a mean and a bar at every width, beside the others' marks."""
    row = [Interval(0.5, 0.1), Interval(0.8, 0.05)]
    axes = plot_by_width((2, 4), {"random": row, "sandwich": row})
    first, second = (box.lines[0] for box in axes.containers)
    assert [50.0, 80.0] == pytest.approx(first.get_ydata())
    assert all(second.get_xdata() > first.get_xdata())
    assert ["2", "4"] == [label.get_text() for label in axes.get_xticklabels()]


def test_chosen_networks_are_drawn_apart_from_the_others():
    """Two groups of dots: the rest, then the chosen ones, each at its two results."""
    axes = plot_estimates(
        np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]), unit="accuracy (%)",
        top=np.array([False, False, True]),
    )  # fmt: skip
    rest, chosen = axes.lines
    assert ([1.0, 2.0], [4.0, 5.0]) == (list(rest.get_xdata()), list(rest.get_ydata()))
    assert ([3.0], [6.0]) == (list(chosen.get_xdata()), list(chosen.get_ydata()))
    assert "estimated accuracy (%)" == axes.get_xlabel()


def test_rank_lines_join_a_networks_two_places_with_the_best_on_top():
    """One line a network; the axis runs downwards, and the chosen lines come last, on top."""
    axes = plot_rank_lines(np.array([1, 2]), np.array([2, 1]), np.array([True, False]))
    assert [[2, 1], [1, 2]] == [list(line.get_ydata()) for line in axes.lines]
    low, high = axes.get_ylim()
    assert low > high


def test_shares_stack_to_one_and_only_wide_ones_carry_their_number():
    """Bars of a row end at 1, and a share of 5 % has no text in it."""
    axes = plot_shares({"cold": np.array([0.95, 0.05])}, ["a", "b"])
    ends = [bar.get_x() + bar.get_width() for bar in axes.patches]
    assert [0.95, 1.0] == pytest.approx(ends)
    assert ["0.95"] == texts(axes)


def test_expected_costs_are_lines_over_epochs_from_one():
    """Epochs count from 1, the axis of the cost begins at 0, labels stand at the ends."""
    axes = plot_expected({"heavy": np.array([5.0, 2.0])}, ylabel="MACs")
    assert [1, 2] == list(axes.lines[0].get_xdata())
    assert ["heavy"] == texts(axes)
    assert 0 == axes.get_ylim()[0]


def test_each_method_shows_its_seeds_and_its_interval():
    """Every value is a dot, the mean has bars as long as the half-width, the first row on top."""
    axes = plot_intervals({"random": (np.array([0.1, 0.3]), Interval(0.2, 0.05))}, xlabel="share")
    assert [0.1, 0.3] == list(axes.lines[0].get_xdata())
    segment = axes.collections[0].get_segments()[0]
    assert [0.15, 0.25] == pytest.approx(segment[:, 0])


def test_the_front_descends_and_the_design_is_marked_against_the_limit():
    """The line is the least error up to each cost, the star is the design, the limit is red."""
    rivals = np.array([[3.0, 50.0], [1.0, 60.0], [2.0, 70.0]])
    axes = plot_rival(rivals, (2.5, 40.0), Limit(4.0, "4 KB"), xlabel="file (KB)")
    _, front, star, limit = axes.lines
    assert [60.0, 60.0, 50.0] == list(front.get_ydata())
    assert ([2.5], [40.0]) == (list(star.get_xdata()), list(star.get_ydata()))
    assert (BUDGET, 4.0) == (limit.get_color(), limit.get_xdata()[0])


def test_a_design_without_an_estimate_is_a_line_at_its_cost():
    """No star: a dotted line, inside the axes even beyond the limit."""
    axes = plot_rival(np.array([[1.0, 50.0]]), None, Limit(4.0, ""), xlabel="x", marker=9.0)
    assert ":" == axes.lines[2].get_linestyle()
    assert axes.get_xlim()[1] > 9.0
