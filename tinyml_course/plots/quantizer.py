"""Figures of the notebooks on number formats and error growth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from tinyml_course.plots.style import BUDGET, INK, MUTED, PALETTE, as_text, axes_or_new

FIELD_COLOURS = {
    "sign": PALETTE[1],
    "exponent": PALETTE[2],
    "fraction": PALETTE[5],
    "two's complement": PALETTE[4],
}


def plot_bit_fields(
    rows: Sequence[tuple[str, str, Sequence[tuple[str, int]]]], *, ax: Axes | None = None
) -> Axes:
    """Draw stored numbers bit by bit, each field in its colour.

    Parameters
    ----------
    rows : sequence of (label, bits, fields)
        Text in front of the row, the bits as a string, and (name, width) of each field.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=9.0, height=0.4 + 0.75 * len(rows))
    longest = max(len(bits) for _, bits, _ in rows)
    for row, (label, bits, fields) in enumerate(rows):
        axes.text(-0.4, row + 0.3, label, ha="right", va="center")
        start = 0
        for name, width in fields:
            _draw_field(axes, start, row, bits[start : start + width], name)
            start += width
    axes.set_xlim(-0.27 * longest, longest + 0.2)
    axes.set_ylim(len(rows) - 0.15, -0.45)
    axes.axis("off")
    return axes


def _draw_field(axes: Axes, start: int, row: int, bits: str, name: str) -> None:
    colour = FIELD_COLOURS[name]
    for place, bit in enumerate(bits, start):
        axes.add_patch(
            Rectangle((place, row), 1, 0.6, facecolor=colour, alpha=0.45, edgecolor="white")
        )
        axes.text(place + 0.5, row + 0.3, bit, ha="center", va="center", family="monospace")
    text = name if len(bits) > 1 else name[0]
    axes.text(start + len(bits) / 2, row - 0.06, text, ha="center", va="bottom", fontsize=8)


def plot_relative_steps(
    magnitudes: NDArray[Any], steps: dict[str, NDArray[Any]], *, ax: Axes | None = None
) -> Axes:
    """Draw each format's gap between neighbouring numbers, relative to their size.

    Parameters
    ----------
    magnitudes : (N,) float
        Sizes of the numbers, positive.
    steps : dict of (N,) float
        By the format's name; NaN where it has no number of that size.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=7.2, height=4.0)
    for colour, (name, values) in zip(PALETTE, steps.items(), strict=False):
        axes.loglog(magnitudes, values, color=colour, linewidth=1.6)
        known = np.flatnonzero(np.isfinite(values))
        place = known[0] if name.startswith("INT") else known[3 * len(known) // 4]
        axes.annotate(
            name, (magnitudes[place], values[place]), xytext=(0, 7),
            textcoords="offset points", color=as_text(colour), weight="bold", ha="center",
        )  # fmt: skip
    axes.axhline(1.0, color=MUTED, linewidth=0.8, linestyle=":")
    axes.set_xlabel("size of the number")
    axes.set_ylabel("step / number")
    return axes


def plot_staircase(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    samples: NDArray[np.float64],
    *,
    limits: tuple[float, float],
    ax: Axes | None = None,
) -> Axes:
    """Draw what each value comes back as, over the ideal diagonal, with samples as ticks.

    Parameters
    ----------
    x, y : (N,) float64
        Values in ascending order, and their round trips, in the tensor's unit.
    samples : (M,) float64
        Data, drawn as ticks at the bottom.
    limits : (float, float)
        Lowest and highest value that has a code; outside, values saturate.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=5.0, height=3.8)
    axes.axvspan(*limits, color=PALETTE[5], alpha=0.12, linewidth=0)
    axes.plot(x, x, color=MUTED, linewidth=0.8, linestyle=":")
    axes.plot(x, y, color=PALETTE[0], linewidth=1.5, drawstyle="steps-mid")
    axes.plot(
        samples, np.zeros_like(samples), "|", color=INK, alpha=0.35, markersize=9,
        transform=axes.get_xaxis_transform(),
    )  # fmt: skip
    axes.set_xlim(x[0], x[-1])
    axes.set_xlabel("value (shaded: range of the codes)")
    axes.set_ylabel("value that comes back")
    return axes


def plot_error_histogram(
    errors: NDArray[np.float64], step: float, *, ax: Axes | None = None
) -> Axes:
    """Draw how often each round-trip error occurs, with half a step marked on both sides.

    Parameters
    ----------
    errors : (N,) float64
        Round trip minus value, in the tensor's unit.
    step : float
        Distance of neighbouring codes, in the same unit.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=5.0, height=3.8)
    reach = max(float(np.abs(errors).max()), step / 2) * 1.08
    axes.hist(errors, bins=61, range=(-reach, reach), color=PALETTE[0], log=True)
    for side in (-step / 2, step / 2):
        axes.axvline(side, color=BUDGET, linestyle="--", linewidth=1.2)
    axes.annotate(
        "± half a step", (step / 2, 1.01), xycoords=("data", "axes fraction"),
        color=BUDGET, fontsize=9, ha="center", va="bottom",
    )  # fmt: skip
    axes.set_ylim(0.7, 2 * len(errors))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel("error (unit of the values)")
    axes.set_ylabel("samples")
    return axes


def plot_growth(
    total: NDArray[np.float64],
    summed: NDArray[np.float64],
    bound: NDArray[np.float64],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the error after each layer between the claimed floor and the proven ceiling.

    Parameters
    ----------
    total, summed, bound : (L,) float64
        Measured error, sum of the layers' own errors, and upper bound; one unit for all.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=7.2, height=4.0)
    layers = np.arange(1, len(total) + 1)
    series = (
        ("upper bound", bound, MUTED, "--"),
        ("sum of the layers' errors", summed, PALETTE[1], "-"),
        ("measured", total, PALETTE[0], "-"),
    )
    ends = [np.log10(max(values[-1], 1e-12)) for _, values, _, _ in series]
    ends = _spread_labels(ends, gap=0.12 * max(float(np.ptp(ends)), 1.0))
    for (name, values, colour, line), end in zip(series, ends, strict=True):
        axes.semilogy(layers, values, line, color=colour, marker="o", markersize=3.5)
        axes.annotate(
            name, (1.0, 10**end), xycoords=("axes fraction", "data"), xytext=(4, 0),
            textcoords="offset points", color=as_text(colour), va="center",
        )  # fmt: skip
    axes.set_xlim(0.7, len(total) + 0.3)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    axes.set_xlabel("layer")
    axes.set_ylabel("error after the layer (measured)")
    return axes


def plot_shares(
    shares: NDArray[np.float64],
    totals: dict[str, float],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw each layer's share of the output's error as a bar, and totals as labelled lines.

    Parameters
    ----------
    shares : (L,) float64
        Size of each layer's share.
    totals : dict of float
        Heights of the lines, by label.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=7.2, height=3.8)
    axes.bar(np.arange(1, len(shares) + 1), shares, color=PALETTE[5], width=0.7)
    colours = (PALETTE[1], PALETTE[0], PALETTE[2])
    places = _spread_labels(list(totals.values()), gap=0.06 * max(totals.values()))
    for colour, place, (name, height) in zip(colours, places, totals.items(), strict=False):
        axes.axhline(height, color=colour, linewidth=1.6)
        axes.annotate(
            name, (1.0, place), xycoords=("axes fraction", "data"), xytext=(4, 0),
            textcoords="offset points", color=as_text(colour), va="center",
        )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("layer")
    axes.set_ylabel("share of the output's error (measured)")
    return axes


def plot_accuracy_by_bits(
    bits: Sequence[int],
    accuracies: dict[str, NDArray[np.float64]],
    *,
    baseline: float,
    ax: Axes | None = None,
) -> Axes:
    """Draw accuracy against the width of the weights, a dot per seed and a line of means.

    Parameters
    ----------
    bits : sequence of int
        B widths.
    accuracies : dict of (S, B) float64
        S seeds, shares in [0, 1], by label.
    baseline : float
        Mean accuracy in float32.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=7.2, height=4.0)
    for colour, (name, values) in zip(PALETTE, accuracies.items(), strict=False):
        axes.plot(bits, values.mean(axis=0), "-", color=colour, linewidth=1.6, label=name)
        for seed in values:
            axes.plot(bits, seed, "o", color=colour, markersize=4, alpha=0.6)
    axes.axhline(baseline, color=MUTED, linestyle=":", linewidth=1.2, label="float32")
    axes.legend(frameon=False, loc="lower right")
    axes.set_xticks(bits)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("bits per weight")
    axes.set_ylabel("test accuracy (measured)")
    return axes


def _spread_labels(heights: Sequence[float], *, gap: float) -> list[float]:
    """Return `heights` moved up until neighbours are `gap` apart, order kept."""
    order = np.argsort(heights, kind="stable")
    moved = np.array(heights, float)[order]
    for place in range(1, len(moved)):
        moved[place] = max(moved[place], moved[place - 1] + gap)
    result = np.empty_like(moved)
    result[order] = moved
    return result.tolist()
