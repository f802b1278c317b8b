"""Chapter 0, numbers: the affine map, what it leaves of a value, and how errors add up."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyml_course.grading import forms
from tinyml_course.grading.task import Part, Task

Args = tuple[Any, ...]

TOLERANCE = 1e-6
"""In steps of the grid: far above float64's rounding, far below any mistake."""


def _limits(bits: int) -> tuple[int, int]:
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def _widened(args: Args) -> tuple[float, float]:
    return min(args[0], 0.0), max(args[1], 0.0)


def _worked_qparams(args: Args, result: Any) -> str | None:
    if args != (-1.0, 1.55, 8):
        return None
    right = np.isclose(result[0], 0.01, rtol=TOLERANCE) and result[1] == -28
    return None if right else f"the worked example says (0.01, -28), got {tuple(result)}"


def _as_fine_as_possible(args: Args, result: Any) -> str | None:
    low, high = _widened(args)
    covered = result[0] * (2 ** args[2] - 1)
    if low == high:
        return None if result[0] == 1.0 else f"a range of zero width has scale 1.0, got {result[0]}"
    if np.isclose(covered, high - low, rtol=TOLERANCE):
        return None
    return f"the codes reach over {covered:.6g}, the range over {high - low:.6g}"


def _covers(args: Args, result: Any) -> str | None:
    lowest, highest = _limits(args[2])
    scale, zero_point = result
    if not lowest <= zero_point <= highest:
        return f"0.0 has no code: {zero_point} is not in {lowest}..{highest}"
    for value in _widened(args):
        code = min(max(round(value / scale) + zero_point, lowest), highest)
        error = abs(value - scale * (code - zero_point))
        if error > scale * (0.5 + TOLERANCE):
            return f"{value:g} comes back wrong by {error / scale:.2f} steps"
    return None


CHOOSE_QPARAMS = Task(
    id="0.4",
    title="Scale and zero point",
    function="choose_qparams",
    returns=forms.tuple_of(forms.real, forms.integer),
    public_inputs=(
        (-1.0, 1.55, 8),
        (1.0, 6.0, 4),
        (-6.0, -1.0, 8),
        (-0.3, 0.9, 12),
        (0.0, 0.0, 8),
    ),
    withheld=("tinyml_course.quantization.affine",),
    parts=(
        Part("worked example", 2, "From -1 to 1.55 at 8 bits: (0.01, -28).", _worked_qparams),
        Part(
            "as fine as the codes allow",
            4,
            "The codes reach exactly from one end of the range to the other, 0.0 included.",
            _as_fine_as_possible,
        ),
        Part(
            "covers the range",
            4,
            "0.0 has a code, and each end of the range comes back within half a step.",
            _covers,
            after=("as fine as the codes allow",),
        ),
    ),
    hints=(
        "The lowest code should mean the low end of the range, the highest the high end.",
        "Widen the range first. How many steps lie between 2**bits codes?",
        "One division for the scale, and one rounded expression that sends the low end to the "
        "lowest code; a range of no width apart.",
    ),
)

WORKED_VALUES = np.array([-1.0, 0.0, 0.014, 1.27])


def _worked_roundtrip(args: Args, result: Any) -> str | None:
    if not np.array_equal(args[0], WORKED_VALUES):
        return None
    right = result.shape == (4,) and np.allclose(result, [-1.0, 0.0, 0.01, 1.27], rtol=TOLERANCE)
    return None if right else f"the worked example says [-1, 0, 0.01, 1.27], got {result.tolist()}"


def _reach(args: Args) -> tuple[float, float]:
    _, scale, zero_point, bits = args
    lowest, highest = _limits(bits)
    return scale * (lowest - zero_point), scale * (highest - zero_point)


def _nearest(args: Args, result: Any) -> str | None:
    x, scale, zero_point, _ = args
    low, high = _reach(args)
    if result.shape != x.shape:
        return f"need the shape of x, {x.shape}, got {result.shape}"
    codes = result / scale + zero_point
    for value, back, code in zip(x.flat, result.flat, codes.flat, strict=True):
        if not low <= value <= high:
            continue
        if abs(code - np.round(code)) > TOLERANCE:
            return f"{value:g} comes back as {back:g}, which no code stands for"
        if abs(value - back) > scale * (0.5 + TOLERANCE):
            return f"{value:g} comes back as {back:g}, {abs(value - back) / scale:.2f} steps away"
    return None


def _saturates(args: Args, result: Any) -> str | None:
    x, scale = args[:2]
    low, high = _reach(args)
    outside = (x < low) | (x > high)
    wrong = outside & (np.abs(result - np.clip(x, low, high)) > scale * TOLERANCE)
    if not wrong.any():
        return None
    return f"{x[wrong][0]:g} lies beyond the codes and comes back as {result[wrong][0]:g}"


ROUNDTRIP = Task(
    id="0.5",
    title="There and back",
    function="roundtrip",
    returns=forms.array("float"),
    public_inputs=(
        (WORKED_VALUES, 0.01, -28, 8),
        (np.array([[-9.0, -1.9, 0.3], [0.74, 3.4, 99.0]]), 0.5, 0, 4),
        (np.linspace(-1.0, 9.0, 41), 0.02, -128, 8),
        (np.array([-40.0, -0.1, 0.1, 40.0]), 0.125, 100, 8),
        (np.array([0.26]), 0.1, 3, 4),
    ),
    withheld=("tinyml_course.quantization.affine",),
    parts=(
        Part(
            "worked example",
            2,
            "The four values of the example come back as -1, 0, 0.01 and 1.27.",
            _worked_roundtrip,
        ),
        Part(
            "nearest code",
            4,
            "Values between the lowest and the highest code come back as the meaning of a code, at "
            "most half a step away.",
            _nearest,
        ),
        Part(
            "saturates",
            2,
            "Values beyond the codes come back as the meaning of the code at that end.",
            _saturates,
        ),
    ),
    hints=(
        "Two steps: from value to code, from code to value.",
        "The limits are limits of the codes, not of the values.",
        "Divide, round, shift, clip; then shift and multiply back.",
    ),
)

WORKED_LAYERS = [np.diag([2.0, 1.0]), np.diag([3.0, 0.0])]


def _worked_bounds(args: Args, result: Any) -> str | None:
    weights, errors = args
    if not all(np.array_equal(a, b) for a, b in zip(weights, WORKED_LAYERS, strict=False)):
        return None
    if errors != [1.0, 0.5] or np.allclose(result, [1.0, 3.5], rtol=TOLERANCE):
        return None
    return f"the worked example says [1.0, 3.5], got {result}"


def _holds_for_units(args: Args, result: Any) -> str | None:
    return _holds(args, result) if _single(args) else None


def _holds_for_layers(args: Args, result: Any) -> str | None:
    return None if _single(args) else _holds(args, result)


def _single(args: Args) -> bool:
    return all(w.size == 1 for w in args[0])


def _holds(args: Args, result: Any) -> str | None:
    """Run the worst case of each layer through the next one, and see whether the bound holds."""
    weights, errors = args
    if len(result) != len(weights):
        return f"{len(weights)} layers need as many bounds, got {len(result)}"
    for k in range(1, len(weights)):
        _, _, right = np.linalg.svd(weights[k])
        grown = np.linalg.norm(weights[k] @ (result[k - 1] * right[0])) + errors[k]
        if result[k] < grown * (1 - TOLERANCE):
            return (
                f"an error of {result[k - 1]:.4g} before layer {k} can be more than "
                f"{result[k]:.4g} after it"
            )
    return None if result[0] >= errors[0] else f"layer 0 alone adds {errors[0]}, got {result[0]}"


ERROR_BOUNDS = Task(
    id="0.6",
    title="How far errors can grow",
    function="error_bounds",
    returns=forms.list_of(forms.real),
    public_inputs=(
        (WORKED_LAYERS, [1.0, 0.5]),
        ([np.array([[2.0]]), np.array([[-3.0]]), np.array([[0.5]])], [0.1, 0.2, 0.3]),
        ([np.eye(2), np.array([[1.0, 1.0], [1.0, 1.0]]), np.eye(2)], [0.5, 0.0, 0.25]),
        ([np.ones((3, 2)), np.array([[0.0, 4.0, 0.0]])], [0.1, 0.1]),
        ([np.array([[0.0, 2.0], [0.0, 0.0]])] * 3, [1.0, 1.0, 1.0]),
    ),
    parts=(
        Part("worked example", 2, "The two layers have bounds 1.0 and 3.5.", _worked_bounds),
        Part(
            "layers of one unit",
            2,
            "With one unit a layer, the bound holds and can be reached.",
            _holds_for_units,
        ),
        Part(
            "layers of any shape",
            4,
            "With more units, the bound holds, and the layers' gains allow no smaller one.",
            _holds_for_layers,
        ),
    ),
    hints=(
        "An error that enters a layer leaves it enlarged by at most the layer's gain.",
        "The gain is the largest factor by which the matrix can stretch a vector; NumPy has it.",
        "A loop that carries one number: multiply by the gain, add the layer's own error, keep it.",
    ),
)
