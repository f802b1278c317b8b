"""The walk through an arena, and the game of which network fits."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from matplotlib.figure import Figure

from tinyml_course.core.arch import ArchSpec, LayerSpec, gesture_net
from tinyml_course.core.graph import OpInfo, TensorGraph
from tinyml_course.core.types import KernelTier, MemoryPlan
from tinyml_course.cost.graph import arch_graph
from tinyml_course.device.arena import plan_arena
from tinyml_course.plots.arena_walk import ArenaBar, ArenaSlot, plot_contenders, plot_moment
from tinyml_course.plots.style import new_figure
from tinyml_course.widgets.experiment import Control, Experiment

KIB = 1024
KERNELS: tuple[KernelTier, ...] = ("tflm-reference", "esp-nn", "esp-nn-s3", "esp-nn-p4")


def stack_blocks(*blocks: tuple[str, int, int], classes: int = 3) -> ArchSpec:
    """Return a network from (operation, filters, stride) of each block.

    Examples
    --------
    >>> stack_blocks(("conv", 8, 2), ("separable", 16, 1)).layers[1].filters
    16
    """
    layers = tuple(
        LayerSpec(op=op, filters=filters, stride=stride)  # type: ignore[arg-type]
        for op, filters, stride in blocks
    )
    return ArchSpec(layers=layers, classes=classes)


def add_skip(graph: TensorGraph, start: int, end: int) -> TensorGraph:
    """Return `graph` with the output of operator `start` added to that of operator `end`.

    Whatever read the output of `end` reads the sum instead.

    Parameters
    ----------
    graph : TensorGraph
        A chain of operators.
    start, end : int
        Operators with outputs of one shape, `start` before `end`.

    Raises
    ------
    ValueError
        If the order or the shapes do not match.
    """
    kept, added = graph.ops[start].outputs[0], graph.ops[end].outputs[0]
    shapes = graph.tensors[kept].shape, graph.tensors[added].shape
    if start >= end or shapes[0] != shapes[1]:
        raise ValueError(
            f"a skip needs an earlier output of the same shape, got operators {start} and {end} "
            f"with {shapes[0]} and {shapes[1]}"
        )
    total = len(graph.tensors)
    later = tuple(
        replace(op, inputs=tuple(total if index == added else index for index in op.inputs))
        for op in graph.ops[end + 1 :]
    )
    add = OpInfo(
        name="ADD", inputs=(kept, added), outputs=(total,),
        options={"fused_activation_function": 0},
    )  # fmt: skip
    return replace(
        graph,
        tensors=(*graph.tensors, replace(graph.tensors[added], name="sum")),
        ops=(*graph.ops[: end + 1], add, *later),
    )


WALKS: dict[str, TensorGraph] = {
    "gesture network": arch_graph(gesture_net(3)),
    "residual network": add_skip(
        arch_graph(
            stack_blocks(
                ("conv", 8, 2), ("separable", 8, 1), ("separable", 8, 1), ("depthwise", 0, 2)
            )
        ),
        start=0,
        end=4,
    ),
    "hourglass": arch_graph(
        stack_blocks(*(("conv", filters, 1) for filters in (16, 8, 8, 16, 8, 8, 16)))
    ),
}
"""Networks to walk through; all of them have ten operators."""

CONTENDERS: dict[str, ArchSpec] = {
    "A, early strides": stack_blocks(
        ("conv", 8, 2), ("separable", 16, 2), ("separable", 32, 2), ("separable", 86, 2)
    ),
    "B, full resolution": stack_blocks(("conv", 56, 1), ("separable", 56, 1)),
    "C, deep and narrow": stack_blocks(
        ("conv", 8, 2),
        *[("separable", 8, 1)] * 4,
        ("separable", 16, 2),
        *[("separable", 16, 1)] * 8,
    ),
}
"""Three gesture networks with nearly the same number of parameters."""


@cache
def plan_walk(model: str, kernels: KernelTier) -> MemoryPlan:
    """Return the arena's plan of one of `WALKS`."""
    return plan_arena(WALKS[model], kernels)


def slots_at(plan: MemoryPlan, graph: TensorGraph, op: int) -> tuple[ArenaSlot, ...]:
    """Return what lies in the arena's head while operator `op` runs, free stretches included.

    Parameters
    ----------
    plan : MemoryPlan
        Plan of `graph`.
    graph : TensorGraph
        A graph without control flow.
    op : int
        Number of the operator.

    Returns
    -------
    tuple of ArenaSlot
        From address 0 to the head's end, without gaps.
    """
    slots: list[ArenaSlot] = []
    end = 0
    for buffer in sorted(plan.alive_at(op), key=lambda buffer: buffer.offset):
        if buffer.offset > end:
            slots.append(_free(end, buffer.offset))
        role = "scratch" if buffer.kind == "scratch" else _role(graph.ops[op], buffer.tensor)
        slots.append(
            ArenaSlot(
                role=role, name=buffer.name, offset=buffer.offset, size_bytes=buffer.size_bytes
            )
        )
        end = buffer.offset + buffer.size_bytes
    return (*slots, *([_free(end, plan.head_bytes)] if end < plan.head_bytes else []))


def _free(start: int, end: int) -> ArenaSlot:
    return ArenaSlot(role="free", name="", offset=start, size_bytes=end - start)


def _role(op: OpInfo, tensor: int) -> str:
    if tensor in op.outputs:
        return "output"
    return "input" if tensor in op.inputs else "kept"


def draw_walk(model: str, kernels: KernelTier, op: int) -> Figure:
    """Draw the arena's head while operator `op` runs."""
    plan = plan_walk(model, kernels)
    return plot_moment(plan, op, slots_at(plan, WALKS[model], op))


def describe_walk(model: str, kernels: KernelTier, op: int) -> str:
    """Return the alt text: each buffer alive with its bytes and address, and what is free."""
    plan = plan_walk(model, kernels)
    slots = slots_at(plan, WALKS[model], op)
    alive = [slot for slot in slots if slot.role != "free"]
    free = [slot.size_bytes for slot in slots if slot.role == "free"]
    listed = ", ".join(
        f"{slot.role} {slot.name} {slot.size_bytes:,} B at {slot.offset:,}" for slot in alive
    )
    return (
        f"{model}, {kernels} kernels, operator {op} {plan.op_names[op]}: {listed}. "
        f"Alive {sum(slot.size_bytes for slot in alive):,} B of a head of {plan.head_bytes:,} B, "
        f"free {sum(free):,} B in {len(free)} stretches; tail {plan.tail_bytes:,} B."
    )


_KERNELS = Control(
    name="kernels", label="kernels", values=KERNELS, default="tflm-reference", kind="menu"
)

WALK = Experiment(
    name="arena-walk",
    question=(
        "At which operator is the head of the gesture network full? Is it full at the same "
        "operator with the kernels of the ESP32-S3?"
    ),
    controls=(
        Control(
            name="model",
            label="network",
            values=tuple(WALKS),
            default="gesture network",
            kind="menu",
        ),
        _KERNELS,
        Control(name="op", label="operator", values=tuple(range(10)), default=0),
    ),
    draw=draw_walk,
    describe=describe_walk,
)
"""Time runs; buffers come and go, and free stretches with them."""


@cache
def arena_bars(kernels: KernelTier) -> tuple[ArenaBar, ...]:
    """Return the arenas of `CONTENDERS` with `kernels`."""
    plans = {name: plan_arena(arch_graph(spec), kernels) for name, spec in CONTENDERS.items()}
    return tuple(
        ArenaBar(
            name=name,
            head_bytes=plan.head_bytes,
            tail_bytes=plan.tail_bytes,
            planning_bytes=plan.required_bytes - plan.arena_bytes,
        )
        for name, plan in plans.items()
    )


def draw_game(limit_kib: int, kernels: KernelTier) -> Figure:
    """Draw the three networks against the arena that an application leaves."""
    figure, ax = new_figure(width=8.4, height=3.4)
    plot_contenders(arena_bars(kernels), limit_kib * KIB, ax=ax)
    return figure


def describe_game(limit_kib: int, kernels: KernelTier) -> str:
    """Return the alt text: which of the networks fit."""
    verdicts = (
        f"{bar.name} needs {bar.total_bytes:,} B and "
        f"{'fits' if bar.total_bytes <= limit_kib * KIB else 'does not fit'}"
        for bar in arena_bars(kernels)
    )
    return f"An arena of {limit_kib} KiB with {kernels} kernels: {'; '.join(verdicts)}."


GAME = Experiment(
    name="which-fits",
    question=(
        "Your application leaves less and less for the arena. In which order do A, B and C drop "
        "out, and do other kernels change the order?"
    ),
    controls=(
        Control(
            name="limit_kib",
            label="arena, KiB",
            values=(4, 6, 8, 12, 16, 24, 32, 64, 110, 196),
            default=110,
        ),
        _KERNELS,
    ),
    draw=draw_game,
    describe=describe_game,
)
"""Three networks of one size, one limit."""
