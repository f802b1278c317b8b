"""Chapter 1, training: steps of channels, two borrowed gradients, a folded layer, a schedule."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyml_course.grading import forms
from tinyml_course.grading.task import Part, Task, worked_examples

Args = tuple[Any, ...]

TOLERANCE = 1e-6
"""Relative: far above float64's rounding, far below any mistake."""

WORKED_WEIGHTS = np.array([[0.5, -2.54], [-1.27, 1.0]])
_FILTERS = np.linspace(-1.0, 0.7, 54).reshape(3, 3, 2, 3) * np.array([1.0, 20.0, 0.01])
_HOLEY = np.array([[0.0, 0.3, -0.1], [0.0, -0.6, 0.0]])


def _shape_fault(args: Args, result: Any) -> str | None:
    channels = args[0].shape[-1]
    if result.shape == (channels,):
        return None
    return f"{channels} channels need as many steps, got shape {result.shape}"


def _worked_scales(args: Args, result: Any) -> str | None:
    if not np.array_equal(args[0], WORKED_WEIGHTS) or args[1] != 8:
        return _shape_fault(args, result)
    right = result.shape == (2,) and np.allclose(result, [0.01, 0.02], rtol=TOLERANCE)
    return None if right else f"the worked example says [0.01, 0.02], got {result.tolist()}"


def _outermost(args: Args, result: Any) -> str | None:
    w, bits = args
    outermost = 2 ** (bits - 1) - 1
    if fault := _shape_fault(args, result):
        return fault
    for channel, (weights, scale) in enumerate(
        zip(w.reshape(-1, w.shape[-1]).T, result, strict=True)
    ):
        size = np.abs(weights).max()
        if size and not (scale > 0 and np.isclose(size / scale, outermost, rtol=TOLERANCE)):
            return (
                f"the largest weight of channel {channel} lies {size / scale:.5g} steps from zero, "
                f"the outermost code {outermost}"
            )
    return None


def _empty(args: Args, result: Any) -> str | None:
    empty = ~args[0].reshape(-1, args[0].shape[-1]).any(axis=0)
    wrong = result[empty] != 1.0
    return (
        f"a channel of zeros has the step 1.0, got {result[empty][wrong][0]:g}"
        if wrong.any()
        else None
    )


CHANNEL_SCALES = Task(
    id="1.1",
    title="One step for each channel",
    function="channel_scales",
    returns=forms.array("float", ndim=1),
    public_inputs=(
        (WORKED_WEIGHTS, 8),
        (_FILTERS, 8),
        (_FILTERS, 4),
        (np.array([[-3.0], [2.0], [1.0]]), 2),
        (_HOLEY, 8),
    ),
    withheld=("tinyml_course.quantization.affine",),
    parts=(
        Part("worked example", 2, "Each channel has a step; the example's are 0.01 and 0.02.",
             _worked_scales),
        Part(
            "outermost code",
            4,
            "In each channel, the weight of the largest magnitude gets exactly an outermost code.",
            _outermost,
        ),
        Part(
            "channels of zeros",
            2,
            "A channel without any weight other than zero has the step 1.0.",
            _empty,
            after=("outermost code",),
        ),
    ),
    hints=(
        "The codes lie around zero and as many on either side; how many are there on one side?",
        "The channels lie along the last axis; the maximum runs over all the others.",
        "A maximum of magnitudes over several axes, a quotient, and one replacement for zeros.",
    ),
)  # fmt: skip

WORKED_X = np.array([-5.0, -4.0, 0.2, 3.5, 9.0])
WORKED_UPSTREAM = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
_WIDE = np.linspace(-6.2, 6.1, 42).reshape(6, 7)
_PULL = np.linspace(0.5, 2.0, 42).reshape(6, 7)


def reach(args: Args) -> tuple[float, float]:
    """Return the values of the lowest and of the highest code."""
    _, scale, zero_point, bits, _ = args
    lowest, highest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return scale * (lowest - zero_point), scale * (highest - zero_point)


def _worked_gradient(args: Args, result: Any) -> str | None:
    if not np.array_equal(args[0], WORKED_X):
        return None
    right = result.tolist() == [0.0, 2.0, 3.0, 4.0, 0.0]
    return None if right else f"the worked example says [0, 2, 3, 4, 0], got {result.tolist()}"


def _passes_inside(args: Args, result: Any) -> str | None:
    x, upstream = args[0], args[-1]
    low, high = reach(args)
    if result.shape != x.shape:
        return f"need the shape of x, {x.shape}, got {result.shape}"
    for value, up, found in zip(x.flat, upstream.flat, result.flat, strict=True):
        inside = low <= value <= high
        if inside and found != up:
            return f"{value:g} lies within the codes' reach; its gradient {up:g} became {found:g}"
        if not inside and found != 0:
            return f"{value:g} lies beyond the codes' reach; moving it a little changes nothing"
    return None


STRAIGHT_THROUGH = Task(
    id="1.2",
    title="The gradient that rounding borrows",
    function="ste_gradient",
    returns=forms.array("float"),
    public_inputs=(
        (WORKED_X, 0.5, 0, 4, WORKED_UPSTREAM),
        (_WIDE, 0.7, 0, 4, _PULL),
        (_WIDE, 1.0, 0, 3, -_PULL),
        (_WIDE, 0.5, -3, 4, _PULL),
        (_WIDE, 0.04, 90, 8, _PULL),
        (np.array([-1.0, -0.5, 0.0, 6.5, 7.0]), 0.5, -7, 4, WORKED_UPSTREAM),
    ),
    withheld=("tinyml_course.quantization.ste",),
    parts=(
        Part("worked example", 2, "Two of the example's five gradients are stopped.",
             _worked_gradient),
        Part(
            "zero point 0",
            3,
            "Within the codes' reach the gradient passes unchanged, beyond it nothing passes.",
            lambda args, result: _passes_inside(args, result) if args[2] == 0 else None,
        ),
        Part(
            "other zero points",
            3,
            "The same where the codes lie to one side of zero.",
            lambda args, result: _passes_inside(args, result) if args[2] else None,
        ),
    ),
    hints=(
        "Looking past the steps, where does the output follow the input, and where is it flat?",
        "Compare values with values: what do the lowest and the highest code stand for?",
        "Two ends from scale, zero point and width, and a choice between upstream and zero.",
    ),
)  # fmt: skip

WORKED_STEP = (np.array([0.3]), 0.5, 2, np.array([1.0]))
_WEIGHTS = np.array([[0.31, -0.72, 0.05], [0.94, -0.18, 0.47]])
_UP = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]])


def saturates(args: Args) -> bool:
    """Whether a weight lies beyond the outermost codes."""
    w, scale, bits, _ = args
    return bool((np.abs(w) > scale * (2 ** (bits - 1) - 1)).any())


def _worked_step(args: Args, result: float) -> str | None:
    if args[0].size > 1 or args[2] != 2 or np.isclose(result, 0.4, rtol=TOLERANCE):
        return None
    return f"the worked example says 0.4, got {result:.6g}"


def _follows_surrogate(args: Args, result: float) -> str | None:
    """Return how far a result is from a difference quotient of the surrogate."""
    w, scale, bits, upstream = args
    outermost = 2 ** (bits - 1) - 1
    clipped = np.clip(w / scale, -outermost, outermost)
    held = np.clip(np.round(w / scale), -outermost, outermost) - clipped

    def loss(s: float) -> float:
        return float(np.sum(upstream * s * (np.clip(w / s, -outermost, outermost) + held)))

    nudge = 1e-6 * scale
    pace = np.sqrt(w.size * outermost)
    quotient = (loss(scale + nudge) - loss(scale - nudge)) / (2 * nudge * pace)
    if abs(result - quotient) <= 1e-4 * (abs(quotient) + np.abs(upstream).mean()):
        return None
    return f"a slightly longer step changes the loss in another way than {result:.5g} says"


STEP_GRADIENT = Task(
    id="1.3",
    title="How a step learns",
    function="step_gradient",
    returns=forms.real,
    public_inputs=(
        WORKED_STEP,
        (_WEIGHTS, 0.4, 3, _UP),
        (_WEIGHTS, 0.11, 8, -_UP),
        (_WEIGHTS, 0.13, 3, _UP),
        (5 * _WEIGHTS, 0.3, 4, _UP),
    ),
    withheld=("tinyml_course.quantization.ste",),
    parts=(
        Part("worked example", 2, "The weight of the example pulls with 0.4.", _worked_step),
        Part(
            "nothing saturates",
            3,
            "With all weights within reach, the gradient is that of the surrogate loss.",
            lambda args, result: None if saturates(args) else _follows_surrogate(args, result),
        ),
        Part(
            "some saturate",
            3,
            "The same where weights lie beyond the outermost codes.",
            lambda args, result: _follows_surrogate(args, result) if saturates(args) else None,
        ),
    ),
    hints=(
        "The quantized weight is a product, step times code; both factors depend on the step.",
        "Inside, the code moves by -w / s² when s grows by 1, as if it were not rounded. Beyond, "
        "it does not move.",
        "A choice between a rounding error and an outermost code, a weighted sum, and a root.",
    ),
)

WORKED_KERNEL = np.array([[[[1.0, 2.0]]]])
WORKED_NORM = tuple(np.array(v) for v in ([4.0, 1.0], [0.0, 3.0], [0.0, 1.0], [4.0, 0.25]))
_KERNEL = np.linspace(-1.0, 1.3, 72).reshape(3, 3, 2, 4)
_BIAS = np.array([0.5, -0.2, 0.0, 1.0])
_NORM = tuple(
    np.array(values)
    for values in (
        [1.2, -0.7, 0.3, 2.0],
        [0.1, 0.0, -1.0, 0.4],
        [0.3, -0.5, 2.0, 0.0],
        [0.5, 1.5, 0.02, 4.0],
    )
)


def _worked_fold(args: Args, result: Any) -> str | None:
    kernel, bias = result
    if kernel.shape != args[0].shape or bias.shape != args[1].shape:
        return f"shapes must stay as they were, got {kernel.shape} and {bias.shape}"
    if not np.array_equal(args[0], WORKED_KERNEL):
        return None
    right = np.allclose(kernel.ravel(), [2.0, 4.0]) and np.allclose(bias, [2.0, 3.0])
    found = f"{kernel.ravel().tolist()} and {bias.tolist()}"
    return None if right else f"the worked example says [2, 4] and [2, 3], got {found}"


def _normalise(args: Args, patches: Any) -> Any:
    """Return what convolution and normalisation make of patches (N, H * W * I)."""
    kernel, bias, (gamma, beta, mean, variance, epsilon) = args
    sums = patches @ kernel.reshape(-1, kernel.shape[-1]) + bias
    return gamma * (sums - mean) / np.sqrt(variance + epsilon) + beta


def _same_response(args: Args, result: Any) -> str | None:
    size = args[0][..., 0].size
    patches = np.concatenate([np.zeros((1, size)), np.eye(size)])
    wanted = _normalise(args, patches) - _normalise(args, patches[:1])
    found = patches @ result[0].reshape(size, -1)
    return _channel_fault(wanted, found, "answers to a patch in another way")


def _same_rest(args: Args, result: Any) -> str | None:
    wanted = _normalise(args, np.zeros((1, args[0][..., 0].size)))
    return _channel_fault(wanted, result[1][None], "gives another value for an empty patch")


def _channel_fault(wanted: Any, found: Any, says: str) -> str | None:
    apart = np.abs(wanted - found).max(axis=0) > TOLERANCE * (1 + np.abs(wanted).max(axis=0))
    return f"channel {np.flatnonzero(apart)[0]} {says}" if apart.any() else None


FOLD = Task(
    id="1.4",
    title="Fold a normalisation into its layer",
    function="fold",
    returns=forms.tuple_of(forms.array("float", ndim=4), forms.array("float", ndim=1)),
    public_inputs=(
        (WORKED_KERNEL, np.array([1.0, 1.0]), (*WORKED_NORM, 0.0)),
        (_KERNEL, _BIAS, (*_NORM, 1e-2)),
        (_KERNEL[:1, :1], np.zeros(4), (*_NORM, 0.1)),
        (_KERNEL[:, :, :1], _BIAS, (*_NORM, 0.1)),
    ),
    parts=(
        Part("worked example", 2, "The example's kernel and bias come out right.", _worked_fold),
        Part("kernel", 4, "The folded layer answers to every patch as the two did.",
             _same_response),
        Part("bias", 4, "The folded layer gives what the two gave where the picture is empty.",
             _same_rest),
    ),
    hints=(
        "Both steps are linear in each output channel: write one inside the other, and sort.",
        "The output channels lie along the kernel's last axis; the layer has a bias already.",
        "One factor for each channel; a product for the kernel; a difference, a product and a sum "
        "for the bias.",
    ),
)  # fmt: skip

WIDTHS = (32, 8, 4)


def _possible(args: Args, result: int) -> str | None:
    losses, widths, patience = args
    if result not in widths:
        return f"{result} is none of the widths {widths}"
    if widths.index(result) * patience > len(losses):
        return f"{len(losses)} epochs are too few to have come to {result} bits"
    return None


BITS_NOW = Task(
    id="1.6",
    title="When to lower the width",
    function="bits_now",
    returns=forms.integer,
    public_inputs=(
        ((0.9, 0.7, 0.8, 0.7), WIDTHS, 2),
        ((0.9, 0.8, 0.7), WIDTHS, 2),
        ((), WIDTHS, 3),
        ((0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9), WIDTHS, 1),
        ((0.5, 0.6, 0.4, 0.45, 0.41), WIDTHS, 3),
        ((0.5, 0.6, 0.9, 0.8, 0.8), WIDTHS, 1),
    ),
    parts=(
        Part(
            "worked examples",
            2,
            "The two histories of the specification lead to 8 and to 32 bits.",
            worked_examples({
                ((0.9, 0.7, 0.8, 0.7), WIDTHS, 2): 8,
                ((0.9, 0.8, 0.7), WIDTHS, 2): 32,
            }),
        ),
        Part(
            "any history",
            4,
            "The width is the one that the rule leads to, whatever the losses did.",
            _possible,
            after=("worked examples",),
        ),
    ),
    hints=(
        "Follow the history from the first loss on, as the training did.",
        "Three things are remembered: the stage, its lowest loss, and how long it has waited; "
        "which of them start afresh, and when?",
        "A loop over the losses with one comparison, and one question at the end of each turn.",
    ),
)  # fmt: skip
