"""Figures of the distillation notebook: what is drawn is what was given."""

import numpy as np
import pytest

from tinyml_course.plots.distillation import (
    plot_answers,
    plot_attention,
    plot_pushes,
    plot_sizes,
)


def test_each_class_has_a_bar_of_teacher_and_student():
    """Bars stand side by side around the class, as high as the probabilities."""
    answers = {"teacher": np.array([0.7, 0.3]), "student": np.array([0.4, 0.6])}
    axes = plot_answers(answers, ["a", "b"])
    assert [0.7, 0.3, 0.4, 0.6] == pytest.approx([bar.get_height() for bar in axes.patches])
    centres = [bar.get_x() + bar.get_width() / 2 for bar in axes.patches]
    assert 0 == pytest.approx(centres[0] + centres[2])
    assert centres[0] < centres[2]
    assert ["teacher", "student"] == [t.get_text() for t in axes.get_legend().get_texts()]


def test_pushes_may_point_down():
    """A negative push is a bar below zero."""
    axes = plot_pushes({"teacher": np.array([0.5, -0.5]), "label": np.array([0.1, -0.1])}, "ab")
    assert [0.5, -0.5, 0.1, -0.1] == pytest.approx([bar.get_height() for bar in axes.patches])


def test_sizes_are_lines_over_the_temperatures_with_labels_at_their_ends():
    """Every temperature has a tick and each curve its values."""
    axes = plot_sizes([1, 4], {"bare": np.array([1.0, 0.1])}, ylabel="nats")
    assert ([1, 4], [1.0, 0.1]) == (
        list(axes.lines[0].get_xdata()), list(axes.lines[0].get_ydata())
    )  # fmt: skip
    assert ["1", "4"] == [t.get_text() for t in axes.get_xticklabels()]
    assert ["bare"] == [t.get_text() for t in axes.texts]


def test_every_network_has_a_row_of_maps_below_the_gestures():
    """Maps are drawn row by row as squares, and each row says whose it is."""
    maps = {"teacher": np.arange(8.0).reshape(2, 4), "student": np.ones((2, 4))}
    figure = plot_attention(np.zeros((2, 6, 6, 1), np.float32), maps, side=2)
    assert 6 == len(figure.axes)
    assert [[4, 5], [6, 7]] == figure.axes[3].images[0].get_array().tolist()
    assert ["gesture", "teacher", "student"] == [figure.axes[i].get_ylabel() for i in (0, 2, 4)]
