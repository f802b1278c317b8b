"""The waterfall of a pipeline: what each stage leaves of file and arena, at what accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tinyml_course.plots.style import (
    BUDGET,
    FAINT,
    INK,
    MUTED,
    PALETTE,
    course_style,
    new_figure,
)

UNDER_WORDS = {"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none"}
ROOM = 1.6
"""Space above the tallest bar on a logarithmic axis, as a factor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The figures after one stage.

    Attributes
    ----------
    stage : str
        Its name.
    accuracy : float
        Share classified right, in [0, 1].
    model_bytes, arena_bytes : int
        File and arena.
    latency_ms : float
        Modelled time of one inference.
    kept : bool
        False where the stage was taken back; drawn as an outline.
    """

    stage: str
    accuracy: float
    model_bytes: int
    arena_bytes: int
    latency_ms: float
    kept: bool = True


def plot_waterfall(
    bars: Sequence[Bar],
    *,
    max_flash: int | None = None,
    max_arena: int | None = None,
    min_accuracy: float | None = None,
) -> Figure:
    """Draw accuracy, file and arena after each stage, one below the other.

    Parameters
    ----------
    bars : sequence of Bar
        At least one, in order.
    max_flash, max_arena : int, optional
        Limits in bytes; dashed lines.
    min_accuracy : float, optional
        What is asked for, in [0, 1].

    Raises
    ------
    ValueError
        If there is no bar.
    """
    if not bars:
        raise ValueError("a waterfall needs at least one measured stage, got none")
    figure, (top, middle, bottom) = new_figure(
        3, 1, width=max(5.0, 1.0 + 0.95 * len(bars)), height=6.6, sharex=True
    )
    with course_style():
        _draw_accuracy(top, bars, min_accuracy)
        _draw_bytes(
            middle, bars, [bar.model_bytes for bar in bars], colour=PALETTE[0], limit=max_flash
        )
        _draw_bytes(
            bottom, bars, [bar.arena_bytes for bar in bars], colour=PALETTE[2], limit=max_arena
        )
        middle.set_ylabel("file, KB")
        bottom.set_ylabel("arena, KB")
        bottom.set_xlim(-0.6, len(bars) + 0.55)  # limits bear their names on the right
        bottom.set_xticks(range(len(bars)), [bar.stage for bar in bars])
    return figure


def _draw_accuracy(axes: Axes, bars: Sequence[Bar], asked: float | None) -> None:
    """Draw a line through the stages that were kept, and a hollow point for each other."""
    values = np.array([100 * bar.accuracy for bar in bars])
    kept = [place for place, bar in enumerate(bars) if bar.kept]
    axes.plot(kept, values[kept], "o-", color=PALETTE[1], linewidth=1.6)
    gone = [place for place, bar in enumerate(bars) if not bar.kept]
    axes.plot(gone, values[gone], "o", color=FAINT, markerfacecolor="white")
    for place, value in enumerate(values):
        axes.annotate(
            f"{value:.1f}", (place, value), xytext=(0, 6), textcoords="offset points", ha="center",
            fontsize=9, color=INK if bars[place].kept else MUTED,
        )  # fmt: skip
    if asked is not None:
        _draw_limit(axes, 100 * asked, f"asked {100 * asked:.4g} %")
    shown = [*values, *([100 * asked] if asked is not None else [])]
    axes.set_ylim(max(0.0, min(shown) - 2), min(104.0, max(shown) + 3))
    axes.set_ylabel("accuracy, %")


def _draw_bytes(
    axes: Axes, bars: Sequence[Bar], heights: Sequence[int], *, colour: str, limit: int | None
) -> None:
    """Draw a bar a stage on a logarithmic axis, each with its height, and the limit."""
    sizes = np.array(heights) / 1024
    for place, (bar, size) in enumerate(zip(bars, sizes, strict=True)):
        axes.bar(
            place, size, 0.62, color=colour if bar.kept else "white",
            edgecolor=colour if bar.kept else FAINT, linestyle="-" if bar.kept else "--",
        )  # fmt: skip
        axes.annotate(
            f"{size:.3g}", (place, size), xytext=(0, 2), textcoords="offset points", ha="center",
            fontsize=9, color=INK if bar.kept else MUTED, bbox=UNDER_WORDS,
        )  # fmt: skip
    axes.set_yscale("log")
    shown = [*sizes, *([limit / 1024] if limit else [])]
    axes.set_ylim(min(shown) / 2, max(shown) * ROOM)
    if limit:
        _draw_limit(axes, limit / 1024, f"limit {limit / 1024:.4g} KB")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()


def _draw_limit(axes: Axes, value: float, label: str) -> None:
    """Draw a limit as a dashed line with its name at the right end, beside the bars."""
    axes.axhline(value, color=BUDGET, linestyle="--", linewidth=1.2, zorder=0.5)
    axes.annotate(
        label, (1.0, value), xycoords=("axes fraction", "data"), xytext=(0, 3),
        textcoords="offset points", color=BUDGET, fontsize=9, ha="right",
    )  # fmt: skip
