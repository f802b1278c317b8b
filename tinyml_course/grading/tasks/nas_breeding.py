"""Chapter 2, breeding: tournaments, crossover and mutation, and a race in rungs."""

from __future__ import annotations

from typing import Any

from tinyml_course.grading import forms
from tinyml_course.grading.task import Part, Task, worked_examples

Args = tuple[Any, ...]
Network = list[dict[str, Any]]

CHOICES = {"op": ("conv", "separable"), "filters": (8, 16, 32, 64), "kernel": (3, 5)}


def block(op: str, filters: int, kernel: int) -> dict[str, Any]:
    """Return a block as the task writes it."""
    return {"op": op, "filters": filters, "kernel": kernel}


def _parents() -> list[Network]:
    return [
        [block("conv", 8, 3), block("separable", 16, 5)],
        [block("conv", 32, 5), block("conv", 64, 3), block("separable", 8, 3)],
        [block("separable", 64, 3), block("conv", 16, 5), block("separable", 32, 5)],
        [block("conv", 16, 3), block("conv", 8, 5), block("conv", 32, 3), block("conv", 64, 5)],
    ]


FITNESS = (0.7, 0.9, 0.8, 0.9)
WORKED_PLAN = ((((0, 1), (2, 0)), 1, (0, "filters", 0.5)),)
WORKED_CHILD = [block("conv", 16, 5), block("conv", 16, 5), block("separable", 32, 5)]


def _inputs() -> tuple[Args, ...]:
    plans = (
        WORKED_PLAN,
        ((((0,), (3,)), 1, None), (((2,), (1,)), 2, None)),
        ((((0, 2, 3, 1), (0, 2)), 1, None), (((2, 0, 1), (1, 2, 3)), 2, None)),
        ((((0,), (2,)), 1, (1, "kernel", 0.9)),),
        ((((3,), (2,)), 2, (2, "filters", 0.999)),),
        (
            (((1,), (1,)), 1, (0, "filters", 0.0)),
            (((1,), (1,)), 1, (1, "op", 0.3)),
            (((1,), (1,)), 2, None),
        ),
        ((((0,), (3,)), 1, (2, "kernel", 0.4)), (((3,), (2,)), 2, (1, "filters", 0.7))),
    )
    return tuple((_parents(), FITNESS, plan, CHOICES) for plan in plans)


def kind_of_plan(args: Args) -> str:
    """Return what a plan asks for: ``change``, ``tournament``, ``cross``, or more: ``family``."""
    plan = args[2]
    changes = any(change is not None for *_, change in plan)
    contests = any(len(entrants) > 1 for pair, *_ in plan for entrants in pair)
    if changes:
        return "family" if contests or len(plan) > 1 else "change"
    return "tournament" if contests else "cross"


def _fault(args: Args, result: Any) -> str | None:
    """Return how a child differs from what its plan says."""
    parents, fitness, plan, choices = args
    if len(result) != len(plan):
        return f"{len(plan)} children are planned, got {len(result)}"
    for number, (child, ((mothers, fathers), cut, change)) in enumerate(
        zip(result, plan, strict=True)
    ):
        mother, father = (
            next(parents[i] for i in entrants if fitness[i] == max(fitness[j] for j in entrants))
            for entrants in (mothers, fathers)
        )
        if len(child) != len(father):
            return f"child {number} has {len(child)} blocks, its father {len(father)}"
        for place, found in enumerate(child):
            origin = (mother if place < cut else father)[place]
            if change is not None and place == change[0]:
                fault = _change_fault(found, origin, change, choices)
            else:
                fault = None if found == origin else "is not as in the parent that it comes from"
            if fault:
                return f"child {number}, block {place}: {fault}"
    return None


def _change_fault(
    found: dict[str, Any], origin: dict[str, Any], change: Args, choices: dict[str, Args]
) -> str | None:
    _, key, draw = change
    if {**found, key: None} != {**origin, key: None}:
        return f"more than {key!r} has changed"
    if found[key] == origin[key]:
        return f"{key!r} has not changed"
    others = len(choices[key]) - 1
    below = [value for value in choices[key] if value != origin[key]].index(found[key])
    if below <= draw * others < below + 1:
        return None
    return f"of the other values of {key!r}, another one than {found[key]!r} is drawn"


def _on_kind(kind: str) -> Any:
    return lambda args, result: _fault(args, result) if kind_of_plan(args) == kind else None


def _network(value: Any) -> str | None:
    return forms.list_of(forms.dict_of(forms.anything))(value)


GENERATION = Task(
    id="2.4",
    title="The next generation",
    function="breed",
    returns=forms.list_of(_network),
    public_inputs=_inputs,
    parts=(
        Part(
            "worked example",
            2,
            "The child of the example has the blocks that the text says.",
            lambda args, result: _worked_child(args, result),
        ),
        Part("crossover", 3, "A child begins as its mother and goes on as its father.",
             _on_kind("cross")),
        Part("tournaments", 2, "The fittest entrant wins, of equally fit ones the first.",
             _on_kind("tournament")),
        Part("change", 2, "One field of one block gets the drawn one of its other values.",
             _on_kind("change")),
        Part("parents stay", 3, "Later children have the parents' blocks as they were given.",
             _on_kind("family")),
    ),
    hints=(
        "A list of blocks can be new while its blocks are still the parent's own.",
        "Copy each block before anything is changed; look up the other values in the order of "
        "`choices`.",
        "For each entry of the plan: two maxima by fitness, two slices of copies, one assignment.",
    ),
)  # fmt: skip


def _worked_child(args: Args, result: Any) -> str | None:
    if args[2] != WORKED_PLAN or result == [WORKED_CHILD]:
        return None
    return f"the worked example says {[WORKED_CHILD]}, got {result}"


WORKED_RACE = (((0.5, 0.9), (0.7, 0.6), (0.6, 0.8), (0.4, 0.7)), (1, 3), 3)
_CURVES = (
    (0.30, 0.55, 0.90), (0.52, 0.50, 0.60), (0.48, 0.71, 0.70), (0.61, 0.70, 0.80),
    (0.45, 0.71, 0.95), (0.20, 0.95, 0.99), (0.49, 0.40, 0.85),
)  # fmt: skip
_TIED = ((0.5, 0.6), (0.5, 0.7), (0.5, 0.8), (0.5, 0.9), (0.4, 1.0))


def _affordable(args: Args, result: Any) -> str | None:
    accuracies, epochs, _ = args
    spent = result[1]
    if sum(epochs) <= spent <= sum(epochs) * len(accuracies):
        return None
    return (
        f"{spent} epochs; the winner alone takes {sum(epochs)}, all of them {len(accuracies)} "
        "times as many"
    )


def _survives(args: Args, result: Any) -> str | None:
    """Return why the named winner can't have come through the first rung."""
    accuracies, _, eta = args
    winner = result[0]
    if not 0 <= winner < len(accuracies):
        return f"there is no network {winner}"
    before = sum(row[0] > accuracies[winner][0] for row in accuracies)
    places = -(-len(accuracies) // eta) if len(accuracies[0]) > 1 else 1
    if before < places:
        return None
    return f"network {winner} does not come through the first rung: {before} networks are better"


RACE = Task(
    id="2.8",
    title="A race in rungs",
    function="halve",
    returns=forms.tuple_of(forms.integer, forms.integer),
    public_inputs=(
        WORKED_RACE,
        (_CURVES, (1, 3, 9), 3),
        (_CURVES, (2, 4, 8), 2),
        (_TIED, (3, 9), 2),
        (((0.4, 0.2, 0.3),), (1, 2, 3), 4),
    ),
    parts=(
        Part("worked example", 2, "Network 2 wins, after 10 epochs in all.",
             worked_examples({WORKED_RACE: (2, 10)})),
        Part("the winner", 2, "The best of the last rung wins, among those that got there.",
             _survives),
        Part("the epochs", 2, "Every training counts, each from scratch.", _affordable),
    ),
    hints=(
        "Whoever is dropped is never trained again: its later accuracies are not known.",
        "Before each rung count its trainings; behind it, sort by this rung's column and cut off.",
        "A list of those left, a running sum, and one sort a rung with two keys.",
    ),
)  # fmt: skip
