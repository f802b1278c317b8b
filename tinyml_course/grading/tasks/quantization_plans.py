"""Chapter 1, plans: bits for each layer under a budget, and a model of whole bytes to hand in."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

from tinyml_course.data import DIGITS
from tinyml_course.grading import forms
from tinyml_course.grading.product import ProductReport
from tinyml_course.grading.task import Part, Task
from tinyml_course.grading.tasks import product_parts

Args = tuple[Any, ...]

WIDTHS = (8, 4, 2)
TOLERANCE = 1e-9

WORKED = ((100, 300), ((0.0, 5.0, 9.0), (0.0, 1.0, 8.0)), 260)
PLANS = (
    WORKED,
    ((7, 7, 7), ((0.0, 2.0, 4.0), (0.0, 1.0, 2.5), (0.0, 4.0, 9.0)), 15),
    ((100, 60, 60), ((0.0, 5.0, 20.0), (0.0, 2.8, 20.0), (0.0, 2.9, 20.0)), 170),
    ((100, 200, 50), ((0.0, 0.0, 7.0), (0.0, 3.0, 3.0), (0.0, 1.0, 2.0)), 400),
    ((90, 40, 50), ((0.0, 4.6, 30.0), (0.0, 1.9, 30.0), (0.0, 2.6, 30.0)), 136),
    ((64, 640, 100), ((0.0, 1.0, 2.0), (0.0, 6.0, 9.0), (0.0, 3.0, 4.0)), 804),
)
"""Weights of the layers, damage of each width on each layer, and the budget in bytes."""


def plan_cost(args: Args, plan: Any) -> tuple[float, int]:
    """Return damage and bytes of a plan."""
    weights, damages, _ = args
    damage = sum(row[WIDTHS.index(bits)] for row, bits in zip(damages, plan, strict=True))
    return damage, sum((n * bits + 7) // 8 for n, bits in zip(weights, plan, strict=True))


def _better(args: Args, plan: Any, others: Any) -> Any:
    """Return the first of other plans that fits and is less harmful, or as harmful and smaller."""
    damage, size = plan_cost(args, plan)
    for other in others:
        found, taken = plan_cost(args, other)
        even = abs(found - damage) <= TOLERANCE
        if taken <= args[2] and (found < damage - TOLERANCE or (even and taken < size)):
            return other
    return None


def _worked_plan(args: Args, result: Any) -> str | None:
    if len(result) != len(args[0]) or not set(result) <= set(WIDTHS):
        return f"need one of {WIDTHS} for each of {len(args[0])} layers, got {result}"
    if args != WORKED or list(result) == [8, 4]:
        return None
    return f"the worked example says [8, 4], got {list(result)}"


def _no_single_step(args: Args, result: Any) -> str | None:
    taken = plan_cost(args, result)[1]
    if taken > args[2]:
        return f"the plan takes {taken} B, the budget is {args[2]} B"
    steps = [
        [*result[:layer], bits, *result[layer + 1 :]]
        for layer in range(len(result))
        for bits in WIDTHS
    ]
    other = _better(args, result, steps)
    if other is None:
        return None
    return f"{list(result)} can be improved by changing the width of a single layer"


def _best(args: Args, result: Any) -> str | None:
    other = _better(args, result, itertools.product(WIDTHS, repeat=len(result)))
    if other is None:
        return None
    damage, size = plan_cost(args, result)
    return f"{list(result)} does {damage:g} of damage in {size} B; there is a better plan"


BEST_PLAN = Task(
    id="1.10",
    title="The best widths under a budget",
    function="best_plan",
    returns=forms.list_of(forms.integer),
    public_inputs=PLANS,
    parts=(
        Part("worked example", 2, "Each layer has a width; the example's are 8 and 4.",
             _worked_plan),
        Part(
            "no single step",
            3,
            "The plan fits the budget, and no change of a single layer improves it.",
            _no_single_step,
            after=("worked example",),
        ),
        Part("best of all", 5, "No plan that fits does less damage, and none as little in fewer "
             "bytes.", _best, after=("no single step",)),
    ),
    hints=(
        "Layers compete for the same bytes: the best choice for one depends on all the others.",
        "There are never more than seven layers: every plan can be looked at.",
        "All combinations, those that fit, and the smallest by a pair of keys.",
    ),
)  # fmt: skip

MODEL_BYTES = 7_500
"""What earns all points; nothing is left at twice that."""
ARENA_BYTES = 6_000
ACCURACY = 0.9
LEAST = 0.4
"""Guessing gets a tenth of the ten digits right; from here on, something was learnt."""


def _whole_numbers(args: Args, result: ProductReport) -> str | None:
    del args
    types = {*result.input_types, *result.output_types}
    bridges = {"QUANTIZE", "DEQUANTIZE"} & set(result.operators)
    if types != {"int8"}:
        return f"inputs and outputs are {', '.join(sorted(types))}, not int8"
    return f"{', '.join(sorted(bridges))} leads out of the integers" if bridges else None


DIGIT_MODEL = Task(
    id="1.11",
    title="Ten digits in whole numbers",
    function="",
    product="1.11.tflite",
    public_inputs=partial(
        product_parts.draw_public, DIGITS, samples_per_class=20, seed=1600
    ),
    parts=(
        product_parts.learnt(2, LEAST, things="digits", guessing="a tenth"),
        Part(
            "whole numbers",
            3,
            "Inputs and outputs are int8, and no operator converts from or to floats.",
            _whole_numbers,
            after=(product_parts.LEARNT,),
        ),
        product_parts.fits(1),
        product_parts.little_ram(2, ARENA_BYTES),
        product_parts.little_flash(4, MODEL_BYTES),
        product_parts.accurate(4, ACCURACY, least=LEAST),
    ),
    hints=(
        "A converter keeps floats wherever it is not told ranges and types.",
        "Flash goes to the widest layers, RAM to the first ones; give the training enough people.",
        "Few blocks with stride 2, converted with the training images as calibration.",
    ),
)  # fmt: skip
