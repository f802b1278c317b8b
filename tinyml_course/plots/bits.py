"""Figures on bit widths: accuracy against bits, and one network's weights and confusions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.plots.style import INK, MUTED, PALETTE, as_text, axes_or_new, new_figure


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WidthCurve:
    """Accuracy at each width, with 95 % intervals.

    Attributes
    ----------
    name : str
        Written beside the line.
    bits : (N,) int
        Widths.
    mean, half_width : (N,) float
        Percent.
    colour : int, default 0
        Number in the palette; by it readers tell the schemes apart.
    dashed : bool, default False
        By it they tell PTQ from QAT.
    """

    name: str
    bits: NDArray[np.int64]
    mean: NDArray[np.float64]
    half_width: NDArray[np.float64]
    colour: int = 0
    dashed: bool = False


def plot_accuracy_by_bits(
    curves: Sequence[WidthCurve],
    *,
    title: str = "",
    baseline: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw accuracy against the bits of the weights, fewer bits to the right.

    Parameters
    ----------
    curves : sequence of WidthCurve
        All with the same widths, which are spaced evenly.
    title : str
        Above the axes.
    baseline : float, optional
        Accuracy in float, percent; a dotted line.
    """
    ax = axes_or_new(ax, width=6.4, height=4.0)
    widths = sorted({int(b) for curve in curves for b in curve.bits}, reverse=True)
    if baseline is not None:
        ax.axhline(baseline, color=MUTED, linestyle=":", linewidth=1)
        ax.annotate(
            "float", (0, baseline), xytext=(0, 3), textcoords="offset points", color=MUTED,
            fontsize=9, va="bottom",
        )  # fmt: skip
    for curve in curves:
        x = np.array([widths.index(int(b)) for b in curve.bits])
        colour = PALETTE[curve.colour]
        ax.plot(x, curve.mean, "o--" if curve.dashed else "o-", color=colour, markersize=4)
        low, high = curve.mean - curve.half_width, curve.mean + curve.half_width
        ax.fill_between(
            x, np.maximum(low, 0), np.minimum(high, 100), color=colour, alpha=0.15, linewidth=0
        )
    ax.set_xticks(range(len(widths)), [f"{b}" for b in widths])
    ax.set(xlabel="bits of the weights", ylabel="test accuracy, %", ylim=(0, 106))
    ax.set_title(title, loc="left", fontsize=10)
    _label_ends(ax, curves)
    return ax


def plot_bit_state(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    confusion: NDArray[np.int64],
    *,
    class_names: Sequence[str],
    caption: str,
) -> Figure:
    """Draw a layer's weights before and after rounding, and what the network then confuses.

    Parameters
    ----------
    before, after : (N,) float
        Weights with the normalisation folded in, in their own unit.
    confusion : (K, K) int
        Test samples by true class (rows) and predicted class (columns).
    class_names : sequence of str
        K names.
    caption : str
        Title of the left panel.
    """
    figure, (left, right) = new_figure(1, 2, width=7.2, height=3.2, width_ratios=(1.5, 1))
    figure.set_layout_engine("none")  # all states are laid out alike: half the time
    left.set_position((0.08, 0.16, 0.48, 0.74))
    right.set_position((0.65, 0.16, 0.34, 0.74))
    reach = float(max(np.abs(before).max(), np.abs(after).max())) or 1.0
    bins = np.linspace(-reach, reach, 62)
    counts = [np.histogram(values, bins)[0] for values in (before, after)]
    left.stairs(counts[1], bins, fill=True, color=PALETTE[0], alpha=0.85)
    left.stairs(counts[0], bins, color=INK, linewidth=1)
    left.set(xlabel="folded weight of layer d2", ylabel="weights per bin")
    left.set_ylim(0, 1.25 * max(int(c.max()) for c in counts))
    left.locator_params(nbins=5)
    left.set_title(caption, loc="left", fontsize=10)
    for text, colour, height in (("as trained", INK, 0.97), ("as rounded", PALETTE[0], 0.89)):
        left.text(
            0.02,
            height,
            text,
            color=as_text(colour),
            fontsize=9,
            va="top",
            transform=left.transAxes,
        )
    wrong = confusion - np.diag(np.diag(confusion))
    right.imshow(confusion, cmap="Blues", vmin=0, vmax=max(int(confusion.max()), 1))
    for row, column in np.argwhere(wrong >= max(3, int(wrong.max()) // 3)):
        count = wrong[row, column]
        ink = "white" if count > 0.55 * confusion.max() else INK
        right.text(column, row, f"{count}", ha="center", va="center", fontsize=7, color=ink)
    ticks = range(len(class_names))
    right.set_xticks(ticks, class_names, fontsize=8)
    right.set_yticks(ticks, class_names, fontsize=8)
    right.set(xlabel="predicted", ylabel="true")
    return figure


def _label_ends(ax: Axes, curves: Sequence[WidthCurve]) -> None:
    """Write each name right of its last point, moved up where two would overlap."""
    step, floor = 7.0, -1.0
    ends = sorted((float(c.mean[np.argmin(c.bits)]), i) for i, c in enumerate(curves))
    for y, i in ends:
        floor = max(y, floor + step)
        ax.annotate(
            curves[i].name, (1, y), xytext=(1.015, floor), color=as_text(PALETTE[curves[i].colour]),
            fontsize=9, xycoords=("axes fraction", "data"),
            textcoords=("axes fraction", "data"), va="center", annotation_clip=False,
        )  # fmt: skip
