"""The figure of the Pareto explorer: one network among all, its blocks, its arena over time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.types import MemoryPlan
from tinyml_course.plots.memory_map import plot_memory_map
from tinyml_course.plots.nas import plot_network
from tinyml_course.plots.style import FAINT, PALETTE, axes_or_new, new_figure

FRONT, CHOSEN = PALETTE[0], PALETTE[1]


def plot_front_choice(
    costs: NDArray[np.float64],
    on_front: NDArray[np.bool_],
    chosen: int,
    *,
    xlabel: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw error against a cost, with the networks of the front and the chosen one.

    Parameters
    ----------
    costs : (N, 2) float
        The cost, and the error in percent.
    on_front : (N,) bool
        Which networks are undominated, in whatever objectives.
    chosen : int
        Row to mark.
    xlabel : str
        Name of the cost with its unit.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, height=4.0)
    axes.plot(*costs[~on_front].T, "o", color=FAINT, markersize=2.0)
    axes.plot(*costs[on_front].T, "o", color=FRONT, markersize=4.5)
    axes.plot(*costs[chosen], "*", color=CHOSEN, markersize=15, markeredgecolor="white")
    axes.set_xlabel(xlabel)
    axes.set_ylabel("error, % (supernet's estimate)")
    axes.set_title(f"★ chosen   ● undominated ({int(on_front.sum())})", fontsize=9)
    return axes


def plot_explorer(
    spec: ArchSpec, plan: MemoryPlan, *, title: str, limit_bytes: int | None = None
) -> tuple[Figure, Axes]:
    """Draw a network and its arena over time; the axes that come back are free for the front.

    Parameters
    ----------
    spec : ArchSpec
        The chosen network.
    plan : MemoryPlan
        Of its arena.
    title : str
        What stands above the network.
    limit_bytes : int, optional
        Of the arena.
    """
    figure, grid = new_figure(2, 2, width=10.4, height=5.6, height_ratios=(1, 2.7))
    for axes in grid[0]:
        axes.remove()
    top = figure.add_subplot(grid[1, 0].get_gridspec()[0, :])
    plot_network(spec, places=4, ax=top)
    top.set_title(title, fontsize=10, loc="left")
    plot_memory_map(plan, ax=grid[1, 1], limit_bytes=limit_bytes)
    left: Axes = grid[1, 0]
    return figure, left
