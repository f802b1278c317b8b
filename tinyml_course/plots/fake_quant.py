"""Figures of the notebooks on gradients through rounding and on progressive schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tinyml_course.plots.style import BUDGET, INK, MUTED, PALETTE, as_text, axes_or_new

Floats = NDArray[np.float64]


def plot_surrogate(
    x: Floats, y: Floats, surrogate: Floats | None, *, reach: tuple[float, float],
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw the staircase that the forward pass computes, and the function whose slope it borrows.

    Parameters
    ----------
    x, y : (N,) float64
        Weights in ascending order, and the values that they come back as.
    surrogate : (N,) float64 or None
        What the backward pass differentiates; None where it is the staircase itself.
    reach : (float, float)
        Values of the outermost codes; shaded between them.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=4.4, height=3.6)
    axes.axvspan(*reach, color=PALETTE[5], alpha=0.12, linewidth=0)
    axes.plot(x, y, color=PALETTE[0], linewidth=1.6, label="forward")
    if surrogate is not None:
        axes.plot(x, surrogate, "--", color=PALETTE[1], linewidth=1.6, label="backward")
    axes.legend(frameon=False, loc="upper left", fontsize=9)
    axes.set_xlabel("weight (shaded: reach of the codes)")
    axes.set_ylabel("quantized weight")
    return axes


def plot_slopes(x: Floats, slopes: Mapping[str, Floats], *, ax: Axes | None = None) -> Axes:
    """Draw the slopes that the backward pass multiplies with, by label.

    Parameters
    ----------
    x : (N,) float64
        Weights in ascending order.
    slopes : mapping of str to (N,) float64
        Without unit.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=4.4, height=3.6)
    axes.axhline(0.0, color=MUTED, linewidth=0.8, linestyle=":")
    for colour, (name, slope) in zip(PALETTE[1:], slopes.items(), strict=False):
        axes.plot(x, slope, color=colour, linewidth=1.6, label=name)
    axes.legend(frameon=False, loc="upper left", fontsize=9)
    top = max([1.0, *(float(np.abs(slope).max()) for slope in slopes.values())])
    axes.set_ylim(-1.15 * top if top > 1 else -0.6, 1.5 * top)
    axes.set_xlabel("weight")
    axes.set_ylabel("slope of the quantized weight")
    return axes


def plot_descent(
    losses: Mapping[str, Floats], levels: Mapping[str, float], *, ax: Axes | None = None
) -> Axes:
    """Draw the loss of each descent against the step, and known losses as labelled levels.

    Parameters
    ----------
    losses : mapping of str to (T + 1,) float64
        Relative squared error of the quantized weights, positive.
    levels : mapping of str to float
        Losses to compare with.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=6.4, height=3.8)
    for colour, (name, loss) in zip(PALETTE, losses.items(), strict=False):
        axes.semilogy(np.arange(len(loss)), loss, color=colour, linewidth=1.4, label=name)
    for line, (name, level) in zip(("--", ":"), levels.items(), strict=False):
        axes.axhline(level, color=BUDGET, linestyle=line, linewidth=1.2, label=name)
    axes.legend(frameon=False, fontsize=9, loc="upper right")
    low = min([*(float(loss.min()) for loss in losses.values()), *levels.values()])
    high = max([*(float(loss.max()) for loss in losses.values()), *levels.values()])
    axes.set_ylim(max(low, 1e-9) / 1.6, 8.0 * high)
    axes.set_xlabel("step of descent")
    axes.set_ylabel("loss, share of the signal (measured)")
    return axes


def plot_latent(latent: Floats, values: Floats, step: float, *, ax: Axes | None = None) -> Axes:
    """Draw one weight through a descent: the float that moves, and the code that is used.

    Parameters
    ----------
    latent, values : (T + 1,) float64
        The float weight and its quantized value.
    step : float
        Distance of neighbouring codes; the jumps lie half-way between them.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=6.4, height=3.4)
    steps = np.arange(len(latent))
    low, high = np.floor(latent.min() / step) - 1, np.ceil(latent.max() / step) + 1
    for jump in step * (np.arange(low, high + 1) + 0.5):
        axes.axhline(jump, color=MUTED, linestyle=":", linewidth=0.8)
    axes.plot(steps, values, color=PALETTE[0], drawstyle="steps-post", label="used forward")
    axes.plot(steps, latent, color=PALETTE[1], label="moved by the gradient")
    axes.legend(frameon=False, fontsize=9, ncols=2, loc="lower left", bbox_to_anchor=(0.0, 1.0))
    spread = max(float(np.ptp(np.concatenate([latent, values]))), step)
    middle = (max(latent.max(), values.max()) + min(latent.min(), values.min())) / 2
    axes.set_ylim(middle - 0.7 * spread, middle + 0.7 * spread)
    axes.set_xlabel("step of descent (dotted: where the code changes)")
    axes.set_ylabel("weight")
    return axes


def plot_widths(
    plans: Mapping[str, Sequence[int]], *, kernels: Sequence[int], ax: Axes | None = None
) -> Axes:
    """Draw the width of the weights in each epoch, and the widths that the chip can compute with.

    Parameters
    ----------
    plans : mapping of str to sequence of int
        Bits in each epoch, by the schedule's name.
    kernels : sequence of int
        Widths of weights for which the device runtime has kernels.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=7.2, height=3.6)
    for width in kernels:
        axes.axhline(width, color=PALETTE[2], linewidth=5, alpha=0.25)
        axes.annotate(
            f"{width}", (1.0, width), xycoords=("axes fraction", "data"), xytext=(4, 0),
            textcoords="offset points", color=as_text(PALETTE[2]), va="center", fontsize=9,
        )  # fmt: skip
    for colour, (name, bits) in zip(PALETTE, plans.items(), strict=False):
        epochs = np.arange(len(bits))
        axes.plot(epochs, bits, "o", color=colour, markersize=4)
        axes.plot(epochs, bits, drawstyle="steps-post", color=colour, linewidth=1.4, label=name)
    axes.legend(frameon=False, fontsize=9, loc="lower left")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_yscale("log", base=2)
    axes.set_yticks([2, 4, 8, 16, 32], ["2", "4", "8", "16", "32"])
    axes.set_ylim(1.7, 40)
    axes.set_xlabel("epoch (green: widths of weights that have a kernel)")
    axes.set_ylabel("bits per weight")
    return axes


def plot_grid_histogram(values: Floats, *, ax: Axes | None = None) -> Axes:
    """Draw how many weights take each value; few values are drawn one by one.

    Parameters
    ----------
    values : (N,) float64
        Quantized weights.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=4.4, height=3.6)
    points, counts = np.unique(values, return_counts=True)
    if len(points) <= 64:
        axes.vlines(points, 0, counts, color=PALETTE[0], linewidth=3 if len(points) < 20 else 1.5)
        axes.set_ylim(0, 1.1 * counts.max())
    else:
        axes.hist(values, bins=101, color=PALETTE[0])
    axes.set_xlabel("weight as the forward pass sees it")
    axes.set_ylabel("weights")
    return axes


def plot_seed_gaps(
    gaps: Mapping[str, Sequence[float]], intervals: Mapping[str, tuple[float, float]], *,
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw differences of accuracy: a dot per seed, their mean and its 95 % interval as a bar.

    Parameters
    ----------
    gaps : mapping of str to sequence of float
        Differences in percentage points, one a seed.
    intervals : mapping of str to (float, float)
        Mean and half-width of each, in percentage points.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=7.2, height=0.9 + 0.55 * len(gaps))
    axes.axvline(0.0, color=INK, linewidth=0.8)
    for row, name in enumerate(gaps):
        mean, half = intervals[name]
        colour = PALETTE[row % len(PALETTE)]
        axes.plot([mean - half, mean + half], [row, row], color=colour, linewidth=6, alpha=0.35)
        axes.plot(mean, row, "D", color=colour, markersize=7)
        axes.plot(gaps[name], np.full(len(gaps[name]), row - 0.22), "o", color=colour, markersize=4)
    axes.set_yticks(range(len(gaps)), list(gaps))
    axes.set_ylim(len(gaps) - 0.5, -0.6)
    axes.set_xlabel("difference in test accuracy, points (measured; dots: seeds, bar: 95 %)")
    return axes
