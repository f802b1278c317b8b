"""The figure of a finished search."""

from __future__ import annotations

import numpy as np

from tinyml_course.plots.search import plot_search

COSTS = np.array([[0.05, 9000, 8000, 40.0], [0.2, 4000, 3000, 20.0], [0.3, 9500, 9000, 60.0]])
ON_FRONT = np.array([True, True, False])


def drawn(axes) -> list[tuple[float, float]]:
    """Return every data point of a panel."""
    lines = [line for line in axes.lines if line.get_marker() in ("o", "*")]
    return [tuple(map(float, point)) for line in lines for point in line.get_xydata()]


def test_each_panel_shows_every_network_against_one_cost():
    """Accuracies in percent over KB, KB and ms; the best one is marked once more."""
    figure = plot_search(COSTS, ON_FRONT, limits=(16384, 12288, None), best=0)
    for column, (axes, unit) in enumerate(zip(figure.axes, (1024, 1024, 1), strict=True), start=1):
        expected = [(row[column] / unit, 100 * (1 - row[0])) for row in COSTS]
        assert sorted([*expected, expected[0]]) == sorted(drawn(axes))


def test_limits_are_lines_and_missing_ones_are_not():
    """Arena and flash have a line at the limit in KB, the latency without limit none."""
    figure = plot_search(COSTS, ON_FRONT, limits=(16384, 12288, None), best=0)
    lines = [[x.get_xdata()[0] for x in axes.lines if x.get_linestyle() == "--"]
             for axes in figure.axes]  # fmt: skip
    assert [[16.0], [12.0], []] == lines


def test_the_others_are_counted_and_left_out_where_there_are_none():
    """The legend has the number of dominated networks."""
    titles = [
        plot_search(COSTS, mask, limits=(None,) * 3, best=0).axes[2].get_title()
        for mask in (ON_FRONT, np.ones(3, bool))
    ]
    assert ["● others (1)", ""] == titles
