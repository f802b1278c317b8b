"""Chapter 3, budgets: channels that go for their bytes, and zeros that save none."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyml_course.grading import forms
from tinyml_course.grading.task import Part, Task

Args = tuple[Any, ...]

WORKED_BUDGET = ((np.array([5.0, 1.0]), np.array([2.0, 6.0, 4.0])), 2, 95)
_WORKED_LEFT = [[0], [0, 1, 2]]
_DEEP = (
    np.array([3.0, 0.5, 2.0, 9.0]), np.array([1.0, 8.0, 0.4, 2.5, 5.0, 6.0]),
    np.array([0.3, 4.0, 2.0, 7.0, 0.9]),
)  # fmt: skip
_EVEN = (
    np.array([1.2, 9.0, 5.0, 6.0, 7.0]), np.array([8.0, 1.7, 5.0, 6.0, 7.0]),
    np.array([9.0, 8.0, 1.1, 6.0, 7.0]),
)  # fmt: skip
_FLAT = (np.array([2.0, 5.0, 1.0, 3.0, 8.0, 4.0]),)


def count_bytes(widths: list[int], classes: int) -> int:
    """Return the bytes of 3x3 convolutions on one channel, and of a dense layer behind them."""
    total, before = 0, 1
    for width in widths:
        total, before = total + 9 * before * width + 4 * width, width
    return total + before * classes + 4 * classes


def _shape_fault(args: Args, result: list[list[int]]) -> str | None:
    """Return why this is no selection of the strongest channels within the budget."""
    scores, classes, budget = args
    if len(result) != len(scores):
        return f"{len(scores)} layers have channels, got {len(result)} lists"
    for number, (left, score) in enumerate(zip(result, scores, strict=True)):
        if not left or left != sorted(set(left)) or not 0 <= left[0] <= left[-1] < len(score):
            return f"layer {number} needs different channels in rising order, got {left}"
        gone = np.delete(score, left)
        if gone.size and gone.max() > score[left].min():
            return f"layer {number} lost a channel that matters more than one it kept"
    size = count_bytes([len(left) for left in result], classes)
    return None if size <= budget else f"what is left takes {size} B, the budget is {budget} B"


def _single_fault(args: Args, result: list[list[int]]) -> str | None:
    scores, classes, budget = args
    fault = _shape_fault(args, result)
    if fault is None and len(result[0]) < len(scores[0]):
        size = count_bytes([len(result[0]) + 1], classes)
        if size <= budget:
            return f"one channel more takes {size} B, which is still within {budget} B"
    return fault


def _first_fault(args: Args, result: list[list[int]]) -> str | None:
    """Return what the one channel that went costs more than another one, if only one went."""
    scores, classes, _ = args
    widths = [len(score) for score in scores]
    lost = [width - len(left) for width, left in zip(widths, result, strict=True)]
    if sum(lost) != 1:
        return None
    total, prices = count_bytes(widths, classes), []
    for number, score in enumerate(scores):
        fewer = [width - (place == number) for place, width in enumerate(widths)]
        if fewer[number]:
            prices.append((float(score.min()) / (total - count_bytes(fewer, classes)), number))
    first = lost.index(1)
    if min(prices)[1] == first:
        return None
    return f"a channel of layer {first} went, and in another layer a byte costs less"


def is_single(args: Args) -> bool:
    """Whether there is only one layer to choose from."""
    return len(args[0]) == 1


def _chain_fault(args: Args, result: list[list[int]]) -> str | None:
    return _shape_fault(args, result) or _first_fault(args, result)


def _worked_budget(args: Args, result: list[list[int]]) -> str | None:
    scores, wanted = WORKED_BUDGET[0], WORKED_BUDGET[1:]
    same = len(args[0]) == 2 and args[1:] == wanted
    same = same and all(np.array_equal(a, b) for a, b in zip(args[0], scores, strict=True))
    if not same or result == _WORKED_LEFT:
        return None
    return f"the worked example says {_WORKED_LEFT}, got {result}"


BUDGET = Task(
    id="3.5",
    title="Importance for each byte",
    function="prune_within",
    returns=forms.list_of(forms.list_of(forms.integer)),
    public_inputs=(
        WORKED_BUDGET,
        (_FLAT, 3, 80),
        (_FLAT, 10, 10_000),
        (_DEEP, 4, 350),
        (_DEEP, 10, 180),
        (_DEEP, 4, count_bytes([4, 6, 5], 4) - 1),
        (_EVEN, 2, count_bytes([5, 5, 5], 2) - 1),
        (_DEEP[:2], 3, 5_000),
    ),
    withheld=("tinyml_course.cost.estimate", "tinyml_course.cost.graph"),
    parts=(
        Part("worked example", 2, "Of the example's five channels, one goes.", _worked_budget),
        Part(
            "one layer",
            3,
            "Of one layer's channels, no more go than must.",
            lambda args, result: _single_fault(args, result) if is_single(args) else None,
        ),
        Part(
            "several layers",
            5,
            "The strongest of each layer are left, within the budget, and it is always the "
            "cheapest channel that went.",
            lambda args, result: None if is_single(args) else _chain_fault(args, result),
        ),
    ),
    hints=(
        "A channel's bytes are where it is made and where it is read, so that they become fewer "
        "while its neighbours shrink.",
        "Only the weakest channel left in each layer can be next; of these, the one whose "
        "importance costs the fewest bytes goes. Then count again.",
        "A list of channels for each layer, sorted; a function from widths to bytes; a loop with "
        "a minimum over layers.",
    ),
)  # fmt: skip

WORKED_CODES = (np.array([3, -1, 0, 7, -2, 2], np.int8), 3)
_WORKED_ZEROS = ([3, 0, 0, 7, 0, 2], (6, 4, 6))
_CODES = np.array([5, -128, 3, 0, -4, 127, 1, -1, 0, 88, -60, 2], np.int8)
_MANY = (np.arange(400) * 37 % 251 - 125).astype(np.int8)


def _worked_zeros(args: Args, result: Any) -> str | None:
    codes, zeros = args
    if result[0].shape != codes.shape or result[0].dtype != np.int8:
        return f"need int8 codes of shape {codes.shape}, got {result[0].dtype} {result[0].shape}"
    same = zeros == WORKED_CODES[1] and np.array_equal(codes, WORKED_CODES[0])
    found = (result[0].tolist(), tuple(result[1]))
    if not same or found == _WORKED_ZEROS:
        return None
    return f"the worked example says {_WORKED_ZEROS}, got {found}"


def _weakest_fault(args: Args, result: Any) -> str | None:
    """Return whether a stronger code went than one that stayed, or too many, or too few."""
    codes, zeros = args
    left = result[0].astype(int)
    sizes = np.abs(codes.astype(int))
    gone = left == 0
    if (left[~gone] != codes[~gone]).any():
        return "codes that are not zero must stay as they are"
    wanted = max(zeros, int((sizes == 0).sum()))
    if gone.sum() != wanted:
        return f"{wanted} of {len(codes)} codes must be zero, got {gone.sum()}"
    if (~gone).any() and wanted and sizes[gone].max() > sizes[~gone].min():
        return f"a code of size {sizes[gone].max()} went, one of {sizes[~gone].min()} is left"
    return None


def _sizes_fault(args: Args, result: Any) -> str | None:
    """Return whether the sizes are out of proportion; what they are, the example says."""
    codes = args[0]
    dense, bitmap, pairs = result[1]
    rest = int(np.count_nonzero(result[0]))
    if dense != len(codes):
        return f"a file that knows no zeros holds all {len(codes)} codes, not {dense} B"
    if not 8 * rest <= 8 * bitmap - dense < 8 * rest + 8:
        return f"{bitmap} B: a bit for each code, and {rest} codes, would be another number"
    if not 2 * rest <= pairs <= 3 * rest:
        return f"{pairs} B: {rest} codes take two or three bytes each with their positions"
    return None


ZEROS = Task(
    id="3.6",
    title="Zeros that save nothing",
    function="zero_weakest",
    returns=forms.tuple_of(forms.array("int", ndim=1), forms.tuple_of(*[forms.integer] * 3)),
    public_inputs=(
        WORKED_CODES,
        (_CODES, 6),
        (_CODES, 1),
        (_CODES[:8], 0),
        (_MANY, 300),
        (_MANY[:256], 100),
    ),
    parts=(
        Part("worked example", 2, "Half of the six codes become zero, which saves two bytes at "
             "best.", _worked_zeros),
        Part("the weakest go", 3, "The smallest codes become zero, no others, and not too many.",
             _weakest_fault),
        Part("three files", 3, "The bytes of each file are exact.", _sizes_fault,
             after=("the weakest go",)),
    ),
    hints=(
        "How large is the size of the code -128, and which type can hold that?",
        "What is zero already is the weakest there is. A stable sort keeps the first of equal "
        "codes first.",
        "A copy with some places set to zero; a length, a rounded-up eighth plus a count, and a "
        "count times two or three.",
    ),
)  # fmt: skip
