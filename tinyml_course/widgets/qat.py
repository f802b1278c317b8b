"""Experiments of the notebook on quantization-aware training: folding, and the ceiling of ReLU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.core.types import ChannelQParams, QParams
from tinyml_course.plots.qat import (
    plot_ceiling,
    plot_channel_errors,
    plot_channel_reach,
    plot_error_parts,
)
from tinyml_course.plots.style import new_figure
from tinyml_course.quantization.affine import choose_channel_qparams, choose_qparams, roundtrip
from tinyml_course.widgets.experiment import Control, Experiment

Floats = NDArray[np.float64]

KERNEL = np.random.default_rng(3).normal(0.0, 0.3, (3, 3, 8, 8))
"""A convolution before its normalisation: 8 output channels of one size."""

SCALES = ("one a channel", "one a tensor")
ACTIVATION_BITS = (2, 3, 4, 6, 8)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Folded:
    """A kernel times its normalisation's factors, after the round trip.

    Attributes
    ----------
    reach : (C,) float64
        Largest folded weight of each channel.
    half_steps : (C,) float64
        Half of each channel's step.
    errors : (C,) float64
        Root mean squared error over root mean squared weight.
    """

    reach: Floats
    half_steps: Floats
    errors: Floats


def fold_and_round(spread: int, bits: int, scales: str) -> Folded:
    """Return `KERNEL` after folding factors of 1 down to 1 / `spread` into it, and rounding.

    Parameters
    ----------
    spread : int
        Largest factor over smallest.
    bits : int
        Width of the weights.
    scales : str
        One of `SCALES`.
    """
    folded = KERNEL * np.logspace(0.0, -np.log10(spread), KERNEL.shape[-1])
    q: QParams | ChannelQParams
    if scales == "one a channel":
        q = choose_channel_qparams(folded, axis=3, bits=bits)
        steps = np.array([channel.scale for channel in q.channels])
    else:
        q = choose_qparams(folded.min(), folded.max(), bits=bits, symmetric=True)
        steps = np.full(KERNEL.shape[-1], q.scale)
    inner = (0, 1, 2)
    error = np.sqrt(((roundtrip(folded, q) - folded) ** 2).mean(axis=inner))
    return Folded(
        reach=np.abs(folded).max(axis=inner),
        half_steps=steps / 2,
        errors=error / np.sqrt((folded**2).mean(axis=inner)),
    )


def draw_folding(spread: int, bits: int, scales: str) -> Figure:
    """Draw the folded channels beside their errors."""
    result = fold_and_round(spread, bits, scales)
    figure, (left, right) = new_figure(1, 2, width=9.6, height=3.6)
    plot_channel_reach(result.reach, result.half_steps, ax=left)
    plot_channel_errors(result.errors, ax=right)
    return figure


def describe_folding(spread: int, bits: int, scales: str) -> str:
    """Return the alt text: the errors of the first and the last channel."""
    result = fold_and_round(spread, bits, scales)
    return (
        f"Eight channels whose normalisation factors spread by {spread}, at {bits} bits with "
        f"{scales.replace('one a', 'one scale a')}: error {result.errors[0]:.1%} in the largest "
        f"channel, {result.errors[-1]:.1%} in the smallest."
    )


FOLDING = Experiment(
    name="bn-folding",
    question=(
        "A normalisation multiplies one channel of a convolution by 1 and another by 1/30. "
        "At 8 bits with one scale for the kernel, how many per cent is the error in each?"
    ),
    controls=(
        Control(name="spread", label="largest factor / smallest", values=(1, 3, 10, 30, 100, 300),
                default=1),
        Control(name="bits", label="bits of the weights", values=(2, 3, 4, 6, 8), default=8),
        Control(name="scales", label="scales", values=SCALES, default="one a tensor", kind="menu"),
    ),
    draw=draw_folding,
    describe=describe_folding,
)  # fmt: skip
"""What a normalisation does to the weights of the convolution before it."""


def _make_outputs() -> dict[str, Floats]:
    rng = np.random.default_rng(5)
    usual = np.maximum(rng.normal(0.5, 1.5, 20_000), 0.0)
    rare = usual.copy()
    rare[:4] = (18.0, 21.0, 25.0, 30.0)
    return {"none": usual, "4 in 20,000": rare}


OUTPUTS = _make_outputs()
"""Outputs of a layer after ReLU, by how many of them are far out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CeilingError:
    """Root mean squared errors of a layer's outputs, in their own unit.

    Attributes
    ----------
    rounding : float
        Of the values below the ceiling, over all values.
    cutting : float
        Of the values above it, over all values.
    step : float
        Distance between two codes.
    ceiling : float
        Highest value that has a code.
    """

    rounding: float
    cutting: float
    step: float
    ceiling: float


def cut_and_round(ceiling: str, bits: int, outliers: str) -> CeilingError:
    """Return what is lost where the codes cover 0 to `ceiling`.

    Parameters
    ----------
    ceiling : str
        A number, or 'largest value' for the largest output.
    bits : int
        Width of the activations.
    outliers : str
        Key of `OUTPUTS`.
    """
    values = OUTPUTS[outliers]
    top = float(values.max()) if ceiling == "largest value" else float(ceiling)
    q = choose_qparams(0.0, top, bits=bits)
    errors = (roundtrip(np.minimum(values, top), q) - values) ** 2
    above = values > top
    return CeilingError(
        rounding=float(np.sqrt(errors[~above].sum() / len(values))),
        cutting=float(np.sqrt(errors[above].sum() / len(values))),
        step=q.scale,
        ceiling=top,
    )


def draw_ceiling(ceiling: str, bits: int, outliers: str) -> Figure:
    """Draw the outputs under the ceiling beside the two errors at every width."""
    result = cut_and_round(ceiling, bits, outliers)
    by_bits = [cut_and_round(ceiling, width, outliers) for width in ACTIVATION_BITS]
    figure, (left, right) = new_figure(1, 2, width=9.6, height=3.6, width_ratios=(1.4, 1))
    plot_ceiling(OUTPUTS[outliers], ceiling=result.ceiling, step=result.step, ax=left)
    parts = {
        "rounding, below the ceiling": np.array([part.rounding for part in by_bits]),
        "cutting, above the ceiling": np.array([part.cutting for part in by_bits]),
    }
    plot_error_parts(ACTIVATION_BITS, parts, chosen=bits, ax=right)
    return figure


def describe_ceiling(ceiling: str, bits: int, outliers: str) -> str:
    """Return the alt text: step and both errors."""
    result = cut_and_round(ceiling, bits, outliers)
    return (
        f"Outputs of a ReLU (far outliers: {outliers}) in {bits} bits under a ceiling of "
        f"{result.ceiling:.3g}: step {result.step:.4f}, error from rounding {result.rounding:.4f}, "
        f"from cutting {result.cutting:.4f}."
    )


CEILING = Experiment(
    name="activation-ceiling",
    question=(
        "Four of 20,000 outputs of a layer are as large as 30, the others stay below 7. Which "
        "ceiling gives the smaller error at 8 bits: 6, or the largest value? And at 4 bits?"
    ),
    controls=(
        Control(name="ceiling", label="ceiling", values=("2", "4", "6", "8", "largest value"),
                default="largest value"),
        Control(name="bits", label="bits of the activations", values=ACTIVATION_BITS, default=8),
        Control(name="outliers", label="outputs far out", values=tuple(OUTPUTS),
                default="4 in 20,000", kind="menu"),
    ),
    draw=draw_ceiling,
    describe=describe_ceiling,
)  # fmt: skip
"""What a ceiling on activations costs and saves."""
