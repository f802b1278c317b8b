"""Measured artefacts against limits: accuracy over file and arena, and the one that is chosen."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.plots.style import (
    BUDGET,
    FAINT,
    INK,
    PALETTE,
    course_style,
    draw_budget,
    new_figure,
)

TICKS_KB = (2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128)


def plot_artefacts(
    figures: NDArray[np.float64],
    meets: NDArray[np.bool_],
    chosen: int,
    *,
    limits: tuple[float, float, float],
    label: str,
) -> Figure:
    """Draw accuracy over file and over arena; what meets all limits in blue, a star on the chosen.

    Parameters
    ----------
    figures : (N, 3) float
        File in KB, arena in KB, accuracy in percent.
    meets : (N,) bool
        Which artefacts meet all limits.
    chosen : int
        Row of the chosen one.
    limits : (float, float, float)
        Most KB of file and of arena, least accuracy in percent; dashed lines.
    label : str
        Name of the chosen one, above the figure.
    """
    figure, panels = new_figure(1, 2, width=7.6, height=3.8, sharey=True)
    with course_style():
        for column, (axes, name) in enumerate(zip(panels, ("file", "arena"), strict=True)):
            _draw_panel(axes, figures[:, [column, 2]], meets, chosen)
            axes.set_xlabel(f"{name}, KB")
            low, high = figures[:, column].min(), figures[:, column].max()
            axes.set_xlim(min(low, limits[column]) / 1.3, max(high, limits[column]) * 1.3)
            draw_budget(axes, limits[column], f"{limits[column]:g} KB", horizontal=False)
            axes.axhline(limits[2], color=BUDGET, linestyle="--", linewidth=1.2)
        panels[0].set_ylabel("accuracy, %")
        shown = [*figures[:, 2], limits[2]]
        panels[0].set_ylim(min(shown) - 1, max(shown) + 1)
        figure.suptitle(label, fontsize=10, color=INK)
    return figure


def _draw_panel(
    axes: Axes, points: NDArray[np.float64], meets: NDArray[np.bool_], chosen: int
) -> None:
    """Draw one panel's points on a logarithmic axis."""
    axes.set_xscale("log")
    axes.plot(*points[~meets].T, "o", color=FAINT, markersize=5)
    axes.plot(*points[meets].T, "o", color=PALETTE[0], markersize=6)
    axes.plot(*points[chosen], "*", color=PALETTE[1], markersize=14, markeredgecolor="white")
    axes.set_xticks(TICKS_KB, [str(tick) for tick in TICKS_KB])
    axes.minorticks_off()
