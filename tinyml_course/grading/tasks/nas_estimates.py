"""Chapter 2, estimates: shared weights, ranks that agree, and a choice with a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyml_course.grading import forms
from tinyml_course.grading.task import Part, Task

Args = tuple[Any, ...]

TOLERANCE = 1e-9


def _numbered(*shape: int) -> Any:
    """Return an array whose elements are all different."""
    return np.arange(float(np.prod(shape))).reshape(shape)


WORKED_SHARED = (_numbered(3, 3, 1, 2), 1, 1, 1)
_SHARED = _numbered(5, 5, 4, 6)


def _worked_slice(args: Args, result: Any) -> str | None:
    _, kernel, inputs, filters = args
    shape = (kernel, kernel, inputs, filters)
    if result.shape != shape:
        return f"need an array of shape {shape}, got {result.shape}"
    same = args[0].shape == WORKED_SHARED[0].shape and np.array_equal(args[0], WORKED_SHARED[0])
    if not same or args[1:] != WORKED_SHARED[1:] or result.ravel().tolist() == [8.0]:
        return None
    return f"the worked example says [[[[8]]]], got {result.tolist()}"


def is_full_size(args: Args) -> bool:
    """Whether a slice keeps all places of the kernel."""
    return bool(args[1] == len(args[0]))


def _slice_fault(args: Args, result: Any) -> str | None:
    """Return where the weights of one channel pair are not those of the shared kernel."""
    shared, kernel, inputs, filters = args
    if result.shape != (kernel, kernel, inputs, filters):
        return "the shape is another one"
    margin = (len(shared) - kernel) // 2
    for row, column, i, o in np.ndindex(*result.shape):
        if result[row, column, i, o] != shared[row + margin, column + margin, i, o]:
            return f"the weight from channel {i} to {o} at ({row}, {column}) is another one"
    return None


SLICES = Task(
    id="2.9",
    title="One set of weights for many networks",
    function="slice_shared",
    returns=forms.array("float", ndim=4),
    public_inputs=(
        WORKED_SHARED,
        (_SHARED, 5, 2, 3),
        (_SHARED, 5, 4, 6),
        (_SHARED, 3, 4, 6),
        (_SHARED, 1, 1, 2),
        (_numbered(7, 7, 2, 3), 3, 2, 1),
    ),
    parts=(
        Part("worked example", 2, "The slice has the right shape; the example's weight is 8.",
             _worked_slice),
        Part(
            "channels",
            2,
            "Narrow networks have the first channels, at both ends of the kernel.",
            lambda args, result: _slice_fault(args, result) if is_full_size(args) else None,
        ),
        Part(
            "kernels",
            2,
            "Small kernels are the middle of the large one.",
            lambda args, result: None if is_full_size(args) else _slice_fault(args, result),
        ),
    ),
    hints=(
        "A narrow network has what the wide one has, only less of it; a small filter looks at the "
        "same pixel as the large one.",
        "Half of the difference of the sides lies on either side.",
        "One index with four slices, two of which start behind a margin.",
    ),
)  # fmt: skip

WORKED_RANKS = (np.array([0.5, 0.6, 0.7]), np.array([0.80, 0.95, 0.90]))
_ESTIMATES = np.array([0.42, 0.10, 0.77, 0.58, 0.31, 0.66, 0.93])
_MEASURED = np.array([0.90, 0.88, 0.97, 0.91, 0.93, 0.96, 0.95])
_COARSE = np.array([0.9, 0.9, 0.9, 0.9, 1.0, 0.9, 1.0])


def ranks_tied(args: Args) -> bool:
    """Whether an estimate or an accuracy occurs twice."""
    return any(len(np.unique(values)) < len(values) for values in args)


def _worked_tau(args: Args, result: float) -> str | None:
    if not -1 - TOLERANCE <= result <= 1 + TOLERANCE:
        return f"it lies between -1 and 1, got {result:.6g}"
    same = all(np.array_equal(a, b) for a, b in zip(args, WORKED_RANKS, strict=True))
    if not same or abs(result - 1 / 3) < 1e-6:
        return None
    return f"the worked example says 0.3333, got {result:.6g}"


def _counts_pairs(args: Args, result: float) -> str | None:
    """Return whether a result without ties is no whole number of pairs, or of the wrong sign."""
    estimates, accuracies = args
    n = len(estimates)
    doubled = result * n * (n - 1) / 2
    pairs = n * (n - 1) // 2
    if abs(doubled - round(doubled)) > 1e-6 or (round(doubled) - pairs) % 2:
        return f"no number of pairs out of {pairs} gives {result:.6g}"
    order = np.argsort(estimates)
    runs = np.diff(accuracies[order])
    if (runs > 0).all() or (runs < 0).all():
        end = 1.0 if runs[0] > 0 else -1.0
        return None if abs(result - end) < TOLERANCE else f"all pairs are alike, got {result:.6g}"
    return None


def _tied(args: Args, result: float) -> str | None:
    estimates, accuracies = args
    if np.ptp(estimates) == 0 or np.ptp(accuracies) == 0:
        return None if result == 0 else f"nothing is ranked, and yet the result is {result:.6g}"
    if np.array_equal(estimates, accuracies) and abs(result - 1) > TOLERANCE:
        return f"each ranks as the other does, ties too, but the result is {result:.6g}"
    return None


TAU = Task(
    id="2.10",
    title="Do estimates rank as trainings do?",
    function="kendall_tau",
    returns=forms.real,
    public_inputs=(
        WORKED_RANKS,
        (_ESTIMATES, _MEASURED),
        (_ESTIMATES, np.exp(_ESTIMATES)),
        (_ESTIMATES, -_ESTIMATES),
        (_COARSE, _COARSE),
        (_ESTIMATES, _COARSE),
        (_COARSE, np.full(7, 0.9)),
    ),
    parts=(
        Part("worked example", 2, "Two of the example's three pairs agree: a third.",
             _worked_tau),
        Part(
            "no ties",
            2,
            "It is the share of pairs that agree less that of those that do not.",
            lambda args, result: None if ranks_tied(args) else _counts_pairs(args, result),
        ),
        Part(
            "ties",
            2,
            "Tied pairs do not count, and each side is measured by the pairs that it does rank.",
            lambda args, result: _tied(args, result) if ranks_tied(args) else None,
        ),
    ),
    hints=(
        "Only the order counts: look at every pair of networks, once on either side.",
        "The sign of a difference is 1, -1 or, for a tie, 0; products of signs tell all.",
        "Two tables of signs; a sum of products, divided by the root of two sums of squares.",
    ),
)  # fmt: skip

WORKED_CHOICE = (
    np.log(np.array([3.0, 1.0])), np.full(2, np.exp(-1.0)), 1.0, np.array([100.0, 500.0])
)  # fmt: skip
_LOGITS = np.array([0.3, -1.2, 2.0, 0.0])
_UNIFORMS = np.array([0.21, 0.87, 0.05, 0.55])
_PRICES = np.array([80.0, 730.0, 1092.0, 130.0])


def noisy_logits(args: Args) -> Any:
    """Return logits with Gumbel noise."""
    logits, uniforms, *_ = args
    return logits - np.log(-np.log(uniforms))


def _worked_choice(args: Args, result: Any) -> str | None:
    shares, cost, gradient = result
    shape = args[0].shape
    if shares.shape != shape or gradient.shape != shape:
        return f"shares and gradient need shape {shape}, got {shares.shape} and {gradient.shape}"
    if not all(np.array_equal(a, b) for a, b in zip(args, WORKED_CHOICE, strict=True)):
        return None
    found = (*shares, cost, *gradient)
    if np.allclose(found, (0.75, 0.25, 200.0, -75.0, 75.0), rtol=1e-6):
        return None
    return (
        f"the worked example says [0.75, 0.25], 200 and [-75, 75], got {shares.tolist()}, "
        f"{cost:.6g} and {gradient.tolist()}"
    )


def _shares(args: Args, result: Any) -> str | None:
    """Return how shares differ from a softmax: the logarithms of their ratios tell."""
    shares, noisy, temperature = result[0], noisy_logits(args), args[2]
    if (shares < 0).any() or abs(shares.sum() - 1) > TOLERANCE:
        return f"shares are not negative and sum to one, got a sum of {shares.sum():.6g}"
    best = int(noisy.argmax())
    gaps = np.exp((noisy - noisy[best]) / temperature)
    if np.allclose(shares, shares[best] * gaps, rtol=1e-6, atol=1e-12):
        return None
    return "the shares do not stand to each other as the noisy logits say at this temperature"


def _own_cost(args: Args, result: Any) -> str | None:
    shares, cost, _ = result
    if np.isclose(cost, float(np.sum(shares * args[3])), rtol=1e-9, atol=1e-9):
        return None
    return f"with these shares the expected cost is another than {cost:.6g}"


def _slopes(args: Args, result: Any) -> str | None:
    """Return the first slope that a difference quotient contradicts."""
    noisy, temperature, costs = noisy_logits(args), args[2], args[3]

    def expected(values: Any) -> float:
        weights = np.exp((values - values.max()) / temperature)
        return float(weights @ costs / weights.sum())

    nudge, size = 1e-5 * temperature, float(np.ptp(costs)) / temperature
    for number, (step, slope) in enumerate(zip(np.eye(len(noisy)), result[2], strict=True)):
        rise = expected(noisy + nudge * step) - expected(noisy - nudge * step)
        if abs(rise / (2 * nudge) - slope) > 1e-6 * size:
            return f"raising logit {number} changes the cost in another way than {slope:.6g} says"
    return None


EXPECTED_COST = Task(
    id="2.11",
    title="A choice with a gradient",
    function="soft_choice",
    returns=forms.tuple_of(
        forms.array("float", ndim=1), forms.real, forms.array("float", ndim=1)
    ),
    public_inputs=(
        WORKED_CHOICE,
        (_LOGITS, _UNIFORMS, 1.0, _PRICES),
        (_LOGITS, _UNIFORMS, 0.3, _PRICES),
        (_LOGITS, _UNIFORMS, 20.0, _PRICES),
        (_LOGITS, _UNIFORMS, 1e-3, _PRICES),
        (500 * _LOGITS, _UNIFORMS, 0.5, _PRICES),
    ),
    parts=(
        Part("worked example", 2, "Shares, cost and gradient of the example are right.",
             _worked_choice),
        Part("shares", 2, "They sum to one and follow the noisy logits at any temperature.",
             _shares),
        Part("cost", 2, "It is the mean of the costs, weighted by the right shares.", _own_cost,
             after=("shares",)),
        Part("gradient", 2, "It says how the cost changes with each logit.", _slopes),
    ),
    hints=(
        "The noise is added to the logits, the temperature divides both; then it is a softmax.",
        "Take the largest off before the exponential. For the gradient: more of one choice is "
        "less of all the others, so that what counts is its cost beside the mean.",
        "A quotient, an exponential and a sum; a dot product; shares times differences, divided "
        "once more.",
    ),
)  # fmt: skip
