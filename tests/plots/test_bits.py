import itertools

import numpy as np
import pytest

from tinyml_course.plots import new_figure
from tinyml_course.plots.bits import WidthCurve, plot_accuracy_by_bits, plot_bit_state


def curve(name, last, **options):
    mean = np.array([97.0, 90.0, last])
    return WidthCurve(
        name=name, bits=np.array([8, 4, 2]), mean=mean, half_width=np.full(3, 5.0), **options
    )


@pytest.mark.parametrize("ends", [(10.0, 10.0, 10.0), (12.0, 10.0, 95.0), (99.0, 99.0, 98.0)])
def test_names_do_not_overlap(ends):
    """Curves that end in one point keep their names apart, inside the figure."""
    figure, axes = new_figure(1, 2, width=9)
    for ax in axes:
        curves = [curve(f"name {i}", end) for i, end in enumerate(ends)]
        plot_accuracy_by_bits(curves, ax=ax, baseline=98.0)
    figure.draw_without_rendering()
    for ax in axes:
        boxes = sorted((t.get_window_extent() for t in ax.texts[1:]), key=lambda box: box.y0)
        assert all(low.y1 <= high.y0 + 1 for low, high in itertools.pairwise(boxes))
        assert max(box.x1 for box in boxes) <= figure.bbox.x1 + 1


def test_bands_are_the_intervals_within_what_a_share_can_be():
    """A band reaches from mean minus half-width to mean plus half-width, at most to 100 %."""
    ax = plot_accuracy_by_bits([curve("a", 10.0)])
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (5.0, 100.0) == (heights.min(), heights.max())


def test_fewer_bits_lie_to_the_right_and_ptq_is_dashed():
    """Widths are named in falling order; the style tells the two methods apart."""
    ax = plot_accuracy_by_bits([curve("ptq", 10.0, dashed=True), curve("qat", 90.0, colour=1)])
    assert ["8", "4", "2"] == [tick.get_text() for tick in ax.get_xticklabels()]
    assert ["--", "-"] == [line.get_linestyle() for line in ax.lines]


def test_state_shows_every_weight_and_every_sample():
    """Both histograms hold all weights, also the outermost; the matrix is the counts."""
    before, confusion = np.linspace(-2, 2, 50), np.array([[9, 4], [0, 7]])
    figure = plot_bit_state(
        before, np.round(before), confusion, class_names=("a", "b"), caption="x"
    )
    left, right = figure.axes
    assert [50, 50] == [patch.get_data().values.sum() for patch in left.patches]
    assert np.array_equal(confusion, right.images[0].get_array())
    assert ["4"] == [text.get_text() for text in right.texts]
