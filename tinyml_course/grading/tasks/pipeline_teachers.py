"""Chapter 3, teachers: the gradient that a student gets, and where both of them look."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyml_course.grading import forms
from tinyml_course.grading.task import Part, Task

Args = tuple[Any, ...]

HOT = 500.0
"""From this temperature on, gradients must be near their limit."""

WORKED_LESSON: Args = (
    np.array([[0.0, 2 * np.log(3.0)]]), np.zeros((1, 2)), np.array([1]), 2.0, 0.25
)  # fmt: skip
_TEACHER = np.array([[2.0, 0.0, -1.0], [0.5, 1.0, 4.0], [3.0, 2.5, 0.0]])
_STUDENT = np.array([[0.0, 1.0, 0.5], [2.0, -1.0, 1.0], [1.0, 1.0, 1.0]])
_LABELS = np.array([0, 2, 1])


def _worked_lesson(args: Args, result: Any) -> str | None:
    loss, gradient = result
    if gradient.shape != args[1].shape:
        return f"the gradient needs shape {args[1].shape}, got {gradient.shape}"
    same = all(np.array_equal(a, b) for a, b in zip(args, WORKED_LESSON, strict=True))
    if not same or np.allclose((loss, *gradient.ravel()), (0.5657, 0.5, -0.5), atol=1e-4):
        return None
    return f"the worked example says 0.5657 and [[0.5, -0.5]], got {loss:.6g}, {gradient.tolist()}"


def _gap(args: Args) -> Any:
    """Return how the student's logits differ from the teacher's, each row's mean taken off."""
    gap = args[1] - args[0]
    return gap - gap.mean(axis=1, keepdims=True)


def _are_twins(args: Args) -> bool:
    return bool(np.abs(_gap(args)).max() < 1e-9)


def _loss_fault(args: Args, result: Any) -> str | None:
    """Return which property of the loss does not hold."""
    loss, (_, student, labels, temperature, hard) = result[0], args
    beside = student - student[[*range(len(labels))], labels][:, None]
    of_labels = float(np.logaddexp.reduce(beside, axis=1).mean())
    if loss < hard * of_labels - 1e-9:
        return f"the labels alone make a loss of {hard * of_labels:.6g}, got {loss:.6g}"
    if (_are_twins(args) or hard == 1) and not np.isclose(loss, hard * of_labels, atol=1e-9):
        return f"the teacher adds nothing here, yet the loss is {loss:.6g}"
    limit = float((_gap(args) ** 2).mean() / 2)
    soft = loss - hard * of_labels
    if temperature >= HOT and not np.isclose(soft, (1 - hard) * limit, rtol=0.05, atol=1e-6):
        return f"so hot, the teacher's term must be near {(1 - hard) * limit:.4g}, got {soft:.4g}"
    return None


def _slope_fault(args: Args, result: Any) -> str | None:
    """Return which property of the gradient does not hold."""
    gradient, (_, student, _, temperature, hard) = result[1], args
    if np.abs(gradient.sum(axis=1)).max() > 1e-9:
        return "raising all logits of a sample changes nothing, so that its slopes sum to 0"
    if hard == 0 and _are_twins(args) and np.abs(gradient).max() > 1e-9:
        return f"nothing is left to learn, yet there is a slope of {np.abs(gradient).max():.4g}"
    limit = _gap(args) / student.size
    if hard == 0 and temperature >= HOT and not np.allclose(gradient, limit, rtol=0.1, atol=1e-4):
        return f"so hot, the gradient must be near {limit.tolist()}, got {gradient.tolist()}"
    if hard == 1 and (gradient < 0).sum() > len(student):
        return "labels alone raise one logit of each sample, and lower all others"
    return None


LESSON = Task(
    id="3.7",
    title="What a student learns from two",
    function="distill",
    returns=forms.tuple_of(forms.real, forms.array("float", ndim=2)),
    public_inputs=(
        WORKED_LESSON,
        (_TEACHER, _STUDENT, _LABELS, 3.0, 1.0),
        (_TEACHER, _TEACHER + 2.0, _LABELS, 4.0, 0.3),
        (_TEACHER, _TEACHER - 1.0, _LABELS, 0.5, 0.0),
        (_TEACHER, _STUDENT, _LABELS, 1000.0, 0.0),
        (_TEACHER, _STUDENT, _LABELS, 1000.0, 0.5),
        (1000 * _TEACHER, 1000 * _STUDENT, _LABELS, 2.0, 0.1),
    ),
    parts=(
        Part("worked example", 2, "The example's loss is 0.5657, its gradient (0.5, -0.5).",
             _worked_lesson),
        Part("loss", 3, "Both terms count by their weights, at any temperature.", _loss_fault),
        Part("gradient", 3, "It says how the loss changes with each logit of the student.",
             _slope_fault),
    ),
    hints=(
        "Two networks are softened for one term; the other term knows no temperature.",
        "The gradient of each term is a difference of probabilities. Count the factors T: the "
        "loss has two of them, the chain rule takes one away.",
        "A stable log-softmax, used three times; two means; two differences, each with its weight, "
        "divided by the number of samples.",
    ),
)  # fmt: skip

WORKED_LOOK = (np.ones((1, 1, 2, 2)), np.array([[[[3.0], [0.0]]]]))
_MAPS = np.sin(np.arange(1.0, 97.0) * 1.3).reshape(2, 4, 4, 3)
_SILENT = np.concatenate([_MAPS[:1], np.zeros((1, 4, 4, 3))])


def has_silence(args: Args) -> bool:
    """Whether a sample leaves all activations of a layer at zero."""
    return any(bool((np.abs(maps).max(axis=(1, 2, 3)) == 0).any()) for maps in args)


def _worked_look(args: Args, result: float) -> str | None:
    same = all(a.shape == b.shape and np.array_equal(a, b) for a, b in zip(args, WORKED_LOOK,
                                                                        strict=True))  # fmt: skip
    if not same or abs(result - 0.2929) < 1e-4:
        return None
    return f"the worked example says 0.2929, got {result:.6g}"


def _look_fault(args: Args, result: float) -> str | None:
    """Return whether a distance is out of bounds, or there where both look the same way."""
    if not -1e-12 <= result <= 1 + 1e-12:
        return f"half of a squared distance lies between 0 and 1 here, got {result:.6g}"
    powers = [(maps**2).sum(axis=3).reshape(len(maps), -1) for maps in args]
    ranks = [np.linalg.matrix_rank(np.stack(pair), tol=1e-9) for pair in zip(*powers, strict=True)]
    alike = max(ranks) < 2 and not has_silence(args)
    if alike != (result < 1e-9):
        return f"both look {'the same way' if alike else 'in different ways'}, got {result:.6g}"
    return None


def _silence_fault(args: Args, result: float) -> str | None:
    sides = [np.abs(maps).max(axis=(1, 2, 3)) == 0 for maps in args]
    most = float(np.where(sides[0] & sides[1], 0.0, np.where(sides[0] | sides[1], 0.5, 1.0)).mean())
    least = float((sides[0] ^ sides[1]).mean() / 2)
    if least - 1e-9 <= result <= most + 1e-9:
        return None
    return f"with silent samples it lies between {least:g} and {most:g}, got {result:.6g}"


LOOK = Task(
    id="3.8",
    title="Where both of them look",
    function="attention_gap",
    returns=forms.real,
    public_inputs=(
        WORKED_LOOK,
        (_MAPS, 3 * _MAPS[..., [2, 0, 1]]),
        (_MAPS, -_MAPS[..., :1]),
        (_MAPS[:, :2], np.abs(_MAPS[:, 2:, :, :2])),
        (_MAPS, _SILENT),
        (_SILENT, 2 * _SILENT),
    ),
    parts=(
        Part("worked example", 2, "Student and teacher of the example are 0.2929 apart.",
             _worked_look),
        Part(
            "places",
            2,
            "Only where they look counts, not how loud, nor in how many channels.",
            lambda args, result: None if has_silence(args) else _look_fault(args, result),
        ),
        Part(
            "silence",
            2,
            "A layer without activations looks nowhere.",
            lambda args, result: _silence_fault(args, result) if has_silence(args) else None,
        ),
    ),
    hints=(
        "The channels disappear first, then the size; what is left is a direction.",
        "Each sample has a map of its own, with a length of its own; zero can't be divided by "
        "zero.",
        "A sum of squares over the last axis, a norm for each sample, a squared difference, half "
        "of it, a mean.",
    ),
)  # fmt: skip
