"""Chapter 3, runs: stages in order, gates and roll-back, and two runs compared."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyml_course.grading import forms
from tinyml_course.grading.task import Part, Task, worked_examples

Args = tuple[Any, ...]
Moves = dict[str, dict[str, str]]

MOVES: Moves = {
    "train": {"network": "float"},
    "prune": {"float": "float"},
    "distill": {"float": "float", "aware": "aware"},
    "quantize": {"float": "aware"},
    "convert": {"float": "file", "aware": "file"},
    "slim": {"file": "file"},
}
WORKED_STAGES = ["train", "prune", "quantize", "distill", "convert"]
WORKED_ORDERS = {
    ("train", "distill", "prune", "quantize", "convert"),
    ("train", "prune", "distill", "quantize", "convert"),
    ("train", "prune", "quantize", "distill", "convert"),
}


def reach(order: Any, moves: Moves) -> str | None:
    """Return the state in which an order of stages ends, None if a stage refuses."""
    state: str | None = "network"
    for stage in order:
        state = moves[stage].get(state) if state else None
    return state


def _worked_orders(args: Args, result: list[list[str]]) -> str | None:
    if args[0] != WORKED_STAGES or args[1] != MOVES:
        return None
    if {tuple(order) for order in result} == WORKED_ORDERS:
        return None
    return f"the worked example has the 3 orders of the text, got {result}"


def _order_fault(args: Args, result: list[list[str]]) -> str | None:
    """Return which of the orders is none, or stands there twice."""
    stages, moves = args
    for order in result:
        if sorted(order) != sorted(stages):
            return f"{order} are not the stages {stages}"
        end = reach(order, moves)
        if end != "file":
            return f"{order} {'ends in ' + end if end else 'has a stage that refuses its state'}"
    if len({tuple(order) for order in result}) < len(result):
        return "an order is listed twice"
    return None


ORDERS = Task(
    id="3.9",
    title="Orders that work",
    function="find_orders",
    returns=forms.list_of(forms.list_of(forms.text)),
    public_inputs=(
        (WORKED_STAGES, MOVES),
        (["quantize", "convert", "train"], MOVES),
        (["train", "prune", "quantize"], MOVES),
        (["distill", "train", "distill", "convert", "slim"], MOVES),
        (["convert", "train", "convert"], MOVES),
    ),
    parts=(
        Part("worked example", 2, "The five stages of the example have three orders.",
             _worked_orders),
        Part("orders", 4, "All orders that end in a file, each once, and no others.",
             _order_fault),
    ),
    hints=(
        "Follow the state from stage to stage; a stage that does not know it refuses.",
        "Two equal stages that change places are the same order. A run without a file at its end "
        "is none.",
        "A loop over the permutations of a list, a loop over the stages of each, and a set.",
    ),
)  # fmt: skip

Numbers = tuple[int, int, int]
StageRow = tuple[int, int, int, bool]

WORKED_RUN = (
    (960, 20_000, 9_000),
    ((4, 30, 40, True), (45, 40, 10, True), (0, 25, 0, False), (6, 20, 20, True)),
    (940, 11_000, 6_000),
)
_WORKED_WORDS = (["kept", "rolled back", "kept", "skipped"], (956, 10_500, 5_400))
_STEEP = ((30, 25, 10, True), (12, 12, 5, True), (11, 10, 10, True), (10, 0, 3, True),
          (40, 20, 40, True))  # fmt: skip
_MIXED = ((0, 50, 0, False), (2, 10, 60, True), (0, 5, 5, False), (2, 10, 10, True))


def has_harm(args: Args) -> bool:
    """Whether a stage costs more than a point of accuracy."""
    return any(lost > 10 for lost, *_ in args[1])


def _replay(start: Numbers, stages: tuple[StageRow, ...], words: list[str]) -> Numbers:
    accuracy, flash, arena = start
    for (lost, of_flash, of_arena, _), word in zip(stages, words, strict=True):
        if word == "kept":
            accuracy -= lost
            flash, arena = flash * (100 - of_flash) // 100, arena * (100 - of_arena) // 100
    return accuracy, flash, arena


def _run_fault(args: Args, result: Any) -> str | None:
    """Return which word can't be right, or why the end is not what the words make of the start."""
    start, stages, limits = args
    words, end = result
    if len(words) != len(stages):
        return f"{len(stages)} stages need as many words, got {len(words)}"
    for number, (word, stage) in enumerate(zip(words, stages, strict=True)):
        lost, of_flash, of_arena, optional = stage
        if word not in ("kept", "rolled back", "skipped"):
            return f"stage {number}: {word!r} is none of the three words"
        if word == "rolled back" and (lost <= 10 or max(of_flash, of_arena) >= lost):
            return f"stage {number} saves enough for the accuracy that it costs"
        accuracy, flash, arena = _replay(start, stages[:number], words[:number])
        met = accuracy >= limits[0] and flash <= limits[1] and arena <= limits[2]
        if (word == "skipped") != (optional and met):
            return f"stage {number}: {word!r}, with {accuracy} per mille, {flash} and {arena} B"
    if tuple(end) != _replay(start, stages, words):
        return f"what was kept does not lead from {start} to {tuple(end)}"
    return None


RUN = Task(
    id="3.10",
    title="Gates and the way back",
    function="run_stages",
    returns=forms.tuple_of(
        forms.list_of(forms.text), forms.tuple_of(*[forms.integer] * 3)
    ),
    public_inputs=(
        WORKED_RUN,
        ((950, 30_000, 8_000), _STEEP, (990, 9_000, 3_000)),
        ((950, 30_000, 8_000), _MIXED, (900, 14_000, 3_500)),
        ((950, 10_000, 3_000), _MIXED, (950, 10_000, 3_000)),
        ((940, 10_000, 3_000), _MIXED, (950, 10_000, 3_000)),
        ((970, 30_000, 8_000), _STEEP[::-1], (930, 20_000, 6_000)),
    ),
    parts=(
        Part(
            "worked example",
            2,
            "The example's run keeps two stages, takes one back, and skips one.",
            worked_examples({WORKED_RUN: _WORKED_WORDS}),
        ),
        Part(
            "gates",
            3,
            "Where no stage costs much: what is asked for ends the optional stages, no others.",
            lambda args, result: None if has_harm(args) else _run_fault(args, result),
        ),
        Part(
            "the way back",
            3,
            "What hurts more than it saves leaves no trace.",
            lambda args, result: _run_fault(args, result) if has_harm(args) else None,
        ),
    ),
    hints=(
        "A stage begins with what the last one that was kept has left.",
        "Look at the gate before a stage, at its harm after it. All three limits count, and each "
        "may be reached exactly.",
        "Three running numbers, a list of words, and one loop with two questions.",
    ),
)  # fmt: skip

WORKED_SEEDS = ((0.95, 0.97, 0.93, 0.96, 0.94), (0.94, 0.95, 0.92, 0.95, 0.91), 2.776)
_FIRST = (0.95, 0.97, 0.93, 0.96, 0.94)
_LATER = (0.96, 0.93, 0.95, 0.92, 0.97)
_ROOM = 1e-9


def _worked_seeds(args: Args, result: Any) -> str | None:
    if args != WORKED_SEEDS:
        return None
    if np.allclose(result[:2], (0.016, 0.01111), atol=1e-5) and result[2] == "first":
        return None
    return f"the worked example says 0.016, 0.01111 and 'first', got {result}"


def _interval_fault(args: Args, result: Any) -> str | None:
    """Return whether the interval is that of other differences."""
    first, second, t = args
    gaps = np.subtract(first, second)
    mean, half, _ = result
    if abs(mean - gaps.mean()) > _ROOM:
        return f"the means differ by {np.mean(first) - np.mean(second):.6g}, not by {mean:.6g}"
    if half < -_ROOM or half > t * (np.ptp(gaps) / 2) * np.sqrt(1 / (len(gaps) - 1)) + _ROOM:
        return f"the differences lie within {np.ptp(gaps):.4g}: a half-width of {half:.4g} is wide"
    if np.ptp(gaps) < _ROOM:
        return None
    if half * (len(gaps) - 1) < t * np.abs(gaps - gaps.mean()).max() - _ROOM:
        return f"one difference alone asks for more than a half-width of {half:.4g}"
    return None


def _word_fault(args: Args, result: Any) -> str | None:
    del args
    mean, half, word = result
    if word not in ("first", "second", "undecided"):
        return f"{word!r} is none of the three words"
    if (abs(mean) <= half) != (word == "undecided"):
        return f"{mean:.4g} with a half-width of {half:.4g} is not {word!r}"
    if word != "undecided" and (mean > 0) != (word == "first"):
        return f"with {mean:.4g}, it is not the {word} that is better"
    return None


SEEDS = Task(
    id="3.11",
    title="Better, or luckier?",
    function="compare",
    returns=forms.tuple_of(forms.real, forms.real, forms.text),
    public_inputs=(
        WORKED_SEEDS,
        (_LATER, _FIRST, 2.776),
        (_FIRST, _LATER, 2.776),
        (_FIRST[:3], (0.90, 0.93, 0.88), 4.303),
        ((0.5, 0.75, 0.625), (0.75, 1.0, 0.875), 4.303),
        (_FIRST, _FIRST, 2.776),
    ),
    withheld=("tinyml_course.core.statistics",),
    parts=(
        Part("worked example", 2, "The example's first method is better, by 0.016.",
             _worked_seeds),
        Part("interval", 2, "Mean and half-width are those of the differences, seed by seed.",
             _interval_fault),
        Part("verdict", 2, "It says which is better, if the interval does.", _word_fault,
             after=("interval",)),
    ),
    hints=(
        "Both methods had the same split and the same order of samples under one seed: what that "
        "did to both, a difference does not see.",
        "The standard deviation of n differences divides by n - 1; that of their mean is smaller "
        "by the root of n.",
        "A list of differences, its mean, t times its standard error, and two comparisons.",
    ),
)  # fmt: skip
