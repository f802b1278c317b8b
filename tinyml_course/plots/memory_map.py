"""The arena over time: which buffer lies at which address while which operator runs."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from tinyml_course.core.types import MemoryPlan, PlannedBuffer
from tinyml_course.plots.style import BUDGET, INK, MUTED, PALETTE, axes_or_new

FONT = 7.0
MAX_TICK_LABELS = 64
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
    band = min(plan.tail_bytes, max(plan.head_bytes, 64))
    ax.set_xlim(-0.5, steps - 0.5)
    _set_heights(ax, plan, band, limit_bytes)
    for number, buffer in enumerate(plan.buffers):
        _draw_buffer(ax, buffer, PALETTE[number % (len(PALETTE) - 1)])
    _draw_tail(ax, plan, band, steps)
    _label_steps(ax, plan.op_names, plan.peak_op)
    hatched = any(buffer.kind == "scratch" for buffer in plan.buffers)
    ax.set_xlabel(f"operator, in order of execution{'; hatched: scratch' if hatched else ''}")
    if plan.head_bytes:
        _mark_peak(ax, plan)
    return ax


def _set_heights(ax: Axes, plan: MemoryPlan, band: int, limit_bytes: int | None) -> None:
    """Set the y axis and the title; the limit is drawn only where it is on the scale."""
    top = max(plan.head_bytes + band, 1) / 1024
    limit = (limit_bytes or 0) / 1024
    visible = 0 < limit <= 2 * top and band == plan.tail_bytes
    ax.set_ylim(0, 1.09 * max(top, limit if visible else 0))
    ax.set_ylabel("address in the arena (KiB)")
    if visible and limit_bytes:
        _draw_limit(ax, plan, limit_bytes)
    ax.set_title("\n".join(_title_lines(plan, 0 if visible else limit_bytes or 0)), fontsize=9)


def _draw_limit(ax: Axes, plan: MemoryPlan, limit_bytes: int) -> None:
    """Draw the limit as a dashed line, named at the end where fewer buffers reach it."""
    middle = len(plan.op_names) / 2
    above = [b for b in plan.buffers if b.offset + b.size_bytes > limit_bytes]
    left = sum(max(0.0, min(b.last_op + 1, middle) - b.first_op) for b in above)
    right = sum(max(0.0, b.last_op + 1 - max(b.first_op, middle)) for b in above)
    at, side = (0.99, "right") if right <= left else (0.01, "left")
    ax.axhline(limit_bytes / 1024, color=BUDGET, linestyle="--", linewidth=1.2)
    ax.annotate(
        f"limit {limit_bytes:,} B", (at, limit_bytes / 1024), xycoords=("axes fraction", "data"),
        xytext=(0, 3), textcoords="offset points", color=BUDGET, fontsize=8, ha=side, va="bottom",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6},
    )  # fmt: skip


def _title_lines(plan: MemoryPlan, unseen_limit: int) -> list[str]:
    note = "" if plan.exact else "at least "
    lines = [
        f"arena {note}{plan.arena_bytes:,} B = head {plan.head_bytes:,} B + tail "
        f"{plan.tail_bytes:,} B (modelled)"
    ]
    extra = []
    if plan.arena_min_bytes > plan.arena_bytes + 16:
        extra.append(f"allocation itself needs {plan.arena_min_bytes:,} B")
    if unseen_limit:
        extra.append(f"limit {unseen_limit:,} B")
    return lines + ([", ".join(extra)] if extra else [])


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
    texts = [f"scratch\n{size} B", size] if buffer.kind == "scratch" else [f"{size} B", size]
    for text in texts:
        lines = text.split("\n")
        if _text_width(max(lines, key=_text_width)) + 3 > points_wide:
            continue
        if FONT * 1.25 * len(lines) <= points_high:
            ax.text(
                x, y, text, ha="center", va="center", fontsize=FONT, color=INK, linespacing=1.0,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.6, "pad": 0.6},
            )  # fmt: skip
            return


def _text_width(text: str) -> float:
    """Return the width of `text` in points: digits are 0.64 em wide, commas half of that."""
    return FONT * sum(0.32 if c in ", " else 0.64 for c in text)


def _points_per_unit(ax: Axes, axis: str) -> float:
    """Return about how many points one data unit takes on `axis`; layout comes only later."""
    figure = ax.get_figure(root=True)
    inches = figure.get_size_inches() if figure is not None else (6.4, 4.8)
    box = ax.get_position()
    if axis == "x":
        low, high = ax.get_xlim()
        return float(inches[0] * min(1.1 * box.width, 0.86) * 72 / (high - low))
    low, high = ax.get_ylim()
    return float(inches[1] * box.height * 72 / (high - low) * 0.85)


def _draw_tail(ax: Axes, plan: MemoryPlan, band: int, steps: int) -> None:
    """Draw the structures as a band, cut where it would dwarf the head."""
    low, height = plan.head_bytes / 1024, band / 1024
    ax.add_patch(
        Rectangle((-0.5, low), steps, height, facecolor=TAIL_COLOUR, edgecolor=MUTED, linewidth=0.8)
    )
    if height * _points_per_unit(ax, "y") >= 10:
        cut = "" if band == plan.tail_bytes else ", not to scale"
        text = f"structures (tail) {plan.tail_bytes:,} B{cut}"
        centre = (steps - 1) / 2
        ax.text(centre, low + height / 2, text, fontsize=8, color=INK, va="center", ha="center")


def _mark_peak(ax: Axes, plan: MemoryPlan) -> None:
    """Frame the column of the operator at which the head is fullest."""
    column = Rectangle(
        (plan.peak_op - 0.5, 0), 1, plan.head_bytes / 1024,
        facecolor="none", edgecolor=BUDGET, linewidth=1.6,
    )  # fmt: skip
    ax.add_patch(column)


def _label_steps(ax: Axes, names: Sequence[str], peak: int) -> None:
    """Name the operators; where there are too many, every second, third, ... and the peak."""
    count = len(names)
    every = 1 if count <= MAX_TICK_LABELS else -(-count // (MAX_TICK_LABELS // 2))
    ticks = [i for i in range(0, count, every) if i == peak or abs(i - peak) >= every]
    ticks = sorted({*ticks, *([peak] if count else [])})
    ax.set_xticks(ticks)
    ax.set_xticklabels(
        [f"{i} {SHORT.get(names[i], names[i])}" + (" (peak)" if i == peak else "") for i in ticks],
        rotation=90 if count > 4 else 0,
        fontsize=8 if count <= 24 else 6.5,
    )
    for tick, label in zip(ticks, ax.get_xticklabels(), strict=True):
        if tick == peak:
            label.set_color(BUDGET)
