"""Experiments on gradients through rounding and on schedules of bit widths."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.core.types import QParams
from tinyml_course.plots.fake_quant import (
    plot_descent,
    plot_grid_histogram,
    plot_slopes,
    plot_surrogate,
    plot_widths,
)
from tinyml_course.plots.style import new_figure
from tinyml_course.quantization.affine import quantize, roundtrip
from tinyml_course.quantization.descent import (
    ESTIMATORS,
    Descent,
    Estimator,
    LinearTask,
    best_on_grid,
    descend,
    make_task,
    start_grid,
)
from tinyml_course.quantization.fake_quant import IDENTITY_BITS
from tinyml_course.quantization.ste import ste_gradient, ste_surrogate
from tinyml_course.widgets.experiment import Control, Experiment

Floats = NDArray[np.float64]

RATE = 0.05
"""Step length of the explorer's descents, in units of the inverse curvature."""

SEARCHABLE_BITS = 3
"""Widest grid whose best point is found by trying all."""

TASK: LinearTask = make_task(12)
"""Six weights whose errors can cancel; the explorer quantizes them."""


@lru_cache(maxsize=64)
def run_descent(bits: int, estimator: Estimator, cover: float) -> Descent:
    """Return the explorer's descent at one setting."""
    return descend(TASK, bits=bits, estimator=estimator, cover=cover, rate=RATE)


@lru_cache(maxsize=64)
def known_losses(bits: int, cover: float) -> dict[str, float]:
    """Return the losses to compare with: each weight rounded, and the best point of the grid."""
    q = start_grid(TASK, bits=bits, cover=cover)
    levels = {"each weight rounded": TASK.loss(roundtrip(TASK.w, q))}
    if bits <= SEARCHABLE_BITS:
        levels["best of this grid"] = best_on_grid(TASK, q)[0]
    return levels


def slopes_of(estimator: Estimator, x: Floats, q: QParams) -> dict[str, Floats]:
    """Return the slopes that an estimator takes for the quantizer's, by what they are taken by."""
    if estimator == "true slope":
        return {"by the weight": np.zeros_like(x)}
    slopes = {"by the weight": ste_gradient(x, q, 1.0)}
    if estimator == "learned step":
        inside = slopes["by the weight"] > 0
        slopes["by the step"] = quantize(x, q) - np.where(inside, x / q.scale, 0.0)
    return slopes


def draw_ste(bits: int, estimator: Estimator, cover: float) -> Figure:
    """Draw staircase, borrowed slopes, and the loss of a descent with them."""
    q = start_grid(TASK, bits=bits, cover=cover)
    run, reach = run_descent(bits, estimator, cover), q.scale * q.limits[1]
    x = np.linspace(-1.25 * np.abs(TASK.w).max(), 1.25 * np.abs(TASK.w).max(), 1201)
    figure, (left, middle, right) = new_figure(1, 3, width=11.0, height=3.6)
    borrowed = None if estimator == "true slope" else ste_surrogate(x, q)
    plot_surrogate(x, roundtrip(x, q), borrowed, reach=(-reach, reach), ax=left)
    left.plot(TASK.w, np.zeros_like(TASK.w), "k|", markersize=9)
    plot_slopes(x, slopes_of(estimator, x, q), ax=middle)
    plot_descent({estimator: run.loss}, known_losses(bits, cover), ax=right)
    right.set_title(f"at the end {run.loss[-1]:.2%}, lowest {run.loss.min():.2%}")
    return figure


def describe_ste(bits: int, estimator: Estimator, cover: float) -> str:
    """Return the alt text: where the loss starts and ends, and what it is compared with."""
    run = run_descent(bits, estimator, cover)
    known = ", ".join(f"{name} {loss:.2%}" for name, loss in known_losses(bits, cover).items())
    return (
        f"Staircase of {2**bits - 1} values over {cover:.0%} of the range of six weights, the "
        f"slopes that '{estimator}' takes for it, and the loss of {len(run.loss) - 1} steps of "
        f"descent: {run.loss[0]:.2%} at the start, {run.loss[-1]:.2%} at the end, lowest "
        f"{run.loss.min():.2%}. For comparison: {known}."
    )


STE = Experiment(
    name="ste-explorer",
    question=(
        "At 3 bits, which estimator gets below the loss of simply rounding each weight: the "
        "true slope, the straight-through slope, a learned step? And when the grid covers only "
        "half of the weights' range?"
    ),
    controls=(
        Control(
            name="estimator", label="slope", values=ESTIMATORS, default="true slope", kind="menu"
        ),
        Control(name="bits", label="bits per weight", values=(2, 3, 4, 6), default=3),
        Control(
            name="cover",
            label="part of the range that the first grid covers",
            values=(0.5, 0.75, 1.0, 1.5),
            default=1.0,
        ),
    ),
    draw=lambda estimator, bits, cover: draw_ste(bits, estimator, cover),
    describe=lambda estimator, bits, cover: describe_ste(bits, estimator, cover),
)
"""Staircase, surrogate and descent against width, estimator and range."""

EPOCHS = 20
KERNELS = (32, 8, 4)
"""Widths of weights that TFLM's convolutions compute with: float32, int8, int4."""

PLANS: dict[str, tuple[int, ...]] = {
    "int(32 - 24 x progress)": tuple(
        int(32 - 24 * min(max((epoch - 5) / 10, 0.0), 1.0)) for epoch in range(EPOCHS)
    ),
    "32, 16, 8, 6, 4 evenly": tuple(np.repeat((32, 16, 8, 6, 4), 4).tolist()),
    "short stages": (32, 16, 8, 6) + (4,) * (EPOCHS - 4),
    "4 bits at once": (4,) * EPOCHS,
}
"""Bits in each of 20 epochs, by the schedule's name."""

BELL: Floats = np.random.default_rng(0).normal(0.0, 0.3, 3000)
"""Weights that the schedule explorer quantizes."""


def quantize_bell(bits: int) -> Floats:
    """Return the explorer's weights on a symmetric grid of `bits`; 32 keep them as they are."""
    if bits >= IDENTITY_BITS:
        return BELL
    highest = 2 ** (bits - 1) - 1
    return roundtrip(BELL, QParams(float(np.abs(BELL).max()) / highest, 0, bits, narrow=True))


def draw_schedule(plan: str, epoch: int) -> Figure:
    """Draw a schedule's widths, and the weights as one of its epochs sees them."""
    bits = PLANS[plan][epoch]
    values = quantize_bell(bits)
    figure, (left, right) = new_figure(1, 2, width=10.0, height=3.8)
    plot_widths({plan: PLANS[plan]}, kernels=KERNELS, ax=left)
    left.axvline(epoch, color="black", linewidth=0.9, linestyle="--")
    plot_grid_histogram(values, ax=right)
    error = np.sqrt(np.mean((values - BELL) ** 2) / np.mean(BELL**2))
    left.set_title(f"epoch {epoch}: {bits} bits")
    right.set_title(f"{len(np.unique(values)):,} different values, error {error:.2g} of the size")
    return figure


def describe_schedule(plan: str, epoch: int) -> str:
    """Return the alt text: the epoch's width, its number of values, whether a kernel has it."""
    bits = PLANS[plan][epoch]
    values = quantize_bell(bits)
    has = "has" if bits in KERNELS else "does not have"
    return (
        f"Schedule '{plan}', epoch {epoch} of {EPOCHS}: {bits} bits, a width that the device "
        f"runtime {has} kernels for. {len(BELL):,} weights take {len(np.unique(values)):,} values."
    )


SCHEDULE = Experiment(
    name="bit-schedules",
    question=(
        "The formula int(32 - 24 x progress) lowers the width from epoch 5 to epoch 15. In which "
        "epoch do the weights first look different to your eye?"
    ),
    controls=(
        Control(
            name="plan",
            label="schedule",
            values=tuple(PLANS),
            default="int(32 - 24 x progress)",
            kind="menu",
        ),
        Control(name="epoch", label="epoch", values=tuple(range(EPOCHS)), default=0),
    ),
    draw=draw_schedule,
    describe=describe_schedule,
)
"""Widths over the epochs, and what the weights look like in each."""
