"""Figures of the distillation notebook: softened answers, pushes on logits, and attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.plots.style import MUTED, PALETTE, as_text, axes_or_new, new_figure

TEACHER, STUDENT, LABEL = PALETTE[0], PALETTE[1], PALETTE[2]
BAR = 0.38


def plot_answers(
    answers: Mapping[str, NDArray[np.float64]],
    class_names: Sequence[str],
    *,
    ylabel: str = "probability",
    ax: Axes | None = None,
) -> Axes:
    """Draw a teacher's and a student's number for each class side by side.

    Parameters
    ----------
    answers : mapping of str to (K,) float
        Two rows with their names, in the order teacher, student.
    class_names : sequence of str
        K names.
    ylabel : str
        What the numbers are, with the unit if any.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax)
    places = np.arange(len(class_names))
    for number, (name, values) in enumerate(answers.items()):
        colour = (TEACHER, STUDENT)[number]
        shifted = places + BAR * (number - 0.5)
        axes.bar(shifted, values, width=BAR, color=colour, label=name)
    axes.set_xticks(places, list(class_names))
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("class")
    axes.set_ylabel(ylabel)
    axes.legend(frameon=False, fontsize=8, loc="upper right")
    return axes


def plot_pushes(
    pushes: Mapping[str, NDArray[np.float64]],
    class_names: Sequence[str],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw where each term of the loss pushes every logit of a student.

    Parameters
    ----------
    pushes : mapping of str to (K,) float
        Two rows with their names: from the teacher and from the label; minus the gradient.
    class_names : sequence of str
        K names.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax)
    places = np.arange(len(class_names))
    for number, (name, values) in enumerate(pushes.items()):
        shifted = places + BAR * (number - 0.5)
        axes.bar(shifted, values, width=BAR, color=(TEACHER, LABEL)[number], label=name)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set_xticks(places, list(class_names))
    axes.set_xlabel("class")
    axes.set_ylabel("push on the student's logit (nats)")
    axes.legend(frameon=False, fontsize=8, loc="best")
    return axes


def plot_sizes(
    temperatures: Sequence[float],
    sizes: Mapping[str, NDArray[np.float64]],
    *,
    ylabel: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw how the size of a gradient depends on the temperature, on logarithmic axes.

    Parameters
    ----------
    temperatures : sequence of float
        Where it was measured.
    sizes : mapping of str to (T,) float
        Label, and a size at each temperature.
    ylabel : str
        What it is the size of, with its unit.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax)
    for number, (label, values) in enumerate(sizes.items()):
        colour = PALETTE[number % 5]
        axes.plot(temperatures, values, "-o", color=colour, markersize=4)
        axes.annotate(
            label, (temperatures[-1], values[-1]), xytext=(8, 0), textcoords="offset points",
            va="center", fontsize=9, color=as_text(colour), annotation_clip=False,
        )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(temperatures, [f"{t:g}" for t in temperatures])
    axes.minorticks_off()
    axes.set_xlim(0.9 * temperatures[0], 2.2 * temperatures[-1])
    axes.set_xlabel("temperature")
    axes.set_ylabel(ylabel)
    return axes


def plot_attention(
    images: NDArray[np.float32], maps: Mapping[str, NDArray[np.float32]], *, side: int
) -> Figure:
    """Draw gestures with the attention maps of several networks below them.

    Parameters
    ----------
    images : (N, H, W, 1) float32
        Ink in [0, 1].
    maps : mapping of str to (N, side * side) float32
        Network, and its map for each gesture.
    side : int
        Height and width of a map, in pixels.
    """
    rows, columns = 1 + len(maps), len(images)
    figure, grid = new_figure(
        rows, columns, width=1.05 * columns + 0.6, height=1.1 * rows, squeeze=False
    )
    for column, image in enumerate(images):
        grid[0, column].imshow(image[..., 0], cmap="gray_r", vmin=0, vmax=1)
        for row, values in enumerate(maps.values(), start=1):
            grid[row, column].imshow(values[column].reshape(side, side), cmap="Blues", vmin=0)
    for axes, name in zip(grid[:, 0], ("gesture", *maps), strict=True):
        axes.set_ylabel(name, fontsize=9)
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
    return figure
