"""The arena over time: which buffer lies at which address while which operator runs."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from tinyml_course.core.types import MemoryPlan, PlannedBuffer
from tinyml_course.plots.style import INK, MUTED, PALETTE, axes_or_new, draw_budget

MAX_TICK_LABELS = 24
"""More operator names than this cannot be read side by side."""

TAIL_COLOUR = "#d9d9d9"
SHORT = {
    "CONV_2D": "CONV", "DEPTHWISE_CONV_2D": "DW CONV", "FULLY_CONNECTED": "DENSE",
    "MAX_POOL_2D": "MAX POOL", "AVERAGE_POOL_2D": "AVG POOL", "CONCATENATION": "CONCAT",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "LSTM", "RESIZE_NEAREST_NEIGHBOR": "RESIZE",
}  # fmt: skip


def plot_memory_map(
    plan: MemoryPlan, *, ax: Axes | None = None, limit_bytes: int | None = None
) -> Axes:
    """Draw time against address: one rectangle per buffer, structures as a band on top.

    Scratch memory is hatched; the operator at which the head is fullest is marked.

    Parameters
    ----------
    plan : MemoryPlan
        A plan of the arena, in bytes.
    ax : Axes, optional
        Where to draw; fresh axes by default, wider for more operators.
    limit_bytes : int, optional
        Arena that the board can give; drawn as a line, or named where it lies far above.

    Returns
    -------
    Axes
        Operators on x, addresses in KiB on y.
    """
    steps = max(len(plan.op_names), 1)
    ax = axes_or_new(ax, width=min(6.4 + 0.12 * max(0, steps - 12), 12.0), height=4.2)
    ax.set_xlim(-0.5, steps - 0.5)
    _set_heights(ax, plan, limit_bytes)
    tops = [b for b in plan.buffers if b.offset + b.size_bytes == plan.head_bytes]
    for number, buffer in enumerate(plan.buffers):
        _draw_buffer(ax, buffer, PALETTE[number % (len(PALETTE) - 1)])
    _draw_tail(ax, plan, steps)
    if tops:
        _mark_peak(ax, plan)
    _label_steps(ax, plan.op_names)
    return ax


def _set_heights(ax: Axes, plan: MemoryPlan, limit_bytes: int | None) -> None:
    top = max(plan.arena_bytes, 1) / 1024
    limit = (limit_bytes or 0) / 1024
    visible = 0 < limit <= 2 * top
    ax.set_ylim(0, 1.08 * max(top, limit if visible else 0))
    ax.set_ylabel("address in the arena (KiB)")
    if visible:
        draw_budget(ax, limit, f"limit {limit_bytes:,} B")
    note = f"arena {plan.arena_bytes:,} B{'' if plan.exact else ' at least'}"
    if limit and not visible:
        note += f", limit {limit_bytes:,} B"
    ax.set_title(f"{note} (modelled)")


def _draw_buffer(ax: Axes, buffer: PlannedBuffer, colour: str) -> None:
    low, height = buffer.offset / 1024, buffer.size_bytes / 1024
    width = buffer.last_op - buffer.first_op + 1
    scratch = buffer.kind == "scratch"
    ax.add_patch(
        Rectangle(
            (buffer.first_op - 0.5, low),
            width,
            height,
            facecolor="white" if scratch else f"{colour}59",
            edgecolor=colour,
            hatch="////" if scratch else None,
            linewidth=0.8,
        )
    )
    _write(ax, buffer.first_op - 0.5 + width / 2, low + height / 2, width, height, buffer)


def _write(
    ax: Axes, x: float, y: float, width: float, height: float, buffer: PlannedBuffer
) -> None:
    """Write the buffer's size, and 'scratch' where it is some, if they fit its rectangle."""
    points_wide = width * _points_per_unit(ax, "x")
    points_high = height * _points_per_unit(ax, "y")
    size = f"{buffer.size_bytes:,}"
    texts = [f"scratch\n{size}", size] if buffer.kind == "scratch" else [f"{size} B", size]
    for text in texts:
        lines = text.split("\n")
        needed = max(len(line) for line in lines) * 4.4 + 2
        if needed <= points_wide and 9 * len(lines) <= points_high:
            ax.text(
                x, y, text, ha="center", va="center", fontsize=7.5, color=INK, linespacing=1.0,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.6, "pad": 0.6},
            )  # fmt: skip
            return


def _points_per_unit(ax: Axes, axis: str) -> float:
    """Return how many points one data unit takes on `axis`, before layout; a little too many."""
    figure = ax.get_figure(root=True)
    inches = figure.get_size_inches() if figure is not None else (6.4, 4.8)
    box = ax.get_position()
    if axis == "x":
        low, high = ax.get_xlim()
        return float(inches[0] * box.width * 72 / (high - low))
    low, high = ax.get_ylim()
    return float(inches[1] * box.height * 72 / (high - low) * 0.85)


def _draw_tail(ax: Axes, plan: MemoryPlan, steps: int) -> None:
    low, height = plan.head_bytes / 1024, plan.tail_bytes / 1024
    ax.add_patch(
        Rectangle((-0.5, low), steps, height, facecolor=TAIL_COLOUR, edgecolor=MUTED, linewidth=0.8)
    )
    text = f"structures, the tail: {plan.tail_bytes:,} B"
    if height * _points_per_unit(ax, "y") >= 10:
        ax.text(-0.4, low + height / 2, text, fontsize=8, color=INK, va="center")
    else:
        ax.text(-0.4, low + height, text, fontsize=8, color=INK, va="bottom")


def _mark_peak(ax: Axes, plan: MemoryPlan) -> None:
    """Shade the operator that holds most bytes among those that reach the head's top."""
    tops = [b for b in plan.buffers if b.offset + b.size_bytes == plan.head_bytes]
    ops = sorted({op for b in tops for op in range(b.first_op, b.last_op + 1)})
    peak = max(ops, key=lambda op: (_live(plan.buffers, op), -op))
    ax.axvspan(peak - 0.5, peak + 0.5, color=PALETTE[1], alpha=0.10, zorder=0)
    ax.plot([peak - 0.5, peak + 0.5], [plan.head_bytes / 1024] * 2, color=PALETTE[1], linewidth=2.5)
    ax.annotate(
        f"peak: op {peak}", (peak, 0), xytext=(0, -2), textcoords="offset points",
        ha="center", va="top", fontsize=7.5, color=PALETTE[1],
    ).set_visible(False)  # fmt: skip


def _live(buffers: Sequence[PlannedBuffer], op: int) -> int:
    return sum(b.size_bytes for b in buffers if b.first_op <= op <= b.last_op)


def _label_steps(ax: Axes, names: Sequence[str]) -> None:
    every = -(-len(names) // MAX_TICK_LABELS) or 1
    ticks = list(range(0, len(names), every))
    if len(names) <= 2.5 * MAX_TICK_LABELS:
        ticks = list(range(len(names)))
    small = len(names) > MAX_TICK_LABELS
    ax.set_xticks(ticks)
    ax.set_xticklabels(
        [f"{i} {SHORT.get(names[i], names[i])}" for i in ticks],
        rotation=90 if len(names) > 4 else 0,
        fontsize=6.5 if small else 8,
    )
    ax.set_xlabel("operator, in order of execution")
