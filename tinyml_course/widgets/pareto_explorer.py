"""The Pareto explorer: walk along a front of four objectives and look at each network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from matplotlib.figure import Figure

from tinyml_course.core.boards import find_board
from tinyml_course.cost.graph import arch_graph
from tinyml_course.device.arena import plan_arena
from tinyml_course.nas.code import to_code
from tinyml_course.nas.front import objectives
from tinyml_course.nas.pareto import pareto_mask
from tinyml_course.nas.tabulated import Entry, as_trial
from tinyml_course.plots.explorer import plot_explorer, plot_front_choice
from tinyml_course.widgets.experiment import Control, Experiment

AXES = {"arena, KB": (1, 1024), "model file, KB": (2, 1024), "latency, ms": (3, 1)}
"""What the front is drawn against: column of `objectives`, and bytes of the unit."""
MOST = 130
"""Networks that a walk along the front visits at most, so that the states stay below 400."""
DRAWN = 400
"""Dominated networks that are drawn, evenly chosen: a page must hold them."""


def front_explorer(entries: Sequence[Entry], *, limit_bytes: int) -> Experiment:
    """Return the experiment on a table: a point of its front, and all about it.

    Parameters
    ----------
    entries : sequence of Entry
        The candidates.
    limit_bytes : int
        Of the arena, a line in its map.
    """
    table = objectives([as_trial(entry) for entry in entries])
    on_front = pareto_mask(table)
    order = np.flatnonzero(on_front)[np.argsort(table[on_front, 0], kind="stable")][:MOST]
    kept = np.flatnonzero(~on_front)
    shown = np.concatenate([order, kept[:: max(1, len(kept) // DRAWN)]])
    is_front = np.arange(len(shown)) < len(order)
    board = find_board("esp32")

    @cache
    def draw(place: int, axis: str) -> Figure:
        entry = entries[order[place - 1]]
        plan = plan_arena(arch_graph(entry.spec), board.kernels)
        title = f"{to_code(entry.spec)}: {summarise(entry)}"
        figure, left = plot_explorer(entry.spec, plan, title=title, limit_bytes=limit_bytes)
        column, unit = AXES[axis]
        costs = np.column_stack([table[shown, column] / unit, 100 * table[shown, 0]])
        kind = "modelled" if column == 3 else "exact"
        plot_front_choice(costs, is_front, place - 1, xlabel=f"{axis} ({kind})", ax=left)
        return figure

    def describe(place: int, axis: str) -> str:
        entry = entries[order[place - 1]]
        return (
            f"Network {place} of {len(order)} on the front, {to_code(entry.spec)}: "
            f"{summarise(entry)}. Its error is drawn against {axis}, beside its arena over time."
        )

    return Experiment(
        name="pareto-explorer",
        question=(
            "Walk along the front from the most accurate network. Which of arena, file and latency "
            "does accuracy really have to be paid with here?"
        ),
        controls=(
            Control(
                name="place", label="network, most accurate first",
                values=tuple(range(1, len(order) + 1)), default=1,
            ),
            Control(
                name="axis", label="against", values=tuple(AXES), default="arena, KB", kind="menu"
            ),
        ),
        draw=draw,
        describe=describe,
    )  # fmt: skip


def summarise(entry: Entry) -> str:
    """Return a network's four objectives as a learner reads them."""
    return (
        f"error {1 - entry.accuracy:.1%}, arena {entry.cost.arena_bytes:,} B, "
        f"file {entry.cost.model_bytes:,} B, {entry.cost.latency_ms:.1f} ms"
    )
