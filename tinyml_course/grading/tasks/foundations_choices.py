"""Chapter 0, choices: Pareto points, what limits a layer's speed, and distillation's loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyml_course.grading import forms
from tinyml_course.grading.task import Part, Task

Args = tuple[Any, ...]

EXAMPLE = np.array([[1.0, 5.0], [2.0, 3.0], [4.0, 1.0], [4.5, 4.0]])
COSTS = (
    (EXAMPLE,),
    (np.array([[1.0, 9.0, 4.0], [3.0, 2.0, 2.0], [2.0, 8.0, 3.0], [4.0, 3.0, 5.0]]),),
    (np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 2.0]]),),
    (np.array([[3.0, 2.0, 2.0], [2.0, 3.0, 2.0], [2.0, 2.0, 3.0], [3.0, 3.0, 3.0]]),),
    (np.array([[7.0, 7.0]]),),
)


def _worked_flags(args: Args, result: Any) -> str | None:
    (costs,) = args
    if result.shape != (len(costs),):
        return f"{len(costs)} points need as many flags, got shape {result.shape}"
    if np.array_equal(costs, EXAMPLE) and result.tolist() != [True, True, True, False]:
        return f"the worked example keeps the first three points, got {result.tolist()}"
    return None


def _without_ties(args: Args, result: Any) -> str | None:
    return None if _has_ties(args[0]) else _flags(args[0], result)


def _with_ties(args: Args, result: Any) -> str | None:
    return _flags(args[0], result) if _has_ties(args[0]) else None


def _has_ties(costs: Any) -> bool:
    return any(len(np.unique(column)) < len(column) for column in costs.T)


def _flags(costs: Any, result: Any) -> str | None:
    for number, kept in enumerate(result):
        no_worse = (costs <= costs[number]).all(axis=1)
        better = np.flatnonzero(no_worse & (costs < costs[number]).any(axis=1))
        if kept and better.size:
            return f"point {number} is kept although point {better[0]} dominates it"
        if not kept and not better.size:
            return f"point {number} is dropped although no other dominates it"
    return None


PARETO = Task(
    id="0.2",
    title="The points that no other dominates",
    function="pareto_mask",
    returns=forms.array("bool", ndim=1),
    public_inputs=COSTS,
    withheld=("tinyml_course.nas.pareto",),
    parts=(
        Part(
            "worked example",
            3,
            "There is one flag for each point, and the worked example comes out right.",
            _worked_flags,
        ),
        Part(
            "all costs differ",
            4,
            "No point that is kept is dominated, every point that is dropped is.",
            _without_ties,
            after=("worked example",),
        ),
        Part(
            "equal costs",
            5,
            "The same where points have some costs, or all, in common.",
            _with_ties,
            after=("worked example",),
        ),
    ),
    hints=(
        "A point dominates another if it is nowhere worse and somewhere better.",
        "Compare each point with all the others; equal points do not dominate each other.",
        "For each point, whether any other one is at most as large everywhere and less somewhere.",
    ),
)

ESP32 = (240e6, 40e6)
"""Multiply-accumulates a second and bytes of flash a second, as in `cost.roofline`."""


def _limit_ms(args: Args) -> tuple[float, float]:
    """Return the least time that arithmetic alone and memory alone allow, in ms."""
    (macs, weight_bytes), batch, (macs_per_s, bytes_per_s) = args
    return 1e3 * batch * macs / macs_per_s, 1e3 * weight_bytes / bytes_per_s


def _worked_time(args: Args, result: Any) -> str | None:
    if args != ((100_000, 100_000), 1, ESP32):
        return None
    right = np.isclose(result[0], 2.5, rtol=1e-9) and result[1] == "memory"
    return None if right else f"the worked example says (2.5, 'memory'), got {tuple(result)}"


def _single_time(args: Args, result: Any) -> str | None:
    return _not_too_fast(args, result) if args[1] == 1 else None


def _batch_time(args: Args, result: Any) -> str | None:
    return _not_too_fast(args, result) if args[1] > 1 else None


def _not_too_fast(args: Args, result: Any) -> str | None:
    if result[0] < max(_limit_ms(args)) * (1 - 1e-9):
        return f"{result[0]:.6g} ms is faster than arithmetic and memory allow together"
    return None


def _known_limit(args: Args, result: Any) -> str | None:
    del args
    right = result[1] in ("memory", "compute")
    return None if right else f"the limit is 'memory' or 'compute', got {result[1]!r}"


ROOFLINE = Task(
    id="0.8",
    title="What limits a layer",
    function="batch_ms",
    returns=forms.tuple_of(forms.real, forms.text),
    public_inputs=(
        ((100_000, 100_000), 1, ESP32),
        ((147_456, 144), 1, ESP32),
        ((100_000, 100_000), 4, ESP32),
        ((100_000, 100_000), 64, ESP32),
        ((600, 100), 1, ESP32),
    ),
    withheld=("tinyml_course.cost.roofline",),
    parts=(
        Part(
            "worked example",
            2,
            "The dense layer takes 2.5 ms on the ESP32, limited by memory.",
            _worked_time,
        ),
        Part("one sample", 2, "The time is the least that both limits allow.", _single_time),
        Part("batches", 2, "The same for several samples at once.", _batch_time),
        Part("the limit", 2, "The slower of the two is named, on layers that you do not see.",
             _known_limit),
    ),
    hints=(
        "While the weights come in, the arithmetic goes on; which of the two is ready last?",
        "Each sample needs its own arithmetic, but the weights come in once for all of them.",
        "Two times, their maximum, and a comparison that names the larger; mind the milliseconds.",
    ),
)  # fmt: skip

WORKED_TEACHER = np.array([[0.0, np.log(3.0)]])
WORKED_STUDENT = np.array([[0.0, 0.0]])
HOT = 500.0
"""From this temperature on the loss must be near its limit."""
_LOGITS = np.array([[2.0, 0.0, -1.0], [0.5, 1.0, 4.0]])


def _worked_loss(args: Args, result: float) -> str | None:
    teacher, student, temperature = args
    if temperature != 1.0 or not np.array_equal(teacher, WORKED_TEACHER):
        return None
    if not np.array_equal(student, WORKED_STUDENT) or abs(result - 0.1308) < 1e-4:
        return None
    return f"the worked example says 0.1308, got {result:.6g}"


def _plain_loss(args: Args, result: float) -> str | None:
    teacher, student, temperature = args
    if temperature != 1.0:
        return None
    if np.ptp(teacher - student, axis=1).max() < 1e-9:
        return None if abs(result) < 1e-9 else f"nothing is left to learn, yet the loss is {result}"
    return None if result > 0 else f"the two differ, yet the loss is {result:.6g}"


def _hot_limit(args: Args, result: float) -> str | None:
    teacher, student, temperature = args
    if temperature < HOT:
        return None
    gap = teacher - student
    gap = gap - gap.mean(axis=1, keepdims=True)
    limit = float((gap**2).mean(axis=1).mean() / 2)
    if np.isclose(result, limit, rtol=0.05, atol=1e-6):
        return None
    return f"at T = {temperature:g} the loss must be near {limit:.4g}, got {result:.4g}"


DISTILLATION = Task(
    id="0.9",
    title="Distillation's loss",
    function="distillation_loss",
    returns=forms.real,
    public_inputs=(
        (WORKED_TEACHER, WORKED_STUDENT, 1.0),
        (_LOGITS, _LOGITS + 3.0, 1.0),
        (_LOGITS, _LOGITS, 1.0),
        (_LOGITS, _LOGITS[:, ::-1].copy(), 4.0),
        (_LOGITS, _LOGITS[::-1].copy(), 1000.0),
        (np.array([[4000.0, 0.0]]), np.array([[3990.0, 0.0]]), 2.0),
    ),
    parts=(
        Part("worked example", 2, "The two networks of the example have loss 0.1308.",
             _worked_loss),
        Part(
            "temperature 1",
            2,
            "At T = 1 the loss is the mean divergence: 0 for twins, positive for others.",
            _plain_loss,
        ),
        Part(
            "hot limit",
            2,
            "At a high temperature it is half the mean squared gap of the centred logits.",
            _hot_limit,
        ),
        Part("any temperature", 2, "It is right at every T, on logits that you do not see."),
    ),
    hints=(
        "Soften both networks with the same temperature, then compare the probabilities.",
        "Subtract each row's largest logit before the exponential; average over the rows.",
        "A softmax of quotients, twice; a sum over classes of p times a difference of logarithms; "
        "a mean; a factor.",
    ),
)  # fmt: skip
