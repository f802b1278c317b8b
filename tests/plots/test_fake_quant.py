"""Figures of surrogate gradients and schedules: what is drawn is what was given."""

import numpy as np

from tinyml_course.plots.fake_quant import (
    plot_descent,
    plot_grid_histogram,
    plot_latent,
    plot_seed_gaps,
    plot_slopes,
    plot_surrogate,
    plot_widths,
)

X = np.linspace(-2.0, 2.0, 9)


def labels(axes):
    """Entries of the legend."""
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_surrogate_appears_only_where_there_is_one():
    """The backward line is drawn over the forward one, and left out for the true slope."""
    assert ["forward", "backward"] == labels(plot_surrogate(X, np.round(X), X, reach=(-1, 1)))
    assert ["forward"] == labels(plot_surrogate(X, np.round(X), None, reach=(-1, 1)))


def test_slopes_fit_on_their_axes():
    """No slope is cut off, however large."""
    axes = plot_slopes(X, {"by the weight": np.ones(9), "by the step": 7 * X})
    low, high = axes.get_ylim()
    assert low < -14 < 14 < high
    assert ["by the weight", "by the step"] == labels(axes)


def test_descent_shows_curves_and_levels():
    """Every loss and level lies within the axes; levels are horizontal."""
    axes = plot_descent({"a": np.array([0.5, 0.01])}, {"rounded": 0.5, "best": 0.002})
    low, high = axes.get_ylim()
    assert low < 0.002 < 0.5 < high
    assert [[0.5, 0.5], [0.002, 0.002]] == [list(line.get_ydata()) for line in axes.lines[1:]]


def test_latent_weight_keeps_both_lines():
    """The used value and the moved float are both drawn, with their own data."""
    axes = plot_latent(np.array([0.1, 0.4, 0.6]), np.array([0.0, 0.0, 1.0]), 1.0)
    used, moved = axes.lines[-2:]
    assert [0.0, 0.0, 1.0] == used.get_ydata().tolist()
    assert [0.1, 0.4, 0.6] == moved.get_ydata().tolist()


def test_widths_mark_the_kernels():
    """Each width with a kernel is a labelled band; each plan has its line."""
    axes = plot_widths({"plan": [32, 8, 4]}, kernels=(32, 8, 4))
    assert ["32", "8", "4"] == [text.get_text() for text in axes.texts]
    assert [32, 8, 4] == list(axes.lines[-1].get_ydata())


def test_few_values_are_drawn_one_by_one():
    """With three values there are three bars whose heights are the counts."""
    axes = plot_grid_histogram(np.array([0.0, 0.0, 1.0, -1.0]))
    (bars,) = axes.collections
    assert [1, 2, 1] == [segment[1][1] for segment in bars.get_segments()]


def test_gaps_show_every_seed():
    """Each comparison is a row with its seeds as dots and its interval as a bar."""
    axes = plot_seed_gaps({"a": [1.0, 3.0], "b": [-1.0, 0.0]}, {"a": (2.0, 9.0), "b": (-0.5, 4.0)})
    assert ["a", "b"] == [tick.get_text() for tick in axes.get_yticklabels()]
    assert [-7.0, 11.0] == list(axes.lines[1].get_xdata())
    assert [1.0, 3.0] == list(axes.lines[3].get_xdata())
