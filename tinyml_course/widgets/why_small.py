"""Experiments on why small networks work: temperature, and the shape of a winning ticket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.compression.lottery import TicketRound, tabulate
from tinyml_course.compression.soft_targets import soften
from tinyml_course.core.statistics import Interval, mean_interval
from tinyml_course.plots.why_small import Curve, plot_softened, plot_survivors
from tinyml_course.widgets.experiment import Control, Experiment

TEMPERATURES = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0)

NAMES = {
    "ticket": "ticket",
    "reinitialised": "new weights",
    "random_mask": "random mask",
    "pruned": "not retrained",
}
"""What the figures call the networks of a `TicketRound`."""


def entropy_bits(probabilities: NDArray[np.float64]) -> float:
    """Return the entropy of one distribution (K,), in bits: 0 if certain, log2 K if even.

    Examples
    --------
    >>> entropy_bits(np.array([0.5, 0.5, 0.0]))
    1.0
    """
    present = probabilities[probabilities > 0]
    return float(-(present * np.log2(present)).sum())


def curve_over_seeds(name: str, x: Sequence[float], values: NDArray[np.float64]) -> Curve:
    """Return means and 95 % intervals of `values` (seeds, places) as a curve over `x`."""
    intervals: list[Interval] = [mean_interval(column) for column in values.T]
    return Curve(
        name=name,
        x=np.asarray(x, float),
        mean=np.array([i.mean for i in intervals]),
        half_width=np.array([i.half_width for i in intervals]),
    )


def ticket_curves(
    hunts: Sequence[tuple[float, tuple[TicketRound, ...]]],
) -> tuple[Curve, ...]:
    """Return accuracy in percent against weights kept in percent, for each kind of network."""
    kept = [100 * found.kept for found in hunts[0][1]]
    return tuple(
        curve_over_seeds(NAMES[kind], kept, 100 * values)
        for kind, values in tabulate(hunts).items()
    )


def count_survivors(round_: TicketRound, side: int) -> NDArray[np.int64]:
    """Return how many first-layer weights each pixel has left, (side, side).

    Raises
    ------
    ValueError
        If the network's inputs are not an image of that side.
    """
    mask = round_.masks[0]
    if mask.shape[0] != side * side:
        raise ValueError(f"{mask.shape[0]} inputs are no {side} x {side} image")
    return np.asarray(mask.sum(axis=1).reshape(side, side), np.int64)


def temperature_explorer(
    images: NDArray[np.float32], logits: NDArray[Any], class_names: Sequence[str]
) -> Experiment:
    """Return an experiment that softens a trained teacher's outputs.

    Parameters
    ----------
    images : (N, H, W, 1) float32
        A few gestures, one for each position of the menu.
    logits : (N, K) float
        The teacher's outputs before softmax on them.
    class_names : sequence of str
        K names.
    """

    def caption(sample: int, temperature: float) -> str:
        bits = entropy_bits(soften(logits[sample], temperature))
        return f"T = {temperature:g}: {bits:.2f} of at most {np.log2(len(class_names)):.2f} bits"

    def draw(sample: int, temperature: float) -> Figure:
        softened = soften(logits[sample], temperature)
        text = caption(sample, temperature)
        return plot_softened(images[sample], softened, class_names, caption=text)

    def describe(sample: int, temperature: float) -> str:
        softened = soften(logits[sample], temperature)
        first, second = np.argsort(softened)[::-1][:2]
        return (
            f"A teacher's softened output for gesture {sample}, {caption(sample, temperature)}: "
            f"{class_names[first]} {softened[first]:.3f}, then {class_names[second]} "
            f"{softened[second]:.3g}."
        )

    return Experiment(
        name="distillation-temperature",
        question="At which temperature does the second most likely class pass 0.1?",
        controls=(
            Control(
                name="sample",
                label="gesture",
                values=tuple(range(len(images))),
                default=0,
                kind="menu",
            ),
            Control(name="temperature", label="temperature", values=TEMPERATURES, default=1.0),
        ),
        draw=draw,
        describe=describe,
    )


def ticket_explorer(rounds: Sequence[TicketRound], *, side: int) -> Experiment:
    """Return an experiment that shows where a ticket's weights are, round by round.

    Parameters
    ----------
    rounds : sequence of TicketRound
        One hunt, in order.
    side : int
        Height and width of the input image, in pixels.
    """

    def caption(number: int) -> str:
        found = rounds[number - 1]
        return f"{100 * found.kept:.1f} % of the weights: {100 * found.ticket:.1f} % right"

    def draw(number: int) -> Figure:
        found = rounds[number - 1]
        counts = count_survivors(found, side)
        ax = plot_survivors(counts, caption=caption(number), hidden=found.masks[0].shape[1])
        figure = ax.get_figure(root=True)
        assert figure is not None
        return figure

    def describe(number: int) -> str:
        counts = count_survivors(rounds[number - 1], side)
        return (
            f"Map of the ticket's first layer after round {number}: {caption(number)}; "
            f"{np.mean(counts == 0):.0%} of the pixels are no longer looked at."
        )

    return Experiment(
        name="ticket-map",
        question="Which pixels does a network with a few per cent of its weights still look at?",
        controls=(
            Control(
                name="number",
                label="round of pruning",
                values=tuple(range(1, len(rounds) + 1)),
                default=1,
            ),
        ),
        draw=draw,
        describe=describe,
    )
