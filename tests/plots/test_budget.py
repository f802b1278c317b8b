import numpy as np
import pytest

from tinyml_course.core.types import GestureSet, Stroke
from tinyml_course.plots.budget import (
    BudgetBar,
    plot_budget,
    plot_gestures,
    plot_ram_ladder,
    plot_stroke_and_image,
)


def bar(weights, limit=1024 * 1024):
    return BudgetBar(
        name="flash",
        parts=(("weights", weights), ("code", 250_000)),
        limit_bytes=limit,
        limit_label="app partition",
    )


@pytest.mark.parametrize("weights", [0, 400_000, 134_217_728])
def test_bars_show_parts_and_limit_in_scale(weights):
    """The bar ends at the sum of its parts, and the limit is inside the axes, to scale."""
    ax = plot_budget([bar(weights)]).axes[0]

    ends = [patch.get_x() + patch.get_width() for patch in ax.patches]
    limit = ax.lines[0].get_xdata()[0]
    assert max(ends) == pytest.approx((weights + 250_000) / 1024)
    assert limit == 1024
    assert max(*ends, limit) <= ax.get_xlim()[1]


@pytest.mark.parametrize("weights", [400_000, 134_217_728])
def test_the_limit_is_labelled_inside_the_figure(weights):
    """The label of the limit stays within the picture for small and huge layers."""
    figure = plot_budget([bar(weights)], title="t")
    figure.draw_without_rendering()

    label = next(text for text in figure.axes[0].texts if "partition" in text.get_text())
    box = label.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.x1


def test_gestures_make_one_row_a_class():
    """Three classes and four columns give twelve pictures, each of its row's class."""
    labels = np.repeat([0, 1, 2], 5)
    images = np.ones((15, 32, 32, 1), np.float32) * (labels[:, None, None, None] / 2)
    gestures = GestureSet(
        images=images.astype(np.float32),
        labels=labels.astype(np.int64),
        class_names=("wing", "ring", "slope"),
        persons=("a",) * 15,
    )

    axes = plot_gestures(gestures, per_class=4).axes

    shown = [float(ax.images[0].get_array().mean()) for ax in axes]
    assert [0.0] * 4 + [0.5] * 4 + [1.0] * 4 == shown
    assert ["wing", "ring", "slope"] == [ax.get_ylabel() for ax in axes if ax.get_ylabel()]


def test_a_stroke_is_drawn_beside_its_image():
    """The left axis holds every point of the pen, the right one the pixels."""
    stroke = Stroke(points=np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]]), label="wing")

    left, right = plot_stroke_and_image(stroke, np.zeros((32, 32, 1), np.float32)).axes

    assert [[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]] == left.lines[0].get_xydata().tolist()
    assert (32, 32) == right.images[0].get_array().shape


def test_the_ladder_descends_in_kilobytes():
    """Bars have the length of their bytes in KB, from the top down."""
    ax = plot_ram_ladder([("sheet", 520 * 1024), ("block", 110 * 1024)])

    assert [520, 110] == [patch.get_width() for patch in ax.patches]
    assert ax.yaxis_inverted()
