"""The tasks of chapter 0: what is asked, what it counts, which properties are checked in public."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyml_course.grading import forms
from tinyml_course.grading.task import Part, Task, worked_examples

EXAMPLE = np.array([[1.0, 5.0], [2.0, 3.0], [4.0, 1.0], [4.0, 4.0]])
COSTS = (
    (EXAMPLE,),
    (np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 2.0]]),),
    (np.array([[3.0, 2.0, 2.0], [2.0, 3.0, 2.0], [2.0, 2.0, 3.0], [3.0, 3.0, 3.0]]),),
    (np.array([[7.0, 7.0]]),),
)


def _has_room(args: tuple[Any, ...], result: int) -> str | None:
    inputs, outputs, bits = args
    if 8 * (result - 4 * outputs) < inputs * outputs * bits:
        return f"{result} B can't hold {inputs * outputs} weights and {outputs} biases"
    return None


def _worked_flags(args: tuple[Any, ...], result: Any) -> str | None:
    (costs,) = args
    if result.shape != (len(costs),):
        return f"{len(costs)} points need as many flags, got shape {result.shape}"
    if costs is EXAMPLE and result.tolist() != [True, True, True, False]:
        return f"the worked example keeps the first three points, got {result.tolist()}"
    return None


def _keeps_no_dominated(args: tuple[Any, ...], result: Any) -> str | None:
    (costs,) = args
    for number in np.flatnonzero(result):
        better = _dominating(costs, number)
        if better.size:
            return f"point {number} is kept although point {better[0]} dominates it"
    return None


def _drops_dominated_only(args: tuple[Any, ...], result: Any) -> str | None:
    (costs,) = args
    for number in np.flatnonzero(~result):
        if not _dominating(costs, number).size:
            return f"point {number} is dropped although no other dominates it"
    return None


def _dominating(costs: Any, number: int) -> Any:
    """Return the indices of the points that dominate point `number`."""
    no_worse = (costs <= costs[number]).all(axis=1)
    return np.flatnonzero(no_worse & (costs < costs[number]).any(axis=1))


WEIGHT_BYTES = Task(
    id="0.1",
    title="What a dense layer takes in flash",
    function="weight_bytes",
    returns=forms.integer,
    public_inputs=((3, 5, 8), (1000, 100, 8), (3, 3, 4), (7, 1, 4)),
    parts=(
        Part(
            "worked example",
            2,
            "Three inputs and five outputs at 8 bits take 35 bytes.",
            worked_examples({(3, 5, 8): 35}),
        ),
        Part(
            "room for all",
            2,
            "All weights and all biases have room.",
            _has_room,
            after=("worked example",),
        ),
        Part("any layer", 4, "The bytes are exact, on layers that you do not see."),
    ),
    hints=(
        "What is stored for each connection, and what for each output?",
        "Count bits first, then bytes; only one of the two counts needs rounding.",
        "A sum of two products, one of them rounded up to whole bytes.",
    ),
)

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
            "keeps no dominated point",
            4,
            "No point that is kept is dominated by another.",
            _keeps_no_dominated,
            after=("worked example",),
        ),
        Part(
            "drops dominated points only",
            5,
            "Every point that is dropped is dominated by another.",
            _drops_dominated_only,
            after=("worked example",),
        ),
    ),
    hints=(
        "A point dominates another if it is nowhere worse and somewhere better.",
        "Compare each point with all the others; equal points do not dominate each other.",
        "For each point, whether any other one is at most as large everywhere and less somewhere.",
    ),
)

TASKS = (WEIGHT_BYTES, PARETO)
