"""The experiments of the search notebook: weights along a front, and the size of a space."""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.nas.pareto import (
    normalise,
    pareto_mask,
    supported_mask,
    weighted_max,
    weighted_sum,
)
from tinyml_course.plots.pareto import plot_magnitudes, plot_scalarisation
from tinyml_course.plots.style import new_axes
from tinyml_course.widgets.experiment import Control, Experiment

Method = Literal["weighted sum", "weighted max"]
SCORES = {"weighted sum": weighted_sum, "weighted max": weighted_max}
WEIGHTS = tuple(round(0.02 + 0.04 * step, 2) for step in range(25))
SECONDS_A_YEAR = 365.25 * 86400


def choose(scaled: NDArray[np.float64], size_weight: float, method: Method) -> int:
    """Return the index of the candidate with the lowest score.

    Parameters
    ----------
    scaled : (N, 2) float
        Normalised costs: size, error.
    size_weight : float
        Weight of the size, in (0, 1); the error gets the rest.
    method : {'weighted sum', 'weighted max'}
        How the two costs become one score.
    """
    return int(np.argmin(SCORES[method](scaled, [size_weight, 1 - size_weight])))


def reachable_mask(scaled: NDArray[np.float64], method: Method) -> NDArray[np.bool_]:
    """Return which candidates some positive weights choose, (N,) bool.

    Weighted sums reach the corners of the convex hull; weighted maxima the whole front.
    """
    return supported_mask(scaled) if method == "weighted sum" else pareto_mask(scaled)


def equal_score(
    scaled: NDArray[np.float64], chosen: int, size_weight: float, method: Method
) -> NDArray[np.float64]:
    """Return points of the chosen candidate's score in normalised costs, (P, 2)."""
    weights = np.array([size_weight, 1 - size_weight])
    score = SCORES[method](scaled, weights)[chosen]
    if method == "weighted max":
        corner = score / weights
        return np.array([[corner[0], -0.2], corner, [-0.2, corner[1]]])
    x = np.linspace(-0.2, 1.2, 60)
    return np.column_stack([x, (score - weights[0] * x) / weights[1]])


def scalarisation_experiment(
    names: tuple[str, ...], kilobytes: NDArray[np.float64], error_percent: NDArray[np.float64]
) -> Experiment:
    """Return the experiment on measured candidates: weights move the choice along the front.

    Parameters
    ----------
    names : tuple of str
        N candidates.
    kilobytes : (N,) float
        Size of the weights, KB.
    error_percent : (N,) float
        Test error, percent.
    """
    costs = np.column_stack([kilobytes, error_percent])

    def scale(size_axis: str) -> NDArray[np.float64]:
        size = np.log(kilobytes) if size_axis == "logarithm of KB" else kilobytes
        return normalise(np.column_stack([size, error_percent]))

    def draw(size_weight: float, method: Method, size_axis: str) -> Figure:
        return _draw_choice(costs, scale(size_axis), size_weight, method, size_axis)

    def describe(size_weight: float, method: Method, size_axis: str) -> str:
        scaled = scale(size_axis)
        front = pareto_mask(costs)
        best = choose(scaled, size_weight, method)
        missed = int((front & ~reachable_mask(scaled, method)).sum())
        return (
            f"Test error against size of {len(names)} networks. With weight {size_weight:g} on "
            f"the {size_axis} and {method}, the choice is {names[best]}: {kilobytes[best]:.2f} KB, "
            f"error {error_percent[best]:.2f} %. No weights choose {missed} of the "
            f"{int(front.sum())} networks on the front."
        )

    return Experiment(
        name="scalarisation",
        question=(
            "Sweep the weight from accuracy to size. How many of the networks on the front "
            "will the weighted sum never choose?"
        ),
        controls=(
            Control(name="size_weight", label="weight on size", values=WEIGHTS, default=0.5),
            Control(
                name="method", label="score", values=tuple(SCORES), default="weighted sum",
                kind="menu",
            ),
            Control(
                name="size_axis", label="size counted in", values=("KB", "logarithm of KB"),
                default="KB", kind="menu",
            ),
        ),
        draw=draw,
        describe=describe,
    )  # fmt: skip


def _draw_choice(
    costs: NDArray[np.float64],
    scaled: NDArray[np.float64],
    size_weight: float,
    method: Method,
    size_axis: str,
) -> Figure:
    chosen = choose(scaled, size_weight, method)
    contour = equal_score(scaled, chosen, size_weight, method)
    log_x = size_axis == "logarithm of KB"
    size = np.log(costs[:, 0]) if log_x else costs[:, 0]
    low, spread = (
        np.array([size.min(), costs[:, 1].min()]),
        np.array([np.ptp(size), np.ptp(costs[:, 1])]),
    )
    contour = low + contour * spread
    if log_x:
        contour[:, 0] = np.exp(contour[:, 0])
    axes = plot_scalarisation(
        costs,
        pareto_mask(costs),
        reachable_mask(scaled, method),
        chosen,
        contour,
        xlabel="weights (KB, exact)",
        ylabel="test error (%, measured)",
        log_x=log_x,
        ax=new_axes(height=4.2),
    )
    figure = axes.get_figure(root=True)
    assert isinstance(figure, Figure)
    return figure


def count_architectures(layers: int, operations: int, widths: int, kernels: int) -> int:
    """Return how many networks there are if each layer chooses freely, an exact integer.

    Examples
    --------
    >>> count_architectures(2, 5, 8, 3)
    14400
    """
    return (operations * widths * kernels) ** layers


def space_experiment(seconds_per_training: float) -> Experiment:
    """Return the experiment on the size of a search space.

    Parameters
    ----------
    seconds_per_training : float
        Measured time of one training, for the share that a day covers.
    """

    def draw(layers: int, operations: int, widths: int, kernels: int) -> Figure:
        axes = plot_magnitudes(
            {
                "networks in the space": count_architectures(layers, operations, widths, kernels),
                "trained in a day here": max(1.0, 86400 / seconds_per_training),
                "trained in a year here": max(1.0, SECONDS_A_YEAR / seconds_per_training),
                "a year, 1000 machines": max(1.0, 1e3 * SECONDS_A_YEAR / seconds_per_training),
            },
            xlabel="networks (exact, and modelled from one measured training)",
            highlight="networks in the space",
        )
        figure = axes.get_figure(root=True)
        assert isinstance(figure, Figure)
        return figure

    def describe(layers: int, operations: int, widths: int, kernels: int) -> str:
        size = count_architectures(layers, operations, widths, kernels)
        years = size * seconds_per_training / SECONDS_A_YEAR
        return (
            f"{layers} layers with {operations} operations, {widths} widths and {kernels} kernel "
            f"sizes each: {size:.3g} networks. Training all of them takes {years:.2g} years at "
            f"{seconds_per_training:.1f} s each."
        )

    return Experiment(
        name="search-space",
        question="How many layers until a year of training no longer covers the space?",
        controls=(
            Control(name="layers", label="layers", values=(1, 2, 3, 4, 5, 6, 8, 10), default=4),
            Control(name="operations", label="operations", values=(1, 3, 5), default=5),
            Control(name="widths", label="widths", values=(1, 2, 4, 8), default=8),
            Control(name="kernels", label="kernel sizes", values=(1, 3), default=3),
        ),
        draw=draw,
        describe=describe,
    )
