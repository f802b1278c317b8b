"""Figures of the memory budget: gestures, bars against limits, the way from 520 KB down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.core.types import GestureSet, Stroke
from tinyml_course.plots.style import BUDGET, INK, MUTED, PALETTE, axes_or_new, new_figure

KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetBar:
    """One memory of a board: what fills it, and how much there is.

    Attributes
    ----------
    name : str
        What the memory is called.
    parts : tuple of (str, int)
        Label and bytes of each part, from the bottom up.
    limit_bytes : int
        What an application can have.
    limit_label : str
        Where that limit comes from.
    """

    name: str
    parts: tuple[tuple[str, int], ...]
    limit_bytes: int
    limit_label: str


def plot_gestures(gestures: GestureSet, *, per_class: int = 8) -> Figure:
    """Draw the first samples of each class, one row a class.

    Parameters
    ----------
    gestures : GestureSet
        Samples with images (N, 32, 32, 1).
    per_class : int, default 8
        Columns.
    """
    names = gestures.class_names
    figure, grid = new_figure(
        len(names), per_class, width=0.8 * per_class + 0.8, height=0.85 * len(names), squeeze=False
    )
    for label, (name, row) in enumerate(zip(names, grid, strict=True)):
        chosen = np.flatnonzero(gestures.labels == label)
        chosen = chosen[np.linspace(0, len(chosen) - 1, per_class).astype(int)]
        for ax, index in zip(row, chosen, strict=True):
            _draw_image(ax, gestures.images[index])
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def plot_stroke_and_image(stroke: Stroke, image: NDArray[np.float32]) -> Figure:
    """Draw the path of the pen, and the image that the network sees.

    Parameters
    ----------
    stroke : Stroke
        Points in the recording's own unit.
    image : (32, 32, 1) float32
        Ink in [0, 1].
    """
    figure, (left, right) = new_figure(1, 2, height=3.0)
    x, y = stroke.points.T
    left.plot(x, y, ".-", color=PALETTE[0], markersize=3, linewidth=1)
    left.plot(x[0], y[0], "o", color=PALETTE[1])
    left.annotate("start", (x[0], y[0]), xytext=(6, 0), textcoords="offset points", va="center")
    left.set(xlabel="x, recording's unit", ylabel="y, recording's unit", aspect="equal")
    left.set_title(f"{len(stroke.points)} points of the pen", loc="left")
    left.margins(0.15)
    _draw_image(right, image)
    right.set_title(f"{image.shape[0]} x {image.shape[1]} pixels of ink", loc="left")
    return figure


def plot_budget(budgets: Sequence[BudgetBar], *, title: str = "") -> Figure:
    """Draw each memory as a bar of its parts, with its limit as a line.

    Parameters
    ----------
    budgets : sequence of BudgetBar
        One axis each, since flash and RAM differ by a factor of ten.
    title : str
        Printed above.
    """
    figure, grid = new_figure(len(budgets), 1, height=1.35 * len(budgets) + 0.4, squeeze=False)
    for ax, budget in zip(grid[:, 0], budgets, strict=True):
        _draw_bar(ax, budget)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def plot_ram_ladder(steps: Sequence[tuple[str, int]], *, ax: Axes | None = None) -> Axes:
    """Draw what is left of a chip's RAM, from the data sheet to one free block.

    Parameters
    ----------
    steps : sequence of (str, int)
        What is left, with its bytes; the last one is drawn as the budget.
    """
    ax = axes_or_new(ax, height=0.5 * len(steps) + 0.8)
    names, sizes = zip(*steps, strict=True)
    rows = range(len(steps))
    colours = [PALETTE[5]] * (len(steps) - 1) + [BUDGET]
    ax.barh(rows, [size / KIB for size in sizes], color=colours, height=0.62)
    for row, size in zip(rows, sizes, strict=True):
        ax.annotate(
            f"{size / KIB:.0f} KB", (size / KIB, row), xytext=(4, 0), va="center",
            textcoords="offset points",
        )  # fmt: skip
    ax.set_yticks(rows, names)
    ax.invert_yaxis()
    ax.set_xlabel("KB (1,024 bytes), published")
    ax.set_xlim(0, max(sizes) / KIB * 1.12)
    return ax


def _draw_bar(ax: Axes, budget: BudgetBar) -> None:
    total = sum(size for _, size in budget.parts)
    width = max(total, budget.limit_bytes) / KIB * 1.08
    left = 0.0
    for colour, (name, size) in zip(PALETTE, budget.parts, strict=False):
        ax.barh(0, size / KIB, left=left, color=colour, height=0.5)
        if size / KIB > 0.2 * width:
            ax.text(
                left + size / KIB / 2, 0, name, ha="center", va="center", color="white", fontsize=9
            )
        left += size / KIB
    legend = ",  ".join(f"{name} {_bytes(size)}" for name, size in budget.parts)
    ax.set_title(f"{budget.name}:  {legend}", fontsize=9.5, color=INK, loc="left")
    limit = budget.limit_bytes / KIB
    ax.axvline(limit, color=BUDGET, linestyle="--", linewidth=1.4)
    ax.annotate(
        f" {budget.limit_label} {limit:,.0f} KB ", (limit, 0.02), va="bottom",
        ha="left" if limit < 0.4 * width else "right",
        xycoords=("data", "axes fraction"), color=BUDGET, fontsize=8.5,
    )  # fmt: skip
    ax.set(xlim=(0, width), ylim=(-0.62, 0.35), xlabel="KB (1,024 bytes)")
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)


def _bytes(size: int) -> str:
    return f"{size:,} B" if size < 10_000 else f"{size / KIB:,.1f} KB"


def _draw_image(ax: Axes, image: NDArray[np.float32]) -> None:
    ax.imshow(image[..., 0], cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set(visible=True, color=MUTED, linewidth=0.5)
