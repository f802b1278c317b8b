"""Figures of the search notebook draw what they are given."""

from __future__ import annotations

import numpy as np

from tinyml_course.plots.pareto import (
    plot_candidates,
    plot_hypervolume,
    plot_magnitudes,
    plot_scalarisation,
)

COSTS = np.array([[1.0, 4.0], [2.0, 2.0], [3.0, 3.0], [4.0, 1.0]])
FRONT = np.array([True, True, False, True])


def test_staircase_passes_through_the_front_in_order():
    """The line joins the front's points sorted by the first cost, and no dominated one."""
    axes = plot_candidates(COSTS[::-1], FRONT[::-1], xlabel="KB", ylabel="%")
    drawn = [line.get_xdata().tolist() for line in axes.get_lines()]
    assert [[3.0], [1.0, 2.0, 4.0], [1.0, 2.0, 4.0]] == drawn


def test_hypervolume_rectangles_add_up_to_the_area():
    """The drawn rectangles cover the dominated area once."""
    axes = plot_hypervolume(COSTS[FRONT], np.array([5.0, 5.0]), xlabel="KB", ylabel="%")
    areas = [patch.get_width() * patch.get_height() for patch in axes.patches]
    assert [4.0, 6.0, 1.0] == areas


def test_magnitudes_are_labelled_with_their_values():
    """Small numbers are written out, large ones as powers of ten."""
    axes = plot_magnitudes({"few": 1200, "many": 6.2e20}, xlabel="networks")
    assert {"1,200", "6.2e+20"} == {text.get_text() for text in axes.texts}


def test_every_candidate_lies_inside_the_axes_of_the_choice():
    """On either scale the axes span the candidates; the line of equal score may leave them."""
    costs = np.array([[4.0, 5.0], [20.0, 2.0], [80.0, 9.0]])
    front = np.array([True, True, False])
    for log_x in (False, True):
        axes = plot_scalarisation(
            costs, front, front, 0, np.array([[1.0, 30.0], [200.0, 0.5]]),
            xlabel="KB", ylabel="%", log_x=log_x,
        )  # fmt: skip
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        assert left < 4 < 80 < right < 200
        assert low < 2 < 9 < high < 30
