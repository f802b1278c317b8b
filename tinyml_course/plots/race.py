"""The figure of a race: how good the best network is after so many trainings, over many seeds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tinyml_course.core.statistics import mean_interval
from tinyml_course.plots.style import MUTED, PALETTE, as_text, axes_or_new


def plot_race(
    curves: Mapping[str, NDArray[np.float64]],
    *,
    ylabel: str,
    best: float | None = None,
    best_name: str = "best of the space",
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean of each strategy's curves with its 95 % interval, named at its end.

    Parameters
    ----------
    curves : mapping of str to (S, N) float
        Name -> what S seeds have reached after 1 to N trials.
    ylabel : str
        Name of the values.
    best : float, optional
        The most that can be reached; a dashed line.
    best_name : str
        What stands on it.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=7.2, height=4.0)
    ends = {}
    for (name, values), colour in zip(curves.items(), PALETTE, strict=False):
        trials = np.arange(1, values.shape[1] + 1)
        found = [mean_interval(column) for column in np.asarray(values).T]
        mean = np.array([interval.mean for interval in found])
        half = np.array([interval.half_width for interval in found])
        axes.fill_between(trials, mean - half, mean + half, color=colour, alpha=0.18, linewidth=0)
        axes.plot(trials, mean, color=colour, linewidth=1.6)
        ends[name] = (mean[-1], colour)
    if best is not None:
        axes.axhline(best, color=MUTED, linestyle="--", linewidth=1.0)
        axes.annotate(
            best_name, (0.01, best), xycoords=("axes fraction", "data"),
            xytext=(0, 3), textcoords="offset points", color=MUTED, fontsize=9,
        )  # fmt: skip
    axes.set_ylim(bottom=_find_bottom(curves))
    axes.set_xlabel("trainings")
    axes.set_ylabel(ylabel)
    _name_ends(axes, ends)
    return axes


def _find_bottom(curves: Mapping[str, NDArray[np.float64]]) -> float:
    """Return where the axis begins: the first draws are steep, and hide what comes later."""
    return min(float(values[:, values.shape[1] // 15].mean()) for values in curves.values())


def _name_ends(axes: Axes, ends: Mapping[str, tuple[float, str]]) -> None:
    """Write each name beside its curve's end, far enough from the others to be read."""
    low, high = axes.get_ylim()
    step, below = 0.055 * (high - low), -np.inf
    for name, (value, colour) in sorted(ends.items(), key=lambda item: item[1][0]):
        below = max(value, below + step)
        axes.annotate(
            name, (1.01, below), xycoords=("axes fraction", "data"), color=as_text(colour),
            fontsize=9, va="center", annotation_clip=False,
        )  # fmt: skip
