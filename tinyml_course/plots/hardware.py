"""Figures of the hardware notebook: energies, rooflines, batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from tinyml_course.plots.style import INK, MUTED, PALETTE, as_text, axes_or_new

KIND_COLOURS = {"integer": PALETTE[0], "float": PALETTE[1], "memory": PALETTE[2]}


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardLimit:
    """One board in a roofline figure.

    Attributes
    ----------
    label : str
        Written at the roof.
    peak, slope : float
        Arithmetic peak in MACs per second, and slow memory in bytes per second.
    reached : float
        What published kernels reach, in MACs per second.
    intensity, attainable : float
        Where the layer lies: MACs per byte, and MACs per second at best.
    """

    label: str
    peak: float
    slope: float
    reached: float
    intensity: float
    attainable: float


def plot_energy(
    names: Sequence[str],
    picojoules: Sequence[float],
    kinds: Sequence[str],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw energies per operation as bars on a logarithmic axis, largest on top.

    Parameters
    ----------
    names : sequence of str
        One label a bar.
    picojoules : sequence of float
        Energy of one operation.
    kinds : sequence of {'integer', 'float', 'memory'}
        Colours of the bars, named beside the first bar of each.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, height=4.2)
    order = np.argsort(picojoules, kind="stable")
    rows = np.arange(len(names))
    axes.barh(
        rows,
        np.asarray(picojoules)[order],
        color=[KIND_COLOURS[kinds[i]] for i in order],
        height=0.7,
    )
    for row, i in zip(rows, order, strict=True):
        axes.annotate(
            f"{picojoules[i]:g}", (picojoules[i], row), xytext=(4, 0),
            textcoords="offset points", va="center", fontsize=9,
        )  # fmt: skip
    axes.set_yticks(rows, [names[i] for i in order])
    axes.set_xscale("log")
    axes.set_xlim(right=3 * max(picojoules))
    axes.set_xlabel("energy of one operation (pJ, published, 45 nm)")
    for row, (kind, colour) in enumerate(KIND_COLOURS.items()):
        axes.annotate(
            kind,
            (0.98, 0.05 + 0.07 * row),
            xycoords="axes fraction",
            ha="right",
            color=as_text(colour),
        )
    return axes


def plot_roofline(limits: Sequence[BoardLimit], *, ax: Axes | None = None) -> Axes:
    """Draw each board's roof, its published speed (dashed) and where a layer lies (dot)."""
    axes = axes_or_new(ax, width=6.4, height=4.2)
    for number, (limit, colour) in enumerate(zip(limits, PALETTE, strict=False)):
        x = np.array([0.1, limit.peak / limit.slope, 1e4])
        roof = np.minimum(limit.peak, limit.slope * x) / 1e6
        # Roofs may coincide: the first is drawn widest, so that each stays visible.
        axes.loglog(x, roof, color=colour, linewidth=5 - 2 * min(number, 2))
        axes.axhline(limit.reached / 1e6, color=colour, linestyle=(4 * number, (2, 10)))
        axes.plot(
            [limit.intensity], [limit.attainable / 1e6], "o", color=colour,
            markersize=13 - 3 * min(number, 2), markeredgecolor="white", zorder=5,
        )  # fmt: skip
        above = number > 0
        axes.annotate(
            limit.label, (5e3, limit.peak / 1e6), xytext=(0, 5 if above else -6),
            textcoords="offset points", color=as_text(colour), weight="bold", ha="right",
            va="bottom" if above else "top", fontsize=9,
        )  # fmt: skip
    axes.set_xlim(0.1, 1e4)
    axes.set_ylim(3, 9e4)
    axes.minorticks_off()
    axes.set_xlabel("MACs per byte of slow memory (modelled)")
    axes.set_ylabel("million MACs per second")
    axes.set_title("Roofs; dotted: what published kernels reach", fontsize=10)
    return axes


def plot_floor_times(
    labels: Sequence[str],
    arithmetic_ms: Sequence[float],
    memory_ms: Sequence[float],
    kernel_ms: Sequence[float],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw, for each board, the two floors under a layer's time and published kernels' time.

    Parameters
    ----------
    labels : sequence of str
        Boards.
    arithmetic_ms, memory_ms, kernel_ms : sequence of float
        Milliseconds of the arithmetic at its peak, of the slow memory, of published kernels.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, height=3.2)
    rows = np.arange(len(labels))[::-1].astype(float)
    series = (
        ("published kernels", kernel_ms, MUTED, -0.26),
        ("memory", memory_ms, PALETTE[4], 0.0),
        ("arithmetic peak", arithmetic_ms, PALETTE[5], 0.26),
    )
    for name, values, colour, shift in series:
        axes.barh(rows + shift, values, height=0.24, color=colour)
        for row, value in zip(rows, values, strict=True):
            text = f"{value:.2g} ms {name}" if row == rows[0] else f"{value:.2g}"
            axes.annotate(
                text, (value, row + shift), xytext=(3, 0), textcoords="offset points",
                va="center", fontsize=8, color=INK,
            )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(1e-5, 1e6)
    axes.minorticks_off()
    axes.set_yticks(rows, labels)
    axes.set_xlabel("time of this layer (ms, modelled)")
    axes.set_title("The longest bar is the time", fontsize=10)
    return axes


def plot_batches(
    batches: Sequence[int],
    latency_ms: Sequence[float],
    per_second: Sequence[float],
    *,
    axes: tuple[Axes, Axes],
) -> tuple[Axes, Axes]:
    """Draw the time until an answer and the answers per second against the batch size.

    Parameters
    ----------
    batches : sequence of int
        Samples that run together.
    latency_ms : sequence of float
        Milliseconds from the batch's start to its answers.
    per_second : sequence of float
        Samples answered per second.
    axes : (Axes, Axes)
        Where to draw latency and throughput.
    """
    left, right = axes
    left.loglog(batches, latency_ms, "o-", color=PALETTE[1])
    left.set_ylabel("latency of a batch (ms, measured)")
    right.semilogx(batches, per_second, "o-", color=PALETTE[0])
    right.set_ylabel("throughput (samples/s, measured)")
    right.set_ylim(bottom=0)
    for ax in axes:
        ax.set_xscale("log", base=2)
        ax.set_xticks(batches, [str(batch) for batch in batches])
        ax.minorticks_off()
        ax.set_xlabel("batch (samples)")
    return left, right


def plot_timeline(
    rows: Sequence[tuple[str, Sequence[tuple[float, float]]]], *, ax: Axes | None = None
) -> Axes:
    """Draw when each stage was busy.

    Parameters
    ----------
    rows : sequence of (label, intervals)
        Intervals are (start, stop) in milliseconds, numbered in their order.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, height=0.9 + 0.5 * len(rows))
    for row, (_, intervals) in enumerate(rows):
        for number, (start, stop) in enumerate(intervals):
            colour = PALETTE[number % 6]
            axes.barh(row, stop - start, left=start, height=0.6, color=colour, alpha=0.85)
            axes.text(
                (start + stop) / 2, row, str(number + 1), ha="center", va="center", color="white"
            )
    axes.set_yticks(range(len(rows)), [label for label, _ in rows])
    axes.invert_yaxis()
    axes.set_xlabel("time (ms, measured)")
    return axes
