"""The figure of a race."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_course.core.statistics import mean_interval
from tinyml_course.plots.race import plot_race

CURVES = {
    "random": np.array([[0.1, 0.2, 0.5], [0.2, 0.4, 0.52]]),
    "evolution": np.array([[0.1, 0.3, 0.51], [0.2, 0.5, 0.53]]),
}


def test_a_curve_is_the_mean_and_its_band_the_interval():
    """After each trial the line is at the mean over the seeds, the band as wide as Student's t."""
    axes = plot_race(CURVES, ylabel="score")
    for line, band, values in zip(axes.lines, axes.collections, CURVES.values(), strict=True):
        assert line.get_ydata() == pytest.approx(values.mean(axis=0))
        edge = band.get_paths()[0].vertices[:, 1].max()
        assert edge == pytest.approx(
            max(i.mean + i.half_width for i in map(mean_interval, values.T))
        )


def test_names_stand_at_the_ends_in_the_order_of_the_curves():
    """Even where curves end close together, the better one's name is the higher one."""
    axes = plot_race(CURVES, ylabel="score", best=0.6)
    heights = {text.get_text(): text.xy[1] for text in axes.texts}
    assert heights["random"] == pytest.approx(0.51)
    gap = heights["evolution"] - heights["random"]
    assert gap >= 0.05 * np.ptp(axes.get_ylim())
    assert "best of the space" in heights
