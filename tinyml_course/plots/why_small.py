"""Figures on why small networks work: curves over seeds, surviving weights, soft outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from tinyml_course.plots.style import INK, MUTED, PALETTE, as_text, axes_or_new, new_figure


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """A line with its 95 % interval.

    Attributes
    ----------
    name : str
        Written at the line's end.
    x, mean, half_width : (N,) float
        Places, means over the seeds, half-widths of their intervals.
    """

    name: str
    x: NDArray[np.float64]
    mean: NDArray[np.float64]
    half_width: NDArray[np.float64]


def plot_curves(
    curves: Sequence[Curve],
    *,
    xlabel: str,
    ylabel: str,
    falling: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw curves with intervals over a logarithmic axis, names at their right ends.

    Parameters
    ----------
    curves : sequence of Curve
        At most seven, one colour each.
    xlabel, ylabel : str
        With units.
    falling : bool, default False
        Turn the x axis round, so that the right end is the smallest.
    """
    ax = axes_or_new(ax, width=7.0, height=4.0)
    ax.set_xscale("log")
    for curve, colour in zip(curves, PALETTE, strict=False):
        ax.plot(curve.x, curve.mean, "o-", color=colour, markersize=4, linewidth=1.6)
        low, high = curve.mean - curve.half_width, curve.mean + curve.half_width
        ax.fill_between(curve.x, low, high, color=colour, alpha=0.15, linewidth=0)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set_xticks(sorted({float(v) for curve in curves for v in curve.x}))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.2g}" if v < 10 else f"{v:.0f}"))
    ax.minorticks_off()
    if falling:
        ax.invert_xaxis()
    _label_ends(ax, curves, falling=falling)
    return ax


def plot_survivors(
    counts: NDArray[np.int64], *, caption: str, hidden: int, ax: Axes | None = None
) -> Axes:
    """Draw how many first-layer weights each pixel has left.

    Parameters
    ----------
    counts : (H, W) int
        Weights left from each pixel to the hidden units.
    caption : str
        Title.
    hidden : int
        Hidden units: the most that a pixel can have.
    """
    ax = axes_or_new(ax, width=4.6, height=3.6)
    picture = ax.imshow(counts, cmap="Blues", vmin=0, vmax=max(int(counts.max()), 1))
    ax.set(xlabel="column, pixels", ylabel="row, pixels")
    ax.set_title(caption, loc="left", fontsize=10)
    ax.figure.colorbar(picture, ax=ax, label=f"weights left per pixel, of {hidden}")
    return ax


def plot_softened(
    image: NDArray[np.float32],
    probabilities: NDArray[np.float64],
    class_names: Sequence[str],
    *,
    caption: str,
) -> Figure:
    """Draw a gesture and the probabilities that a teacher gives to each class.

    Parameters
    ----------
    image : (H, W, 1) float32
        Ink in [0, 1].
    probabilities : (K,) float
        Summing to 1.
    class_names : sequence of str
        K names.
    caption : str
        Title of the bars.
    """
    figure, (left, right) = new_figure(1, 2, height=3.0, width_ratios=(1, 2.4))
    left.imshow(image[..., 0], cmap="gray_r", vmin=0, vmax=1)
    left.set_xticks([])
    left.set_yticks([])
    right.bar(class_names, probabilities, color=PALETTE[0])
    right.set(xlabel="class", ylabel="probability", ylim=(0, 1.12))
    right.set_title(caption, loc="left", fontsize=10)
    for x, p in enumerate(probabilities):
        text = f"{p:.2f}" if p >= 0.005 else f"{p:.0e}".replace("e-0", "e-")
        right.text(x, p + 0.015, text, ha="center", fontsize=7.5, color=INK)
    return figure


def plot_capacity(
    load: NDArray[np.float64],
    stored: Sequence[tuple[str, NDArray[np.float64]]],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the bits that networks store per parameter against the labels given to each.

    Parameters
    ----------
    load : (N,) float
        Random labels per parameter.
    stored : sequence of (str, (N,) float)
        Name of each network, and its bits per parameter.
    """
    ax = axes_or_new(ax, width=7.0, height=3.8)
    top = 1.5 * max(float(bits.max()) for _, bits in stored)
    ax.plot(load, load, color=MUTED, linewidth=1, linestyle=":")
    ax.annotate("every label stored ", (0.9 * top, 0.9 * top), ha="right", color=MUTED, fontsize=9)
    for (name, bits), colour in zip(stored, PALETTE, strict=False):
        ax.plot(load, bits, "o-", color=colour, markersize=4, label=name)
    ax.legend(frameon=False, loc="upper right")
    ax.set(xlabel="random labels per parameter", ylabel="bits stored per parameter", ylim=(0, top))
    return ax


def _label_ends(ax: Axes, curves: Sequence[Curve], *, falling: bool) -> None:
    low, high = ax.get_ylim()
    step = 0.062 * (high - low)
    last = np.argmin if falling else np.argmax
    ends = [(float(c.mean[last(c.x)]), float(c.x[last(c.x)]), i) for i, c in enumerate(curves)]
    floor = low - step
    for y, x, i in sorted(ends):
        floor = max(y, floor + step)
        ax.annotate(
            curves[i].name, (x, y), xytext=(1.015, floor), color=as_text(PALETTE[i]), fontsize=9,
            textcoords=("axes fraction", "data"), va="center", annotation_clip=False,
        )  # fmt: skip
