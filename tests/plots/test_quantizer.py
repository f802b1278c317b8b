"""Figures of number formats and error growth: what is drawn is what was given."""

import numpy as np
import pytest

from tinyml_course.plots.quantizer import (
    plot_accuracy_by_bits,
    plot_bit_fields,
    plot_error_histogram,
    plot_growth,
    plot_relative_steps,
    plot_shares,
    plot_staircase,
)


def texts(axes):
    """Every text in the figure."""
    return [text.get_text() for text in axes.texts]


def test_bit_fields_show_every_bit_in_order():
    """The drawn digits, read from left to right, are the stored bits."""
    axes = plot_bit_fields([("x", "10110", (("sign", 1), ("fraction", 4)))])
    digits = [text for text in axes.texts if text.get_text() in "01"]
    assert "10110" == "".join(t.get_text() for t in sorted(digits, key=lambda t: t.get_position()))
    assert {"s", "fraction", "x"} <= set(texts(axes))


def test_relative_steps_label_each_format():
    """Each format is named beside its own line."""
    sizes = np.array([0.1, 1.0, 10.0])
    axes = plot_relative_steps(sizes, {"FP16": sizes, "INT8": np.array([np.nan, 0.5, 0.1])})
    assert ["FP16", "INT8"] == texts(axes)
    assert "size of the number" == axes.get_xlabel()


def test_staircase_shades_the_range():
    """The shaded band spans the values that have a code."""
    x = np.linspace(-2.0, 2.0, 9)
    axes = plot_staircase(x, np.round(x), np.array([0.5]), limits=(-1.0, 1.5))
    (band,) = axes.patches
    assert (-1.0, 1.5) == (band.get_x(), band.get_x() + band.get_width())


def test_histogram_counts_every_error():
    """No error falls outside the histogram, and the dashed lines stand at half a step."""
    errors = np.array([-0.9, -0.1, 0.0, 0.2, 0.25])
    axes = plot_error_histogram(errors, 0.5)
    assert 5 == sum(bar.get_height() for bar in axes.patches)
    assert [-0.25, 0.25] == [line.get_xdata()[0] for line in axes.lines]


@pytest.mark.parametrize("scale", [1.0, 1e-9])
def test_growth_labels_do_not_collide(scale):
    """Three curves that end at one point still have three separate labels."""
    axes = plot_growth(*(scale * np.array([1.0, 2.0]),) * 3)
    heights = np.log10(sorted(text.xy[1] for text in axes.texts))
    assert 3 == len(heights)
    assert np.diff(heights).min() > 0.05


def test_shares_draw_their_totals():
    """Each total is a line at its height with its label."""
    axes = plot_shares(np.array([1.0, 2.0]), {"sum": 3.0, "measured": 2.2})
    assert [1.0, 2.0] == [bar.get_height() for bar in axes.patches]
    assert [3.0, 2.2] == [line.get_ydata()[0] for line in axes.lines]
    assert ["sum", "measured"] == texts(axes)


def test_shares_labels_do_not_collide():
    """Two totals of the same height keep two readable labels."""
    axes = plot_shares(np.array([1.0]), {"sum": 8.0, "measured": 3.0, "root": 3.0})
    heights = sorted(text.xy[1] for text in axes.texts)
    assert np.diff(heights).min() > 0.05 * 8.0


def test_accuracy_shows_each_seed():
    """Each seed is a row of dots; the line is their mean."""
    values = np.array([[0.2, 0.8], [0.4, 1.0]])
    axes = plot_accuracy_by_bits([2, 8], {"right": values}, baseline=0.9)
    np.testing.assert_allclose([0.3, 0.9], axes.lines[0].get_ydata())
    assert values.tolist() == [line.get_ydata().tolist() for line in axes.lines[1:3]]
