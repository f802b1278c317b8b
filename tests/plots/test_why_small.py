import itertools

import numpy as np
import pytest

from tinyml_course.plots.why_small import (
    Curve,
    plot_capacity,
    plot_curves,
    plot_softened,
    plot_survivors,
)


def curve(name, last):
    x = np.array([50.0, 25.0, 12.5])
    mean = np.array([90.0, 80.0, last])
    return Curve(name=name, x=x, mean=mean, half_width=np.full(3, 2.0))


@pytest.mark.parametrize("falling", [True, False])
@pytest.mark.parametrize("ends", [(70.0, 70.0, 70.0), (70.0, 69.9, 10.0), (10.0, 50.0, 90.0)])
def test_names_at_the_ends_do_not_overlap(ends, falling):
    """Curves that end in one point keep their names apart, inside the picture."""
    curves = [curve(f"curve {i}", last) for i, last in enumerate(ends)]
    ax = plot_curves(curves, xlabel="weights kept, %", ylabel="accuracy, %", falling=falling)
    figure = ax.get_figure(root=True)
    figure.draw_without_rendering()

    boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
    assert 3 == len(boxes)
    assert all(below.y1 <= above.y0 + 1 for below, above in itertools.pairwise(boxes))
    assert max(box.x1 for box in boxes) <= figure.bbox.x1 + 1
    assert falling == ax.xaxis_inverted()


def test_bands_are_the_intervals():
    """Each band reaches from mean minus half-width to mean plus half-width."""
    ax = plot_curves([curve("a", 70.0)], xlabel="x", ylabel="y")

    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (68.0, 92.0) == (heights.min(), heights.max())


def test_survivors_are_drawn_as_counted():
    """The map shows the counts themselves, row 0 on top."""
    counts = np.arange(16).reshape(4, 4)

    ax = plot_survivors(counts, caption="round 1", hidden=64)

    assert np.array_equal(counts, ax.images[0].get_array())


def test_softened_bars_have_the_probabilities_heights():
    """One bar a class, as high as its probability; tiny ones are written in powers of ten."""
    p = np.array([0.9, 0.1 - 1e-6, 1e-6])

    right = plot_softened(np.zeros((32, 32, 1)), p, ("a", "b", "c"), caption="T = 1").axes[1]

    assert p.tolist() == [patch.get_height() for patch in right.patches]
    assert "1e-6" == right.texts[2].get_text()


def test_capacity_curves_share_the_axis_of_load():
    """Each network is a line over the labels per parameter."""
    load = np.array([0.5, 1.0, 2.0])
    bits = np.array([0.5, 1.0, 0.8])

    ax = plot_capacity(load, [("26 parameters", bits)])

    assert bits.tolist() == ax.lines[1].get_ydata().tolist()
    assert "26 parameters" == ax.get_legend().get_texts()[0].get_text()
