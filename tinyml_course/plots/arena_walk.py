"""Figures of the arena: lifetimes, placing, one moment, networks against a limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tinyml_course.core.types import MemoryPlan, PlannedBuffer
from tinyml_course.plots.memory_map import SHORT
from tinyml_course.plots.style import BUDGET, INK, MUTED, PALETTE, axes_or_new, new_figure

KIB = 1024
IDLE = "#e3e3e3"
"""Colour of a buffer that is not alive now, or was placed before."""

ROLE_COLOURS = {
    "input": PALETTE[0],
    "output": PALETTE[1],
    "kept": PALETTE[3],
    "scratch": PALETTE[2],
    "free": "white",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArenaSlot:
    """A stretch of the arena's head at one moment.

    Attributes
    ----------
    role : {'input', 'output', 'kept', 'scratch', 'free'}
        What the running operator does with it; 'kept' waits for a later operator.
    name : str
        Tensor or scratch; empty where the stretch is free.
    offset, size_bytes : int
        Place in the arena.
    """

    role: str
    name: str
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArenaBar:
    """The arena of one network as a bar.

    Attributes
    ----------
    name : str
        Name of the network.
    head_bytes, tail_bytes : int
        Activations with scratch, and structures.
    planning_bytes : int
        What allocation needs for a while beyond both.
    """

    name: str
    head_bytes: int
    tail_bytes: int
    planning_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        """Arena to reserve."""
        return self.head_bytes + self.tail_bytes + self.planning_bytes


def plot_lifetimes(
    names: Sequence[str],
    sizes: Sequence[int],
    lives: Sequence[tuple[int, int]],
    ops: Sequence[str],
    alive: Sequence[int],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw when each tensor is alive, and the bytes alive together below each operator.

    Parameters
    ----------
    names, sizes : sequence of str, of int
        Tensors with their bytes, one row each.
    lives : sequence of (int, int)
        First and last operator at which each must be there, both included.
    ops : sequence of str
        Operators in order of execution.
    alive : sequence of int
        Bytes alive at each operator; the largest is marked.
    ax : Axes, optional
        Where to draw; fresh axes by default.
    """
    ax = axes_or_new(ax, width=7.2, height=0.42 * len(names) + 1.1)
    for row, (size, (first, last)) in enumerate(zip(sizes, lives, strict=True)):
        ax.barh(row, last - first + 1, left=first - 0.5, height=0.62, color=PALETTE[5], alpha=0.75)
        ax.text((first + last) / 2, row, f"{size:,} B", ha="center", va="center", fontsize=9)
    ax.set_yticks(range(len(names)), names)
    ax.set_xticks(
        range(len(ops)),
        [
            f"{i} {SHORT.get(op, op)}\n{live:,} B alive"
            for i, (op, live) in enumerate(zip(ops, alive, strict=True))
        ],
    )
    busiest = max(range(len(ops)), key=lambda op: alive[op])
    ax.axvspan(busiest - 0.5, busiest + 0.5, color=BUDGET, alpha=0.08, linewidth=0, zorder=0)
    ax.get_xticklabels()[busiest].set_color(BUDGET)
    ax.set_xlim(-0.5, len(ops) - 0.5)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlabel("operator, in order of execution")
    return ax


def plot_placing(
    buffers: Sequence[PlannedBuffer], ops: Sequence[str], *, floor_bytes: int, columns: int = 3
) -> Figure:
    """Draw the plan as it grows: one panel per buffer placed, the newest one in colour.

    Parameters
    ----------
    buffers : sequence of PlannedBuffer
        In the order in which the planner places them.
    ops : sequence of str
        Operators in order of execution.
    floor_bytes : int
        Largest sum of bytes alive at one operator; drawn as a line.
    columns : int, default 3
        Panels side by side.
    """
    rows = -(-len(buffers) // columns)
    figure, grid = new_figure(
        rows, columns, width=3.1 * columns, height=2.4 * rows + 0.3, squeeze=False,
        sharex=True, sharey=True,
    )  # fmt: skip
    top = max([floor_bytes, *(b.offset + b.size_bytes for b in buffers)]) / KIB
    panels = grid.ravel()
    for count, ax in enumerate(panels[: len(buffers)], start=1):
        _draw_placed(ax, buffers[:count])
        ax.axhline(floor_bytes / KIB, color=BUDGET, linestyle="--", linewidth=1.0)
        ax.set(xlim=(-0.5, len(ops) - 0.5), ylim=(0, 1.08 * top))
        ax.set_xticks(range(len(ops)))
        newest = buffers[count - 1]
        ax.set_title(f"{count}. {newest.name} at {newest.offset:,}", fontsize=9.5)
    for ax in panels[len(buffers) :]:
        ax.axis("off")
    figure.supxlabel("operator", fontsize=10)
    figure.supylabel("address (KiB); dashed: most bytes alive at once", fontsize=9)
    return figure


def plot_moment(plan: MemoryPlan, op: int, slots: Sequence[ArenaSlot]) -> Figure:
    """Draw the head over time with operator `op` framed, and beside it what lies where just then.

    Parameters
    ----------
    plan : MemoryPlan
        The whole plan.
    op : int
        The operator that runs.
    slots : sequence of ArenaSlot
        The head at that moment, from its start to its end, without overlaps.
    """
    figure, (time, now) = new_figure(
        1, 2, width=10.0, height=4.2, sharey=True, width_ratios=(1.75, 1)
    )
    roles = {(slot.name, slot.offset): slot.role for slot in slots if slot.role != "free"}
    for buffer in plan.buffers:
        alive = buffer.first_op <= op <= buffer.last_op
        role = roles.get((buffer.name, buffer.offset), "") if alive else ""
        _draw_block(time, buffer, ROLE_COLOURS[role] if role else IDLE, scratch=role == "scratch")
    top = plan.head_bytes / KIB
    time.add_patch(Rectangle((op - 0.5, 0), 1, top, facecolor="none", edgecolor=INK, linewidth=1.8))
    _label_ops(time, plan.op_names, op)
    time.set(xlim=(-0.5, len(plan.op_names) - 0.5), ylim=(0, 1.03 * max(top, 1 / KIB)))
    time.set_ylabel("address in the arena's head (KiB)")
    time.set_title(f"head {plan.head_bytes:,} B; tail {plan.tail_bytes:,} B above (modelled)")
    _draw_slots(now, slots, top)
    now.set_title(f"while operator {op} runs")
    return figure


def plot_contenders(bars: Sequence[ArenaBar], limit_bytes: int, *, ax: Axes | None = None) -> Axes:
    """Draw the arenas of several networks as bars against the arena that there is.

    Parameters
    ----------
    bars : sequence of ArenaBar
        One a network; those that leave the scale are cut off.
    limit_bytes : int
        The arena that the application has.
    ax : Axes, optional
        Where to draw; fresh axes by default.
    """
    ax = axes_or_new(ax, width=8.4, height=0.75 * len(bars) + 1.2)
    width = min(max(limit_bytes, *(bar.total_bytes for bar in bars)), 2.5 * limit_bytes) / KIB
    for row, bar in enumerate(bars):
        left = 0.0
        for colour, size in zip(
            (PALETTE[0], PALETTE[4], PALETTE[3]),
            (bar.head_bytes, bar.tail_bytes, bar.planning_bytes),
            strict=True,
        ):
            ax.barh(row, size / KIB, left=left, height=0.36, color=colour)
            left += size / KIB
        fits = bar.total_bytes <= limit_bytes
        if left > 1.04 * width:
            ax.annotate(
                "continues \u2192", (1.03 * width, row), color="white", fontsize=9,
                ha="right", va="center",
            )  # fmt: skip
        extra = f" + planning {bar.planning_bytes:,}" if bar.planning_bytes else ""
        ax.text(
            0, row - 0.24, f"{bar.name}: head {bar.head_bytes:,} + tail {bar.tail_bytes:,}{extra} "
            f"= {bar.total_bytes:,} B, {'fits' if fits else 'does not fit'}",
            color=INK if fits else BUDGET, fontsize=9, va="bottom", zorder=3,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
        )  # fmt: skip
    ax.axvline(limit_bytes / KIB, color=BUDGET, linestyle="--", linewidth=1.3)
    ax.set(xlim=(0, 1.04 * width), ylim=(len(bars) - 0.6, -0.75))
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(
        f"arena (KiB, modelled): blue head, brown tail; red line: limit {limit_bytes:,} B"
    )
    return ax


def _draw_placed(ax: Axes, buffers: Sequence[PlannedBuffer]) -> None:
    for buffer in buffers:
        _draw_block(ax, buffer, PALETTE[5] if buffer is buffers[-1] else IDLE)


def _draw_block(ax: Axes, buffer: PlannedBuffer, colour: str, *, scratch: bool = False) -> None:
    ax.add_patch(
        Rectangle(
            (buffer.first_op - 0.5, buffer.offset / KIB),
            buffer.last_op - buffer.first_op + 1,
            buffer.size_bytes / KIB,
            facecolor=colour,
            edgecolor="white",
            alpha=0.85,
            hatch="///" if scratch else None,
            linewidth=0.9,
        )
    )


def _label_ops(ax: Axes, names: Sequence[str], current: int) -> None:
    ax.set_xticks(
        range(len(names)),
        [f"{i} {SHORT.get(name, name)}" for i, name in enumerate(names)],
        rotation=90,
        fontsize=8,
    )
    ax.get_xticklabels()[current].set_fontweight("bold")


def _draw_slots(ax: Axes, slots: Sequence[ArenaSlot], top: float) -> None:
    """Draw one column of the map, each stretch with its label; close labels are moved apart."""
    centres = [(slot.offset + slot.size_bytes / 2) / KIB for slot in slots]
    places = _spread(centres, gap=0.062 * top, top=top)
    for slot, centre, place in zip(slots, centres, places, strict=True):
        free = slot.role == "free"
        ax.add_patch(
            Rectangle(
                (0, slot.offset / KIB), 1, slot.size_bytes / KIB,
                facecolor=ROLE_COLOURS[slot.role], edgecolor=MUTED if free else "white",
                alpha=0.85, linestyle=":" if free else "-",
                hatch="///" if slot.role == "scratch" else None,
            )
        )  # fmt: skip
        ax.annotate(
            _slot_label(slot),
            (1.0, centre), xytext=(1.15, place), fontsize=8.5, va="center",
            color=MUTED if free else INK, annotation_clip=False,
            arrowprops={
                "arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "relpos": (0, 0.5),
                "shrinkA": 1, "shrinkB": 0,
            },
        )  # fmt: skip
    ax.set_xlim(0, 4.2)
    ax.axis("off")


def _slot_label(slot: ArenaSlot) -> str:
    name = "" if slot.name in ("", slot.role) else f": {slot.name}"
    for long, short in SHORT.items():
        name = name.replace(f": {long} ", f": {short} ")
    return f"{slot.role} {slot.size_bytes:,} B{name}"


def _spread(heights: Sequence[float], *, gap: float, top: float) -> list[float]:
    """Return ascending `heights` moved apart to at least `gap`, and down where they leave `top`."""
    moved = list(heights)
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap)
    ceiling = top
    for i in reversed(range(len(moved))):
        moved[i] = min(moved[i], ceiling)
        ceiling = moved[i] - gap
    return moved
