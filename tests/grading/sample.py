"""A small exercise, whole, so that tests of the machinery do not depend on the course's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinyml_course.grading import forms
from tinyml_course.grading.author import make_exercise
from tinyml_course.grading.judge import Judge, WrongAnswer, build_paper
from tinyml_course.grading.paper import Paper
from tinyml_course.grading.task import Limits, Part, Task, worked_examples

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


def exact_layer(args, result):
    """Compare with the bits counted one by one."""
    inputs, outputs, bits = args
    expected = -(-inputs * outputs * bits // 8) + 4 * outputs
    return None if result == expected else f"expected {expected}, got {result}"


def draw_layers(rng):
    """Draw layers of all widths, and two whose codes do not fill a byte."""
    layers = [
        (int(rng.integers(2, 400)), int(rng.integers(2, 400)), int(bits))
        for bits in rng.choice([2, 4, 8], 20)
    ]
    return [*layers, (int(rng.integers(10, 99)), 6, 8), (2 * int(rng.integers(1, 99)) + 1, 3, 4)]


def draw_costs(rng):
    """Draw clouds of points, with ties in single costs, equal points and dominated ones."""
    clouds = [rng.normal(size=(int(n), int(k))) for n, k in rng.integers([5, 2], [40, 4], (12, 2))]
    ties = [rng.integers(0, 4, (30, 2)).astype(float) for _ in range(6)]
    base = float(rng.integers(1, 9))
    tied = np.array([[base, base], [base, base + 1], [base, base], [base + 2, base - 1]])
    return [(costs,) for costs in (*clouds, *ties, tied)]


JUDGES = (
    Judge(
        task="0.1",
        draw_inputs=draw_layers,
        also={"any layer": exact_layer},
        wrong=(
            WrongAnswer(
                "no biases",
                0,
                """
                def weight_bytes(inputs, outputs, bits):
                    return inputs * outputs * bits // 8
                """,
            ),
            WrongAnswer(
                "rounds down",
                2,
                """
                def weight_bytes(inputs, outputs, bits):
                    return inputs * outputs * bits // 8 + 4 * outputs
                """,
            ),
            WrongAnswer(
                "a byte for every weight",
                4,
                """
                def weight_bytes(inputs, outputs, bits):
                    return inputs * outputs + 4 * outputs
                """,
            ),
            WrongAnswer(
                "knows the public inputs",
                2,
                """
                KNOWN = {(3, 5, 8): 35, (1000, 100, 8): 100400, (3, 3, 4): 17, (7, 1, 4): 8}

                def weight_bytes(inputs, outputs, bits):
                    return KNOWN.get((inputs, outputs, bits), 0)
                """,
            ),
        ),
    ),
    Judge(
        task="0.2",
        draw_inputs=draw_costs,
        wrong=(
            WrongAnswer(
                "keeps everything",
                0,
                """
                def pareto_mask(costs):
                    return np.ones(len(costs), bool)
                """,
            ),
            WrongAnswer(
                "drops everything",
                0,
                """
                def pareto_mask(costs):
                    return np.zeros(len(costs), bool)
                """,
            ),
            WrongAnswer(
                "drops equal points",
                7,
                """
                def pareto_mask(costs):
                    no_worse = (costs[None] <= costs[:, None]).all(axis=2)
                    return no_worse.sum(axis=1) == 1
                """,
            ),
            WrongAnswer(
                "keeps ties",
                8,
                """
                def pareto_mask(costs):
                    return ~(costs[None] < costs[:, None]).all(axis=2).any(axis=1)
                """,
            ),
        ),
    ),
)

CELLS = {
    "title": "# Exercises",
    "setup": "import matplotlib.pyplot as plt\nimport numpy as np\n\n"
    "from tinyml_course.grading.check import attempted, check",
    "0-1-spec": "## 0.1 What a dense layer takes in flash (8 points)\n\nAn example takes 35 bytes.",
    "0-1-prediction": "predicted_bytes = None  # your prediction",
    "0-1-hole": '''def weight_bytes(inputs, outputs, bits):
    """Return the bytes of a dense layer: packed weights, and a 4-byte bias for each output."""
    # solution
    weight_bits = inputs * outputs * bits
    return (weight_bits + 7) // 8 + 4 * outputs''',
    "0-1-check": 'check("0.1", weight_bytes)',
    "0-1-picture": 'with attempted("0.1"):\n    print(weight_bytes(1000, 100, 4))',
    "0-2-spec": "## 0.2 The points that no other dominates (12 points)\n\nLess is better.",
    "0-2-hole": '''def pareto_mask(costs):
    """Return a boolean array (N,): which rows of `costs` (N, K) no other row dominates."""
    # solution
    no_worse = (costs[None] <= costs[:, None]).all(axis=2)
    better = (costs[None] < costs[:, None]).any(axis=2)
    return ~(no_worse & better).any(axis=1)''',
    "0-2-check": 'check("0.2", pareto_mask)',
}
"""The solution notebook, by cell id."""

QUICK = Limits(cpu_s=1, wall_s=6.0, memory_bytes=256 * 1024**2)
NAME = "00_foundations.ipynb"


def solved() -> dict[str, Any]:
    """Return the solution notebook, as a learner who knows everything would hand it in."""
    cells = []
    for key, source in CELLS.items():
        is_text = key in ("title", "summary") or key.endswith("-spec")
        kind = {"cell_type": "markdown"} if is_text else {"cell_type": "code", "outputs": []}
        cells.append({**kind, "id": key, "metadata": {}, "source": source})
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def untouched() -> dict[str, Any]:
    """Return the exercise as it is given out."""
    return make_exercise(solved(), TASKS)


def make_sample_paper(secret: str = "sample") -> Paper:
    """Return the paper, with tight limits."""
    tasks = [replace(task, limits=QUICK) for task in TASKS]
    return build_paper(NAME, untouched(), tasks, {j.task: j for j in JUDGES}, secret=secret)
