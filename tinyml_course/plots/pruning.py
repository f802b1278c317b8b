"""Figures of the pruning notebook: importance against a threshold, what is left, accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tinyml_course.core.statistics import Interval
from tinyml_course.plots.style import BUDGET, INK, MUTED, PALETTE, as_text, axes_or_new

KEPT, GONE = PALETTE[0], PALETTE[1]
DECADES = 4.0
"""Scores more than so many powers of ten below the highest are drawn at the bottom."""


def plot_scores(
    scores: Mapping[str, NDArray[np.float64]],
    kept: Mapping[str, NDArray[np.bool_]],
    *,
    ylabel: str,
    threshold: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the importance of every channel, group by group, the channels that go hollow.

    Parameters
    ----------
    scores : mapping of group name to (C,) float64
        Drawn from the highest to the lowest in each group, on a logarithmic axis.
    kept : mapping of group name to (C,) bool
        Which channels stay.
    ylabel : str
        What a score is, with its unit.
    threshold : float, optional
        Drawn as a dashed line.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax)
    floor = 10**-DECADES * max(float(score.max()) for score in scores.values())
    start, middles = 0, []
    for name, score in scores.items():
        order = np.argsort(-score, kind="stable")
        places, heights = start + np.arange(len(score)), np.maximum(score[order], floor)
        stays = kept[name][order]
        axes.plot(places[stays], heights[stays], "o", color=KEPT, markersize=4)
        axes.plot(places[~stays], heights[~stays], "o", mfc="white", mec=GONE, markersize=4)
        middles.append(start + (len(score) - 1) / 2)
        start += len(score) + 3
        axes.axvline(start - 2, color=MUTED, linewidth=0.5)
    if threshold is not None:
        axes.axhline(threshold, color=BUDGET, linestyle="--", linewidth=1.2)
    axes.set_yscale("log")
    axes.set_xticks(middles, [f"{name}\n{int(kept[name].sum())} of {len(scores[name])}"
                              for name in scores])  # fmt: skip
    axes.set_xlim(-2, start - 2)
    axes.set_xlabel("channels of each group; filled: they stay")
    axes.set_ylabel(ylabel)
    return axes


def plot_left(
    labels: Sequence[str], shares: Sequence[float], notes: Sequence[str], *, ax: Axes | None = None
) -> Axes:
    """Draw what is left of each cost as a bar inside the outline of the whole network's.

    Parameters
    ----------
    labels : sequence of str
        The costs, the first one on top.
    shares : sequence of float
        What is left of each, in [0, 1].
    notes : sequence of str
        Written on the bars: figures with units.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, height=0.9 + 0.45 * len(labels))
    places = np.arange(len(labels))
    percent = 100 * np.asarray(shares)
    axes.barh(places, 100, facecolor="none", edgecolor=MUTED, height=0.62, linewidth=0.8)
    axes.barh(places, percent, color=KEPT, height=0.62, alpha=0.35)
    for place, note in zip(places, notes, strict=True):
        axes.text(2, place, note, va="center", fontsize=8.5, color=INK)
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.set_xlim(0, 102)
    axes.set_xlabel("left (%)")
    return axes


def plot_degrees(
    file_bytes: Sequence[float],
    rows: Mapping[str, Sequence[Interval]],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw accuracy against the bytes of the file, one line for each way, smaller to the right.

    Parameters
    ----------
    file_bytes : sequence of float
        Of the whole network first, then of each degree of pruning.
    rows : mapping of str to sequence of Interval
        Way, and mean accuracy at each degree with its interval, in [0, 1].
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, height=3.8)
    kilobytes = np.asarray(file_bytes) / 1024
    for number, (label, row) in enumerate(rows.items()):
        means = np.array([100 * interval.mean for interval in row])
        errors = [100 * interval.half_width for interval in row]
        shifted = kilobytes * 1.012**number
        axes.errorbar(
            shifted, means, yerr=errors, fmt="-o", color=PALETTE[number], capsize=3, markersize=5
        )
        axes.annotate(
            label, (shifted[-1], means[-1]), xytext=(8, 0), textcoords="offset points",
            va="center", fontsize=9, color=as_text(PALETTE[number]),
        )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_xticks(kilobytes, [f"{size:.1f}" for size in kilobytes])
    axes.minorticks_off()
    axes.set_xlim(1.15 * kilobytes.max(), 0.6 * kilobytes.min())
    axes.set_ylim(0, 102)
    axes.set_xlabel(".tflite (KB, mean over the seeds)")
    axes.set_ylabel("test accuracy (%)")
    return axes
