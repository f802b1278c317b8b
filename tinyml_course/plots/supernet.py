"""Figures of shared weights, of choices by gradient, and of searches compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from tinyml_course.core.statistics import Interval
from tinyml_course.plots.style import FAINT, INK, MUTED, PALETTE, as_text, axes_or_new, draw_budget

SHARED, CHOSEN, GOOD = PALETTE[0], PALETTE[1], PALETTE[2]


class Limit(NamedTuple):
    """A vertical budget line: where, and what it is called."""

    value: float
    label: str


def plot_slices(
    full: tuple[int, int], slices: Sequence[tuple[int, int]], *, ax: Axes | None = None
) -> Axes:
    """Draw one weight matrix with the corners of it that smaller networks use.

    Parameters
    ----------
    full : (int, int)
        Inputs and outputs of the shared matrix.
    slices : sequence of (int, int)
        Inputs and outputs of each network's part, the largest first.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=5.0, height=2.8)
    axes.add_patch(Rectangle((0, 0), full[1], full[0], facecolor="none", edgecolor=INK))
    for number, (inputs, outputs) in enumerate(slices):
        colour = PALETTE[number % 5]
        axes.add_patch(
            Rectangle((0, 0), outputs, inputs, facecolor=colour, alpha=0.3, edgecolor=colour)
        )
        axes.annotate(
            f"{inputs} x {outputs}", (outputs, inputs), xytext=(-3, 3),
            textcoords="offset points", ha="right", va="bottom", fontsize=8, color=INK,
        )  # fmt: skip
    axes.set_xlim(-0.5, full[1] + 0.5)
    axes.set_ylim(full[0] + 0.5, -0.5)
    axes.set_xlabel("outputs")
    axes.set_ylabel("inputs")
    return axes


def plot_by_width(
    widths: Sequence[int],
    accuracies: Mapping[str, Sequence[Interval]],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the accuracy at each width, one line for each way of training.

    Parameters
    ----------
    widths : sequence of int
        Channels, drawn on a logarithmic axis.
    accuracies : mapping of str to sequence of Interval
        Way of training, and mean accuracy at each width with its interval, in [0, 1].
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, height=3.8)
    axes.set_xscale("log", base=2)
    for number, (label, row) in enumerate(accuracies.items()):
        means = np.array([100 * interval.mean for interval in row])
        errors = [100 * interval.half_width for interval in row]
        colour, shifted = PALETTE[number], np.array(widths) * 1.03**number
        axes.errorbar(shifted, means, yerr=errors, fmt="-o", color=colour, capsize=2, label=label)
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.minorticks_off()
    axes.set_xlabel("width of the network that is cut out")
    axes.set_ylabel("test accuracy (%)")
    axes.legend(frameon=False, loc="lower right")
    return axes


def plot_estimates(
    estimate: NDArray[np.float64],
    own: NDArray[np.float64],
    *,
    unit: str,
    top: NDArray[np.bool_] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw each network's own result against its estimate, the chosen ones in colour.

    Parameters
    ----------
    estimate, own : (N,) float
        By shared weights, and after its own training.
    unit : str
        What both are, with the unit.
    top : (N,) bool, optional
        Which networks the estimate would choose.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=4.6, height=3.8)
    chosen = np.zeros(len(estimate), bool) if top is None else top
    axes.plot(estimate[~chosen], own[~chosen], "o", color=SHARED, markersize=5)
    axes.plot(estimate[chosen], own[chosen], "o", color=CHOSEN, markersize=7)
    axes.set_xlabel(f"estimated {unit}")
    axes.set_ylabel(f"{unit}, trained alone")
    return axes


def plot_rank_lines(
    estimate: NDArray[np.float64],
    own: NDArray[np.float64],
    top: NDArray[np.bool_],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw a line from each network's place by estimate to its place after its own training.

    Two lines that cross are a pair in the wrong order.

    Parameters
    ----------
    estimate, own : (N,) int
        Places, 1 for the best.
    top : (N,) bool
        Networks whose lines are drawn in colour.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=3.4, height=3.8)
    for left, right, chosen in sorted(zip(estimate, own, top, strict=True), key=lambda r: r[2]):
        axes.plot(
            [0, 1], [left, right], "-o", color=CHOSEN if chosen else FAINT,
            linewidth=1.8 if chosen else 0.8, markersize=4,
        )  # fmt: skip
    axes.set_xlim(-0.15, 1.15)
    axes.set_ylim(max(estimate.max(), own.max()) + 0.7, 0.3)
    axes.set_xticks([0, 1], ["by estimate", "trained alone"])
    axes.set_ylabel("place (1: the best)")
    return axes


def plot_shares(
    shares: Mapping[str, NDArray[np.float64]], names: Sequence[str], *, ax: Axes | None = None
) -> Axes:
    """Draw how much of each option a mixture holds, one stacked bar for each setting.

    Parameters
    ----------
    shares : mapping of str to (O,) float
        Label of the bar, and the options' shares, which sum to 1; the first bar on top.
    names : sequence of str
        Options.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, height=0.9 + 0.36 * len(shares))
    labels, table = list(shares), np.array(list(shares.values()))
    left = np.zeros(len(table))
    for option, name in enumerate(names):
        width = table[:, option]
        axes.barh(labels, width, left=left, height=0.7, color=PALETTE[option % 6], label=name)
        for row in np.flatnonzero(width > 0.1):
            axes.text(
                left[row] + width[row] / 2, row, f"{width[row]:.2f}", color="white",
                ha="center", va="center", fontsize=8,
            )  # fmt: skip
        left = left + width
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("share in the mixture")
    axes.legend(ncols=len(names), loc="lower center", bbox_to_anchor=(0.5, 1), frameon=False)
    return axes


def plot_expected(
    curves: Mapping[str, NDArray[np.float64]], *, ylabel: str, ax: Axes | None = None
) -> Axes:
    """Draw how an expected cost falls over the epochs, one line for each setting.

    Parameters
    ----------
    curves : mapping of str to (E,) float
        Label, and the cost after each epoch.
    ylabel : str
        The cost, with its unit.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax)
    for number, (label, values) in enumerate(curves.items()):
        colour = PALETTE[number % 5]
        axes.plot(np.arange(1, len(values) + 1), values, color=colour, linewidth=1.8)
        axes.annotate(
            label, (len(values), values[-1]), xytext=(5, 0), textcoords="offset points",
            va="center", color=as_text(colour), fontsize=9,
        )  # fmt: skip
    axes.margins(x=0.02)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("epoch")
    axes.set_ylabel(ylabel)
    return axes


def plot_intervals(
    groups: Mapping[str, tuple[NDArray[np.float64], Interval]],
    *,
    xlabel: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw each method's value for every seed, and its mean with the 95 % interval.

    Parameters
    ----------
    groups : mapping of str to ((S,) float, Interval)
        Method, values by seed, mean; the first one on top.
    xlabel : str
        What is measured, with its unit.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, height=0.9 + 0.42 * len(groups))
    for row, (values, mean) in enumerate(groups.values()):
        axes.plot(values, np.full(len(values), row + 0.18), "o", color=FAINT, markersize=4)
        axes.errorbar(
            mean.mean, row, xerr=mean.half_width, fmt="o", color=SHARED, capsize=3, markersize=7
        )
    axes.set_yticks(range(len(groups)), list(groups))
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlabel(xlabel)
    return axes


def plot_rival(
    rivals: NDArray[np.float64],
    design: tuple[float, float] | None,
    limit: Limit,
    *,
    xlabel: str,
    marker: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the error of searched networks against a cost, and one design among them.

    Parameters
    ----------
    rivals : (N, 2) float
        Cost, and estimated error in percent, of each network that the search kept.
    design : (float, float) or None
        The same of the design; None where it has no estimate.
    limit : Limit
        Most of the cost that is allowed.
    xlabel : str
        The cost, with its unit.
    marker : float, optional
        Cost of a design without an estimate: a dotted line.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax)
    order = rivals[np.lexsort((rivals[:, 1], rivals[:, 0]))]
    best = np.minimum.accumulate(order[:, 1])
    axes.plot(*rivals.T, "o", color=FAINT, markersize=3)
    axes.step(order[:, 0], best, where="post", color=SHARED, linewidth=1.4)
    if design is not None:
        axes.plot(*design, "*", color=CHOSEN, markersize=16, markeredgecolor="white")
    elif marker is not None:
        axes.axvline(marker, color=CHOSEN, linestyle=":", linewidth=2)
    draw_budget(axes, limit.value, limit.label, horizontal=False)
    axes.set_ylim(0, 100)
    axes.set_xlabel(xlabel)
    axes.set_ylabel("estimated error (%)")
    axes.set_xlim(0, 1.08 * max(limit.value, order[-1, 0], design[0] if design else marker or 0))
    axes.annotate(
        "found by search; line: the least error", (0.02, 0.03), xycoords="axes fraction",
        color=MUTED, fontsize=8,
    )  # fmt: skip
    return axes
