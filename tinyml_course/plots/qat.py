"""Figures of the notebook on quantization-aware training with tfmot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from tinyml_course.plots.style import BUDGET, MUTED, PALETTE, axes_or_new

Floats = NDArray[np.float64]


def plot_channel_reach(reach: Floats, half_steps: Floats, *, ax: Axes | None = None) -> Axes:
    """Draw each channel's largest weight as a bar, with half of its step as a mark.

    Parameters
    ----------
    reach : (C,) float64
        Largest magnitude in each channel.
    half_steps : (C,) float64
        Half of the quantization step that the channel has to live with.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax)
    places = np.arange(len(reach))
    axes.bar(places, reach, color=PALETTE[0], width=0.7)
    axes.hlines(half_steps, places - 0.45, places + 0.45, color=BUDGET, linewidth=2)
    axes.set_title("red: half a step; weights below it become 0", color=BUDGET, fontsize=9)
    axes.set_yscale("log")
    axes.set_xlabel("channel")
    axes.set_ylabel("largest folded weight")
    return axes


def plot_channel_errors(errors: Floats, *, ax: Axes | None = None) -> Axes:
    """Draw each channel's error relative to its weights.

    Parameters
    ----------
    errors : (C,) float64
        Root mean squared error over root mean squared weight; 1.0 is a channel set to zero.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax)
    axes.bar(np.arange(len(errors)), errors, color=PALETTE[1], width=0.7)
    axes.axhline(1.0, color=MUTED, linewidth=0.8, linestyle=":")
    axes.annotate("as bad as all zeros", (0, 1.0), xytext=(-8, 3), textcoords="offset points",
                  color=MUTED, fontsize=9)  # fmt: skip
    axes.set_yscale("log")
    axes.set_ylim(1e-3, 3.0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))
    axes.set_xlabel("channel")
    axes.set_ylabel("error / weights")
    return axes


def plot_ceiling(values: Floats, *, ceiling: float, step: float, ax: Axes | None = None) -> Axes:
    """Draw a layer's outputs as a histogram, with the ceiling and the codes below it.

    Parameters
    ----------
    values : (N,) float64
        Outputs after ReLU.
    ceiling : float
        Highest value that has a code.
    step : float
        Distance between two codes; drawn where the eye can tell them apart.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax)
    axes.hist(values[values > 0], bins=80, color=PALETTE[0], alpha=0.8)
    axes.set_yscale("log")
    axes.set_ylim(0.5, len(values))
    codes = np.arange(0.0, ceiling + step / 2, step)
    if len(codes) <= 64:
        axes.vlines(codes, 0.5, 1.0, color=PALETTE[1], linewidth=1)
    axes.axvline(ceiling, color=BUDGET, linestyle="--", linewidth=1.2)
    axes.annotate(
        f"ceiling {ceiling:g}", (ceiling, 0.97), xycoords=("data", "axes fraction"), xytext=(4, 0),
        textcoords="offset points", color=BUDGET, fontsize=9, va="top",
    )  # fmt: skip
    axes.set_xlim(-0.5, max(float(values.max()), ceiling) * 1.12)
    axes.set_xlabel("output of the layer")
    axes.set_ylabel("how many")
    return axes


def plot_error_parts(
    bits: Sequence[int], parts: dict[str, Floats], *, chosen: int, ax: Axes | None = None
) -> Axes:
    """Draw the parts of an error against the width, the chosen width marked.

    Parameters
    ----------
    bits : sequence of int
        Widths, ascending.
    parts : dict of (len(bits),) float64
        Root mean squared errors by the name of their cause.
    chosen : int
        Width to mark.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax)
    for colour, (name, values) in zip(PALETTE, parts.items(), strict=False):
        floor = np.maximum(values, 1e-4)
        axes.plot(bits, floor, color=colour, marker="o", markersize=4, label=name)
    axes.axvline(chosen, color=MUTED, linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    axes.set_ylim(1e-4, 3.0)
    axes.set_xticks(list(bits))
    axes.set_xlabel("bits of the activations")
    axes.set_ylabel("RMS error, in units of the output")
    axes.legend(frameon=False)
    return axes


def plot_start_ranges(
    names: Sequence[str], ranges: dict[str, Any], *, ax: Axes | None = None
) -> Axes:
    """Draw each layer's range as a line from its lowest to its highest value, by origin.

    Parameters
    ----------
    names : sequence of str
        L layers, first to last.
    ranges : dict of (L, 2) float
        Low and high of each layer, by how the training started.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax)
    for place, (colour, (name, ends)) in enumerate(zip(PALETTE, ranges.items(), strict=False)):
        rows = np.arange(len(names)) + 0.28 * (place - 0.5)
        low, high = np.asarray(ends).T
        axes.hlines(rows, low, high, color=colour, linewidth=4, label=name)
    axes.axvline(0.0, color=MUTED, linewidth=0.8)
    axes.set_yticks(range(len(names)), list(names))
    axes.set_ylim(len(names) - 0.4, -1.9)
    axes.set_xlabel("range that the 256 codes cover")
    axes.legend(frameon=False, loc="upper left", ncols=2)
    return axes
