"""The figure of a finished search: accuracy against each cost, with the front and the limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.plots.style import MUTED, PALETTE, as_text, draw_budget, new_figure

FRONT, BEST, OTHERS = PALETTE[0], PALETTE[1], "#b8b8b8"
PANELS = (("arena, KB", 1024), ("model file, KB", 1024), ("latency, ms", 1))
"""Name and unit of each cost; KB are 1,024 bytes."""


def plot_search(
    costs: NDArray[np.float64],
    on_front: NDArray[np.bool_],
    *,
    limits: Sequence[float | None],
    best: int,
) -> Figure:
    """Draw every network three times: accuracy over arena, file size and latency.

    Parameters
    ----------
    costs : (N, 4) float
        Error as a share, arena in bytes, file in bytes, latency in ms.
    on_front : (N,) bool
        Which networks no other one dominates in all four.
    limits : (arena, file, latency)
        Hard limits in the same units; None for none.
    best : int
        Row of the most accurate one, which is marked.
    """
    figure, row = new_figure(1, 3, width=9.6, height=3.4, sharey=True)
    accuracy = 100 * (1 - costs[:, 0])
    for column, (axes, (label, unit), limit) in enumerate(zip(row, PANELS, limits, strict=True)):
        x = costs[:, column + 1] / unit
        axes.plot(x[~on_front], accuracy[~on_front], "o", color=OTHERS, markersize=4)
        axes.plot(x[on_front], accuracy[on_front], "o", color=FRONT, markersize=6)
        axes.plot(x[best], accuracy[best], "*", color=BEST, markersize=13, markeredgecolor="white")
        if limit is not None:
            draw_budget(axes, limit / unit, f"limit {limit / unit:,.4g}", horizontal=False)
        axes.set_xlabel(label)
        axes.set_xlim(left=0)
    row[0].set_ylabel("validation accuracy, %")
    others = int((~on_front).sum())
    names = (
        "★ most accurate",
        "● undominated in all four",
        f"● others ({others})" if others else "",
    )
    for axes, name, colour in zip(row, names, (BEST, FRONT, MUTED), strict=True):
        axes.set_title(name, color=as_text(colour), fontsize=9)
    return figure
