"""Chapter 2, many objectives: ranks of fronts, room around a point, and the hypervolume."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyml_course.grading import forms
from tinyml_course.grading.task import Part, Task

Args = tuple[Any, ...]

TOLERANCE = 1e-9

WORKED_COSTS = np.array([[1.0, 4.0], [2.0, 2.0], [3.0, 3.0], [4.0, 4.0], [5.0, 1.0]])
_CLOUD = np.random.default_rng(21).normal(size=(30, 3))
_STAIRS = np.array([[float(i), float(j)] for i in range(4) for j in range(4)])
_TWINS = np.array([[2.0, 2.0], [1.0, 3.0], [2.0, 2.0], [2.0, 2.0], [3.0, 2.0], [1.0, 3.0]])


def has_ties(costs: Any) -> bool:
    """Whether two candidates have a cost in common, or there is only one of them."""
    return any(len(np.unique(column)) < max(2, len(column)) for column in costs.T)


def _worked_ranks(args: Args, result: Any) -> str | None:
    if result.shape != (len(args[0]),):
        return f"{len(args[0])} candidates need as many ranks, got shape {result.shape}"
    if not np.array_equal(args[0], WORKED_COSTS) or result.tolist() == [0, 0, 1, 2, 0]:
        return None
    return f"the worked example says [0, 0, 1, 2, 0], got {result.tolist()}"


def _ranks(args: Args, result: Any) -> str | None:
    costs = args[0]
    for number, rank in enumerate(result):
        above = (costs <= costs[number]).all(axis=1) & (costs < costs[number]).any(axis=1)
        if not above.any() and rank != 0:
            return f"nothing dominates candidate {number}, and yet its rank is {rank}"
        if above.any() and rank <= result[above].max():
            return f"candidate {number} has the rank {rank}, as one that dominates it, or a better"
        if above.any() and rank - 1 not in result[above]:
            return f"candidate {number} has the rank {rank}, and none of rank {rank - 1} is above"
    return None


FRONTS = Task(
    id="2.5",
    title="One front behind another",
    function="rank_fronts",
    returns=forms.array("int", ndim=1),
    public_inputs=(
        (WORKED_COSTS,),
        (_CLOUD,),
        (np.array([[3.0, 1.0, 2.0], [1.0, 2.0, 3.0], [4.0, 3.0, 5.0], [5.0, 4.0, 6.0]]),),
        (_STAIRS,),
        (_TWINS,),
        (np.full((3, 2), 7.0),),
    ),
    parts=(
        Part("worked example", 2, "There is a rank for each candidate; the example's are right.",
             _worked_ranks),
        Part(
            "all costs differ",
            3,
            "A candidate's rank is one more than the largest of those that dominate it.",
            lambda args, result: None if has_ties(args[0]) else _ranks(args, result),
            after=("worked example",),
        ),
        Part(
            "equal costs",
            3,
            "The same where candidates have some costs, or all, in common.",
            lambda args, result: _ranks(args, result) if has_ties(args[0]) else None,
            after=("worked example",),
        ),
    ),
    hints=(
        "Take the best away, and others become the best.",
        "A table of who dominates whom; candidates whose dominators are all gone form a front.",
        "A loop over the ranks; in each, those left over that nobody left over dominates.",
    ),
)  # fmt: skip

WORKED_FRONT = np.array([[0.0, 4.0], [1.0, 2.0], [4.0, 0.0]])
_LINE = np.array([[0.30, 9.0], [0.10, 30.0], [0.02, 80.0], [0.20, 12.0], [0.05, 44.0]])
_SPACE = np.random.default_rng(22).permuted(
    np.tile(np.linspace(1.0, 9.0, 12) ** 2, (3, 1)), axis=1
).T.copy()  # fmt: skip
_FLAT = np.array([[1.0, 5.0], [2.0, 5.0], [4.0, 5.0], [8.0, 5.0]])
_SHARED = np.array([[2.0, 1.0], [1.0, 3.0], [2.0, 2.0], [1.0, 4.0], [3.0, 0.0], [2.0, 2.0]])


def _worked_room(args: Args, result: Any) -> str | None:
    if result.shape != (len(args[0]),):
        return f"{len(args[0])} candidates need as many distances, got shape {result.shape}"
    if np.isnan(result).any():
        return "a distance is not a number"
    if not np.array_equal(args[0], WORKED_FRONT) or result.tolist() == [np.inf, 2.0, np.inf]:
        return None
    return f"the worked example says [inf, 2, inf], got {result.tolist()}"


def _ends(args: Args, result: Any) -> str | None:
    most = 2 * args[0].shape[1]
    if np.isinf(result).sum() > most:
        return f"more than {most} candidates have infinite room, two for each objective"
    for column in args[0].T:
        if np.ptp(column) == 0:
            continue
        for end in (column.min(), column.max()):
            if not np.isinf(result[column == end]).any():
                return f"no candidate at the end {end:g} of an objective has infinite room"
    return None


def _gaps(args: Args, result: Any) -> str | None:
    costs = args[0]
    for number, found in enumerate(result):
        room = 0.0
        for column in costs.T:
            above, below = (
                column[column > column[number]],
                column[column < column[number]],
            )
            ends = not above.size or not below.size
            room += np.inf if ends else (above.min() - below.max()) / np.ptp(column)
        if not np.isclose(found, room, rtol=TOLERANCE):
            return f"candidate {number} has {'less' if found > room else 'more'} room than {found}"
    return None


def _finite_gaps(args: Args, result: Any) -> str | None:
    if (result < 0).any():
        return "no room can be negative"
    objectives = sum(np.ptp(column) > 0 for column in args[0].T)
    inner = result[np.isfinite(result)]
    if (inner > objectives + TOLERANCE).any():
        return f"{objectives} objectives differ; no candidate between others has {inner.max():g}"
    return None


CROWDING = Task(
    id="2.6",
    title="Room on a front",
    function="crowding_distance",
    returns=forms.array("float", ndim=1, finite=False),
    public_inputs=(
        (WORKED_FRONT,),
        (_LINE,),
        (_SPACE,),
        (np.array([[1.0, 2.0]]),),
        (_FLAT,),
        (_SHARED,),
        (np.full((3, 2), 4.0),),
    ),
    parts=(
        Part("worked example", 2, "There is a distance for each candidate; the example's are right",
             _worked_room),
        Part("ends", 2, "Where an objective differs, its best and its worst have infinite room.",
             _ends, after=("worked example",)),
        Part(
            "gaps",
            2,
            "In between, the gaps between neighbours add up, each as a share of its range.",
            lambda args, result: None if has_ties(args[0]) else _gaps(args, result),
            after=("worked example",),
        ),
        Part(
            "ties",
            2,
            "Equal values stand in the given order; an objective without a range adds nothing.",
            lambda args, result: _finite_gaps(args, result) if has_ties(args[0]) else None,
            after=("worked example",),
        ),
    ),
    hints=(
        "Each objective is looked at alone: sort by it, and look at both neighbours.",
        "A stable sort keeps equal values in order; leave an objective out if all are equal.",
        "For each column an order, infinity for its first and last, and a difference over two "
        "places divided by the range for the others.",
    ),
)  # fmt: skip

WORKED_POINTS = (np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([3.0, 3.0]))
_STEPS = np.array([[1.0, 7.0], [2.0, 4.0], [2.0, 4.0], [5.0, 3.0], [6.0, 6.0], [7.0, 1.0]])
_CUBES = np.random.default_rng(23).integers(0, 9, (25, 3)).astype(float)


def _worked_volume(args: Args, result: float) -> str | None:
    if not np.array_equal(args[0], WORKED_POINTS[0]) or np.isclose(result, 3.0, rtol=TOLERANCE):
        return None
    return f"the worked example says 3.0, got {result:.6g}"


def _unit_cells(args: Args, result: float) -> str | None:
    """Compare with the count of unit cells, where all numbers are whole."""
    costs, reference = args
    if any((values % 1).any() for values in args):
        return None
    sides = [np.arange(min(0, costs.min()), end) for end in reference]
    cells = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1)
    volume = int((cells[..., None, :] >= costs).all(axis=-1).any(axis=-1).sum())
    if abs(result - volume) <= TOLERANCE * (1 + volume):
        return None
    return f"{'fewer' if result > volume else 'more'} than {result:g} unit cells are dominated"


def _on_objectives(count: int) -> Any:
    return lambda a, result: _unit_cells(a, result) if a[0].shape[1] == count else None


HYPERVOLUME = Task(
    id="2.7",
    title="How good a front is",
    function="hypervolume",
    returns=forms.real,
    public_inputs=(
        WORKED_POINTS,
        (_STEPS, np.array([7.0, 9.0])),
        (_STEPS, np.array([1.0, 1.0])),
        (_STEPS[::-1].copy(), np.array([8.0, 5.0])),
        (_CUBES[:3], np.array([9.0, 8.0, 9.0])),
        (_CUBES, np.array([9.0, 7.0, 8.0])),
    ),
    withheld=("tinyml_course.nas.pareto",),
    parts=(
        Part("worked example", 2, "The two points of the example dominate 3 units of area.",
             _worked_volume),
        Part("two objectives", 3, "The area is that of all that some point dominates, each once.",
             _on_objectives(2)),
        Part("three objectives", 3, "The same for volumes.", _on_objectives(3)),
    ),
    hints=(
        "The boxes overlap; cut the whole into pieces that do not.",
        "Drop what lies beyond the reference, then cut along one objective at the points' values: "
        "between two cuts the area is the same everywhere.",
        "A sum of slabs, area times thickness; the area is a hypervolume of one objective less.",
    ),
)  # fmt: skip
