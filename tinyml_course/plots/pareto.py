"""Figures of the search notebook: candidates, fronts, hypervolume, scores, sizes of spaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from tinyml_course.plots.style import FAINT, INK, MUTED, PALETTE, as_text, axes_or_new

FRONT, DENT, CHOSEN = PALETTE[0], PALETTE[3], PALETTE[1]


def plot_candidates(
    costs: NDArray[np.float64],
    on_front: NDArray[np.bool_],
    *,
    xlabel: str,
    ylabel: str,
    log_x: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw candidates as dots, the front's ones joined by their staircase.

    Parameters
    ----------
    costs : (N, 2) float
        x and y of each candidate; smaller is better on both axes.
    on_front : (N,) bool
        Which candidates are on the front.
    xlabel, ylabel : str
        Names of the two costs with their units.
    log_x : bool, default True
        Whether the first axis is logarithmic.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, height=4.0)
    front = costs[on_front][np.argsort(costs[on_front, 0])]
    if log_x:
        axes.set_xscale("log")
    axes.plot(*costs[~on_front].T, "o", color=FAINT, markersize=5)
    axes.step(*front.T, where="post", color=FRONT, linewidth=1.2)
    axes.plot(*front.T, "o", color=FRONT, markersize=7)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.annotate(
        "Pareto front", (0.98, 0.95), xycoords="axes fraction", ha="right", color=as_text(FRONT)
    )
    axes.annotate("dominated", (0.98, 0.88), xycoords="axes fraction", ha="right", color=MUTED)
    return axes


def plot_hypervolume(
    front: NDArray[np.float64],
    reference: NDArray[np.float64],
    *,
    xlabel: str,
    ylabel: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw the dominated area as one rectangle per step of the staircase, with its share.

    Parameters
    ----------
    front : (N, 2) float
        The front, sorted by its first cost.
    reference : (2,) float
        The worst corner.
    xlabel, ylabel : str
        Names of the two costs with their units.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, height=4.0)
    ceilings = [reference[1], *front[:-1, 1]]
    for number, ((x, y), ceiling) in enumerate(zip(front, ceilings, strict=True)):
        width, height = reference[0] - x, ceiling - y
        colour = PALETTE[5] if number % 2 else PALETTE[0]
        axes.add_patch(Rectangle((x, y), width, height, facecolor=colour, alpha=0.35))
        axes.annotate(
            f"{width * height:.3g}", (x + width / 2, y + height / 2), ha="center", va="center"
        )
    axes.plot(*front.T, "o", color=FRONT, markersize=7)
    axes.plot(*reference, "s", color=INK)
    axes.annotate(
        "reference", reference, xytext=(-6, -6), textcoords="offset points", ha="right", va="top"
    )
    axes.set_xlim(0, reference[0] * 1.05)
    axes.set_ylim(0, reference[1] * 1.05)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    return axes


def plot_scalarisation(
    costs: NDArray[np.float64],
    on_front: NDArray[np.bool_],
    reachable: NDArray[np.bool_],
    chosen: int,
    contour: NDArray[np.float64],
    *,
    xlabel: str,
    ylabel: str,
    log_x: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw the candidate that one choice of weights prefers, and which ones none prefers.

    Parameters
    ----------
    costs : (N, 2) float
        x and y of each candidate.
    on_front, reachable : (N,) bool
        The front, and the candidates that some weights prefer.
    chosen : int
        Index of the one that these weights prefer.
    contour : (P, 2) float
        Points of equal score through the chosen one.
    xlabel, ylabel : str
        Names of the two costs with their units.
    log_x : bool, default True
        Whether the first axis is logarithmic.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = plot_candidates(
        costs, on_front, xlabel=xlabel, ylabel=ylabel, log_x=log_x, ax=axes_or_new(ax, height=4.2)
    )
    dent = on_front & ~reachable
    axes.plot(*costs[dent].T, "o", markersize=9, markerfacecolor="white", markeredgecolor=DENT)
    axes.autoscale_view()  # now: matplotlib would wait, and then no longer be allowed to
    axes.set_autoscale_on(False)
    axes.plot(*contour.T, "--", color=CHOSEN, linewidth=1.2)
    axes.plot(*costs[chosen], "*", color=CHOSEN, markersize=18, markeredgecolor="white")
    for row, (text, colour) in enumerate(
        [("on the front, but no weights choose it", DENT), ("chosen; dashed: equal score", CHOSEN)]
    ):
        axes.annotate(
            text,
            (0.98, 0.81 - 0.07 * row),
            xycoords="axes fraction",
            ha="right",
            color=as_text(colour),
        )
    return axes


def plot_magnitudes(
    numbers: Mapping[str, float], *, xlabel: str, highlight: str = "", ax: Axes | None = None
) -> Axes:
    """Draw large numbers as bars on a logarithmic axis, each labelled with its power of ten.

    Parameters
    ----------
    numbers : mapping of str to float
        At least 1 each, top bar first.
    xlabel : str
        What is counted.
    highlight : str
        The bar to colour.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, height=0.9 + 0.42 * len(numbers))
    names, values = list(numbers), np.array(list(numbers.values()), dtype=float)
    exponents = np.log10(values)
    axes.barh(
        names, exponents, color=[CHOSEN if n == highlight else FRONT for n in names], height=0.65
    )
    for row, (value, exponent) in enumerate(zip(values, exponents, strict=True)):
        text = f"{value:,.0f}" if value < 1e6 else f"{value:.1e}"
        axes.annotate(text, (exponent, row), xytext=(4, 0), textcoords="offset points", va="center")
    axes.invert_yaxis()
    ticks = _decades(exponents)
    axes.set_xticks(ticks, [f"$10^{{{tick}}}$" for tick in ticks])
    axes.set_xlim(0, max(1.0, 1.18 * exponents.max()))
    axes.set_xlabel(xlabel)
    return axes


def _decades(exponents: NDArray[np.float64]) -> Sequence[int]:
    top = int(np.ceil(max(exponents.max(), 1)))
    return range(0, top + 1, 1 if top <= 6 else 3)
