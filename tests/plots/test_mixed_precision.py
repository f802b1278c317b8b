"""Figures of the mixed-precision notebook: what is drawn is what was given."""

import numpy as np
import pytest

from tinyml_course.plots.mixed_precision import (
    INT4,
    INT8,
    PlanMark,
    plot_agreement,
    plot_plans,
    plot_sensitivity,
    plot_widths,
)
from tinyml_course.plots.style import BUDGET


def texts(axes):
    """Every text inside the axes."""
    return [text.get_text() for text in axes.texts]


def test_sensitivities_stand_beside_the_bytes_they_save():
    """One bar a layer of the given length, the first on top, with its saving as a label."""
    axes = plot_sensitivity(
        ["a", "b"],
        np.array([0.2, -0.1]),
        [5, 1000],
        xlabel="rise (nats)",
        error=np.array([0.1] * 2),
    )
    assert [0.2, -0.1] == pytest.approx([bar.get_width() for bar in axes.patches])
    assert ["saves 5 B", "saves 1,000 B"] == texts(axes)
    assert ["a", "b"] == [label.get_text() for label in axes.get_yticklabels()]
    low, high = axes.get_ylim()
    assert low > high
    assert "rise (nats)" == axes.get_xlabel()


def test_stored_bytes_fill_the_outline_of_int8():
    """Outlines first, then bars in the colour of their width, labelled with bits and bytes."""
    axes = plot_widths(["a", "b"], [10, 20], [10, 10], [8, 4])
    assert [10, 20, 10, 10] == [bar.get_width() for bar in axes.patches]
    colours = [bar.get_facecolor() for bar in axes.patches[2:]]
    expected = [tuple(int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)) for c in (INT8, INT4)]
    assert [pytest.approx(c) for c in expected] == [colour[:3] for colour in colours]
    assert ["8 bits, 10 B", "4 bits, 10 B"] == texts(axes)


def test_the_marked_plan_shows_prediction_and_measurement_at_its_bytes():
    """Cloud, then the two marks at one x; the budget is a red line at its bytes."""
    axes = plot_plans(
        np.array([1, 2]), np.array([50.0, 90.0]), ylabel="rise (nats)",
        mark=PlanMark(2, 90.0, 85.0), budget_bytes=3,
    )  # fmt: skip
    assert "rise (nats)" == axes.get_ylabel()
    cloud, _, predicted, measured, budget = axes.lines
    assert [50.0, 90.0] == list(cloud.get_ydata())
    assert ([2], [85.0]) == (list(predicted.get_xdata()), list(predicted.get_ydata()))
    assert ([2], [90.0]) == (list(measured.get_xdata()), list(measured.get_ydata()))
    assert ([3, 3], BUDGET) == (list(budget.get_xdata()), budget.get_color())
    assert "3 B" in texts(axes)


def test_agreement_is_drawn_against_the_diagonal():
    """One dot a plan; the diagonal spans both; the unit stands on both axes."""
    axes = plot_agreement(np.array([1.0, 2.0]), np.array([0.5, 3.0]), unit="loss (nats)")
    assert [0.5, 3.0] == list(axes.lines[0].get_xdata()) == list(axes.lines[0].get_ydata())
    assert [1.0, 2.0] == list(axes.lines[1].get_xdata())
    assert ("predicted loss (nats)", "measured loss (nats)") == (
        axes.get_xlabel(),
        axes.get_ylabel(),
    )
