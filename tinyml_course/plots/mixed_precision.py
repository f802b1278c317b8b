"""Figures of the mixed-precision notebook: sensitivities, stored bytes, plans under a budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tinyml_course.plots.style import FAINT, INK, MUTED, PALETTE, axes_or_new, draw_budget

INT8, INT4 = PALETTE[0], PALETTE[1]
CHOSEN, PREDICTED = PALETTE[1], PALETTE[0]
CLOUD = FAINT


class PlanMark(NamedTuple):
    """A plan in the cloud of all: its bytes, and what it costs as measured and as predicted."""

    weight_bytes: int
    measured: float
    predicted: float


def plot_sensitivity(
    names: Sequence[str],
    damage: NDArray[np.float64],
    saved_bytes: Sequence[int],
    *,
    xlabel: str,
    error: NDArray[np.float64] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one bar a layer, with the bytes that its narrow weights save beside it.

    Parameters
    ----------
    names : sequence of str
        Layers, the first one on top.
    damage : (L,) float
        What narrow weights cost in each.
    saved_bytes : sequence of int
        Bytes saved in each.
    xlabel : str
        What the damage is, with its unit.
    error : (L,) float, optional
        Half-widths of the intervals of `damage`.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax)
    places = np.arange(len(names))
    axes.barh(places, damage, xerr=error, color=INT4, height=0.65, ecolor=INK, capsize=2)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    ends = np.maximum(damage + (0 if error is None else error), 0)
    for place, end, saved in zip(places, ends, saved_bytes, strict=True):
        axes.annotate(
            f"saves {saved:,} B", (end, place), xytext=(5, 0), textcoords="offset points",
            va="center", fontsize=8, color=MUTED,
        )  # fmt: skip
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.set_xlabel(xlabel)
    return axes


def plot_widths(
    names: Sequence[str],
    full_bytes: Sequence[int],
    stored_bytes: Sequence[int],
    bits: Sequence[int],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw each layer's stored bytes inside the outline of what int8 takes.

    Parameters
    ----------
    names : sequence of str
        Layers, the first one on top.
    full_bytes, stored_bytes : sequence of int
        Bytes at 8 bits and as stored.
    bits : sequence of int
        Width of each layer.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax)
    places = np.arange(len(names))
    colours = [INT4 if width <= 4 else INT8 for width in bits]
    axes.barh(places, full_bytes, facecolor="none", edgecolor=MUTED, height=0.65, linewidth=0.8)
    axes.barh(places, stored_bytes, color=colours, height=0.65)
    for place, full, stored, width in zip(places, full_bytes, stored_bytes, bits, strict=True):
        axes.annotate(
            f"{width} bits, {stored:,} B", (full, place), xytext=(5, 0),
            textcoords="offset points", va="center", fontsize=8, color=INK,
        )  # fmt: skip
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.margins(x=0.35)
    axes.set_xlabel("bytes of weights; outline: int8")
    return axes


def plot_plans(
    weight_bytes: NDArray[np.int64],
    damage: NDArray[np.float64],
    *,
    ylabel: str,
    mark: PlanMark | None = None,
    budget_bytes: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw every plan as a dot, one of them marked, with the budget as a line.

    Parameters
    ----------
    weight_bytes : (P,) int
        Stored bytes of each plan.
    damage : (P,) float
        What each costs, as measured.
    ylabel : str
        What the damage is, with its unit.
    mark : PlanMark, optional
        The plan to stress: filled as measured, hollow as predicted.
    budget_bytes : int, optional
        Most bytes allowed.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax)
    axes.plot(weight_bytes, damage, "o", color=CLOUD, markersize=3.5)
    if mark is not None:
        x = mark.weight_bytes
        axes.plot([x, x], [mark.predicted, mark.measured], color=MUTED, linewidth=0.8)
        axes.plot(x, mark.predicted, "o", mfc="white", mec=PREDICTED, mew=1.8, markersize=9)
        axes.plot(x, mark.measured, "o", color=CHOSEN, markersize=6)
        axes.set_title("filled: measured; hollow: predicted", fontsize=9, color=MUTED)
    if budget_bytes is not None:
        draw_budget(axes, budget_bytes, f"{budget_bytes:,} B", horizontal=False)
    axes.set_xlabel("bytes of weights")
    axes.set_ylabel(ylabel)
    return axes


def plot_agreement(
    predicted: NDArray[np.float64],
    measured: NDArray[np.float64],
    *,
    unit: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw measured against predicted, with the diagonal on which they agree.

    Parameters
    ----------
    predicted, measured : (P,) float
        One pair a plan.
    unit : str
        What both are, with the unit.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=4.6, height=4.0)
    both = np.concatenate([predicted, measured])
    ends = [float(both.min()), float(both.max())]
    axes.plot(ends, ends, color=MUTED, linewidth=1)
    axes.plot(predicted, measured, "o", color=PALETTE[0], markersize=4, alpha=0.6)
    axes.annotate("equal", (ends[1], ends[1]), xytext=(-4, -12), textcoords="offset points",
                  ha="right", color=MUTED, fontsize=9)  # fmt: skip
    axes.set_xlabel(f"predicted {unit}")
    axes.set_ylabel(f"measured {unit}")
    return axes
