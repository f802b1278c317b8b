"""Experiments of the notebooks on number formats and on error growth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.core.types import QParams
from tinyml_course.plots.quantizer import (
    plot_bit_fields,
    plot_error_histogram,
    plot_growth,
    plot_staircase,
)
from tinyml_course.plots.style import new_figure
from tinyml_course.quantization.affine import choose_qparams, dequantize, roundtrip
from tinyml_course.quantization.error_growth import ErrorGrowth, measure_growth, random_network
from tinyml_course.quantization.formats import (
    BF16,
    FP16,
    FP32,
    Spelling,
    spell_float,
    spell_integer,
)
from tinyml_course.widgets.experiment import Control, Experiment

INTEGER_RANGE = (-8.0, 8.0)
"""Range that the integer formats of the spelling experiment cover."""


def spell(value: float) -> tuple[Spelling, ...]:
    """Return `value` in FP32, FP16, bfloat16, and as INT8 and INT4 codes over [-8, 8]."""
    floats = tuple(spell_float(value, form) for form in (FP32, FP16, BF16))
    integers = (
        spell_integer(value, choose_qparams(*INTEGER_RANGE, bits=bits, symmetric=True))
        for bits in (8, 4)
    )
    return (*floats, *integers)


def draw_spelling(value: float) -> Figure:
    """Draw `value` bit by bit in five formats."""
    figure, ax = new_figure(width=10.0, height=4.0)
    plot_bit_fields([(f"{s.name}: {s.stored:.8g}", s.bits, s.fields) for s in spell(value)], ax=ax)
    return figure


def describe_spelling(value: float) -> str:
    """Return the alt text: what each format keeps of `value`."""
    kept = "; ".join(f"{s.name} {s.bits} is {s.stored:.8g}" for s in spell(value))
    return f"The number {value:g} bit by bit. {kept}."


SPELLING = Experiment(
    name="number-formats",
    question=(
        "A tensor's INT8 codes cover -8 to 8. Which of the numbers 0.01, 0.1, 3.14159, 300 and "
        "70000 does INT8 keep worst, and which of them does FP16 not hold at all?"
    ),
    controls=(
        Control(
            name="value",
            label="number",
            values=(0.0, 1.0, -1.0, 0.01, 0.1, 0.3, 3.14159, -6.25, 300.0, 70000.0, 1e-7),
            default=1.0,
            kind="menu",
        ),
    ),
    draw=draw_spelling,
    describe=describe_spelling,
)
"""One number in five formats, bit by bit."""


def _make_tensors() -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(7)
    bell = rng.normal(0.0, 0.3, 4000)
    outlier = bell.copy()
    outlier[0] = 4 * np.abs(bell).max()
    return {
        "weights (bell)": bell,
        "weights with one outlier": outlier,
        "activations after ReLU": np.maximum(rng.normal(0.2, 0.5, 4000), 0.0),
    }


TENSORS = _make_tensors()
"""Samples that the quantizer explorer quantizes, by name."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantized:
    """A tensor after its round trip.

    Attributes
    ----------
    q : QParams
        The map.
    errors : (N,) float64
        Round trip minus value.
    reach : (float, float)
        Values of the lowest and the highest code.
    saturated : float
        Share of the values outside `reach` by more than half a step.
    """

    q: QParams
    errors: NDArray[np.float64]
    reach: tuple[float, float]
    saturated: float

    @property
    def rms(self) -> float:
        """Root of the mean squared error."""
        return float(np.sqrt(np.mean(self.errors**2)))

    @property
    def worst(self) -> float:
        """Largest error."""
        return float(np.abs(self.errors).max())


def quantize_tensor(
    x: NDArray[np.float64], *, bits: int, share: float, symmetric: bool
) -> Quantized:
    """Return `x` quantized over a share of its observed range.

    Parameters
    ----------
    x : (N,) float64
        Values.
    bits : int
        Width of the codes.
    share : float
        What part of the observed range the codes cover; below 1 the ends saturate.
    symmetric : bool
        Put the zero point at code 0.
    """
    low, high = share * float(x.min()), share * float(x.max())
    q = choose_qparams(low, high, bits=bits, symmetric=symmetric)
    errors = roundtrip(x, q) - x
    lowest, highest = dequantize(q.limits, q).tolist()
    return Quantized(
        q=q,
        errors=errors,
        reach=(lowest, highest),
        saturated=float(np.mean(np.abs(errors) > 0.5001 * q.scale)),
    )


def draw_quantizer(tensor: str, bits: int, share: float, symmetric: bool) -> Figure:
    """Draw the staircase and the error histogram of one setting."""
    x = TENSORS[tensor]
    result = quantize_tensor(x, bits=bits, share=share, symmetric=symmetric)
    figure, (left, right) = new_figure(1, 2, width=10.0, height=4.0)
    grid = np.linspace(1.1 * min(x.min(), -0.1), 1.1 * x.max(), 1600)
    samples = np.concatenate([x[:150], [x.min(), x.max()]])
    plot_staircase(grid, roundtrip(grid, result.q), samples, limits=result.reach, ax=left)
    plot_error_histogram(result.errors, result.q.scale, ax=right)
    left.set_title(f"step {result.q.scale:.3g}, zero point {result.q.zero_point}")
    right.set_title(
        f"RMS error {result.rms:.3g}, worst {result.worst:.3g}, saturated {result.saturated:.1%}\n"
    )
    return figure


def describe_quantizer(tensor: str, bits: int, share: float, symmetric: bool) -> str:
    """Return the alt text: step, root mean square and worst error, share that saturates."""
    result = quantize_tensor(TENSORS[tensor], bits=bits, share=share, symmetric=symmetric)
    kind = "symmetric" if symmetric else "asymmetric"
    return (
        f"Left: staircase of {2**bits} codes at most, {kind}, over {share:.0%} of the range of "
        f"{tensor}; step {result.q.scale:.3g}. Right: histogram of the errors; root mean square "
        f"{result.rms:.3g}, worst {result.worst:.3g}; half a step is {result.q.scale / 2:.3g}; "
        f"{result.saturated:.1%} of the values saturate."
    )


QUANTIZER = Experiment(
    name="quantizer-explorer",
    question=(
        "At 4 bits, which range gives the smallest RMS error for bell-shaped weights: all that "
        "was observed, three quarters of it, or half?"
    ),
    controls=(
        Control(
            name="tensor",
            label="values",
            values=tuple(TENSORS),
            default="weights (bell)",
            kind="menu",
        ),
        Control(name="bits", label="bits", values=(2, 3, 4, 5, 6, 8), default=4),
        Control(
            name="share",
            label="part of the range covered",
            values=(0.25, 0.5, 0.75, 1.0, 1.5, 2.0),
            default=1.0,
        ),
        Control(
            name="symmetric", label="symmetric", values=(False, True), default=False, kind="menu"
        ),
    ),
    draw=draw_quantizer,
    describe=describe_quantizer,
)
"""Staircase and error histogram against bits, range and kind of map."""


def grow_error(depth: int, bits: int, gain: float) -> ErrorGrowth:
    """Return the errors of a seeded random network of 64 units a layer, relative to its input."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 64))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return measure_growth(random_network(depth, gain=gain, rng=rng), x, bits=bits)


def draw_growth(depth: int, bits: int, gain: float) -> Figure:
    """Draw the error after each layer, its bound, and the sum of the layers' own errors."""
    growth = grow_error(depth, bits, gain)
    figure, ax = new_figure(width=9.0, height=4.0)
    plot_growth(growth.total, growth.summed, growth.bound, ax=ax)
    ax.set_ylabel("error after the layer (input = 1)")
    ax.set_title(
        f"at the output: error / signal = {growth.total[-1] / growth.signal[-1]:.2%}, "
        f"error / sum = {growth.total[-1] / growth.summed[-1]:.2f}"
    )
    return figure


def describe_growth(depth: int, bits: int, gain: float) -> str:
    """Return the alt text: error, sum and bound at the output."""
    growth = grow_error(depth, bits, gain)
    return (
        f"Error after each of {depth} layers, {bits}-bit weights, gain {gain:g} per layer, inputs "
        f"of size 1. At the output: measured {growth.total[-1]:.3g}, sum of the layers' own errors "
        f"{growth.summed[-1]:.3g}, upper bound {growth.bound[-1]:.3g}; the error is "
        f"{growth.total[-1] / growth.signal[-1]:.2%} of the signal."
    )


GROWTH = Experiment(
    name="error-growth",
    question=(
        "Is the error at the output above or below the sum of the layers' own errors? Does the "
        "answer depend on the number of bits, on depth, or on the gain of the layers?"
    ),
    controls=(
        Control(name="depth", label="layers", values=(1, 2, 4, 8, 16, 24), default=8),
        Control(name="bits", label="bits per weight", values=(2, 3, 4, 6, 8), default=8),
        Control(
            name="gain", label="gain per layer", values=(0.6, 0.8, 1.0, 1.2, 1.5, 2.0), default=1.0
        ),
    ),
    draw=draw_growth,
    describe=describe_growth,
)
"""Measured error, its proven ceiling, and the sum that is said to be its floor."""
