"""The mutation playground: one change to a network, and what it does to every cost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from matplotlib.figure import Figure

from tinyml_course.core.arch import ArchSpec, gesture_net
from tinyml_course.nas.code import from_code, to_code
from tinyml_course.nas.costs import SpecCost, measure_cost
from tinyml_course.nas.moves import MOVES, TRIES
from tinyml_course.nas.space import DEFAULT_SPACE
from tinyml_course.plots.nas import plot_change
from tinyml_course.widgets.experiment import Control, Experiment

CLASSES = DEFAULT_SPACE.classes
PARENTS: dict[str, ArchSpec] = {
    "gesture network": gesture_net(CLASSES),
    "wide and shallow": from_code("c16k5/2 s24k3p2u h16", classes=CLASSES),
    "with skips": from_code("c8k3/2 s8k3+ dk5+ s16k3/2", classes=CLASSES),
}
"""Networks of the default space to start from."""
DRAWS = tuple(range(10))
"""Numbers of the random draws: seeds."""


@cache
def mutate_once(parent: str, kind: str, draw: int) -> ArchSpec:
    """Return a child of one of `PARENTS`; the parent where no change of this kind is possible.

    Parameters
    ----------
    parent : str
        A name in `PARENTS`.
    kind : str
        A name in `nas.moves.MOVES`.
    draw : int
        Seed.
    """
    spec, rng = PARENTS[parent], np.random.default_rng(draw)
    for _ in range(TRIES):
        child = MOVES[kind](DEFAULT_SPACE, spec, rng)
        if child != spec:
            return child
    return spec


def find_changes(before: ArchSpec, after: ArchSpec) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the numbers of the blocks that differ, in each of two networks.

    Blocks are matched from both ends, so that an inserted block is the only one that differs;
    the number of blocks stands for the head.

    Examples
    --------
    >>> net = gesture_net(3)
    >>> find_changes(net, ArchSpec(layers=net.layers[:1] + net.layers[2:], classes=3))
    ((1,), ())
    """
    a, b = before.layers, after.layers
    front = _common(a, b)
    back = min(_common(a[::-1], b[::-1]), len(a) - front, len(b) - front)
    head = before.hidden != after.hidden
    mine, theirs = (
        (*range(front, len(layers) - back), *((len(layers),) if head else ())) for layers in (a, b)
    )
    return mine, theirs


def _common(a: Sequence[object], b: Sequence[object]) -> int:
    """Return how many items two sequences share at their beginning."""
    pairs = enumerate(zip(a, b, strict=False))
    return next((i for i, (x, y) in pairs if x != y), min(len(a), len(b)))


@cache
def _cost(spec: ArchSpec) -> SpecCost:
    return measure_cost(spec, form="slim")


def compare(before: ArchSpec, after: ArchSpec) -> dict[str, tuple[float, float]]:
    """Return each cost on the ESP32 by name and unit, before and after."""
    old, new = _cost(before), _cost(after)
    return {
        "arena, B": (old.arena_bytes, new.arena_bytes),
        "model file, B": (old.model_bytes, new.model_bytes),
        "MACs": (old.macs, new.macs),
        "latency, ms": (old.latency_ms, new.latency_ms),
    }


def draw_mutation(parent: str, kind: str, draw: int) -> Figure:
    """Draw a parent, its child and their costs."""
    before, after = PARENTS[parent], mutate_once(parent, kind, draw)
    return plot_change(before, after, compare(before, after), changed=find_changes(before, after))


def describe_mutation(parent: str, kind: str, draw: int) -> str:
    """Return the alt text: the two networks as codes, and each cost."""
    before, after = PARENTS[parent], mutate_once(parent, kind, draw)
    if before == after:
        return f"{parent}, draw {draw}: no change of {kind} is possible in {to_code(before)}."
    costs = ", ".join(
        f"{name} {old:,.0f} to {new:,.0f}" for name, (old, new) in compare(before, after).items()
    )
    return f"{parent}, {kind}, draw {draw}: {to_code(before)} becomes {to_code(after)}; {costs}."


MUTATION = Experiment(
    name="mutation-playground",
    question=(
        "Which kind of change can more than double the arena and hardly touch the file, and "
        "which one does the opposite?"
    ),
    controls=(
        Control(
            name="parent", label="parent", values=tuple(PARENTS), default="gesture network",
            kind="menu",
        ),
        Control(
            name="kind", label="kind of change", values=tuple(MOVES), default="downsampling",
            kind="menu",
        ),
        Control(name="draw", label="random draw", values=DRAWS, default=0),
    ),
    draw=draw_mutation,
    describe=describe_mutation,
)  # fmt: skip
"""One parent, one child, four costs."""
