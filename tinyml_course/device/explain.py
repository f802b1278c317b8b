"""Why the arena is as large as it is, and what would make it smaller, verified by planning."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_course.core.graph import TensorGraph
from tinyml_course.core.types import MemoryPlan, PlannedBuffer
from tinyml_course.cost.estimate import estimate_cost
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.edit import (
    find_filters,
    halve_filters,
    halve_input,
    halve_width,
    pool_before,
    take_integers,
)

WORTHWHILE = 0.05
"""A remedy must lower the arena by at least this share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AliveBuffer:
    """One buffer in use at the peak.

    Attributes
    ----------
    role : str
        'input', 'output', 'scratch', or which later operator it is kept for.
    name : str
        Name of the tensor, or operator and purpose of the scratch.
    size_bytes : int
        Bytes in the head.
    """

    role: str
    name: str
    size_bytes: int

    def __str__(self) -> str:
        return f"{self.role} {self.size_bytes:,} B"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """A change that lowers the peak, planned to make sure.

    Attributes
    ----------
    words : str
        What to do.
    required_bytes : int
        Arena to reserve afterwards.
    saved_bytes : int
        How much less that is.
    macs_share : float
        Share of the multiply-accumulates that remain, in (0, 1]; a network that keeps more of
        them loses less of its capacity.
    """

    words: str
    required_bytes: int
    saved_bytes: int
    macs_share: float

    def __str__(self) -> str:
        return f"{self.words} (arena {self.required_bytes:,} B, {self.saved_bytes:,} B less)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakExplanation:
    """The operator at which the head is fullest.

    Attributes
    ----------
    op : int
        Its number.
    op_name : str
        Its builtin name.
    alive : tuple of AliveBuffer
        Inputs, outputs, scratch, then what is kept for later.
    head_bytes, tail_bytes, planning_bytes : int
        The two parts of the arena, and what allocation takes for a while beyond both.
    remedies : tuple of Remedy
        Changes that lower the arena, the one that keeps most of the network first.
    """

    op: int
    op_name: str
    alive: tuple[AliveBuffer, ...]
    head_bytes: int
    tail_bytes: int
    planning_bytes: int = 0
    remedies: tuple[Remedy, ...] = ()

    @property
    def live_bytes(self) -> int:
        """Bytes alive at the peak; a plan with gaps needs more."""
        return sum(buffer.size_bytes for buffer in self.alive)

    def __str__(self) -> str:
        parts = [str(buffer) for buffer in self.alive[:4]]
        if len(self.alive) > 4:
            rest = sum(buffer.size_bytes for buffer in self.alive[4:])
            parts.append(f"{len(self.alive) - 4} more of {rest:,} B")
        verb = " are alive together" if len(parts) > 1 else " is alive"
        text = f"op {self.op} {self.op_name}: {' and '.join(parts) or 'nothing'}{verb}"
        if self.tail_bytes + self.planning_bytes > self.head_bytes:
            planning = f", and {self.planning_bytes:,} B more while it plans"
            text += (
                f"; the runtime's structures ({self.tail_bytes:,} B"
                f"{planning if self.planning_bytes else ''}) outweigh them: "
                "use fewer operators and channels"
            )
        if not self.remedies:
            return text
        return f"{text}; " + ", or ".join(str(remedy) for remedy in self.remedies)


def explain_peak(plan: MemoryPlan, graph: TensorGraph) -> PeakExplanation:
    """Return which buffers make the head's peak and what would lower it.

    Parameters
    ----------
    plan : MemoryPlan
        Plan of a model whose first subgraph is `graph`.
    graph : TensorGraph
        The planned graph; remedies are tried on it and planned again.

    Returns
    -------
    PeakExplanation
        Its text names operator, buffers and remedies with their figures.

    Examples
    --------
    >>> from tinyml_course.cost.layers import conv_graph
    >>> graph = conv_graph(32, 16, 32, dtype="INT8")
    >>> print(explain_peak(plan_arena(graph, "tflm-reference"), graph))
    op 0 CONV_2D: input 16,384 B and output 32,768 B are alive together
    """
    if not plan.op_names:
        return PeakExplanation(
            op=0, op_name="nothing", alive=(), head_bytes=plan.head_bytes,
            tail_bytes=plan.tail_bytes,
        )  # fmt: skip
    op = plan.peak_op
    alive = [_describe(buffer, graph, op) for buffer in plan.alive_at(op)]
    order = ("input", "output", "scratch")
    alive.sort(key=lambda b: (order.index(b.role) if b.role in order else 3, -b.size_bytes))
    return PeakExplanation(
        op=op,
        op_name=plan.op_names[op],
        alive=tuple(alive),
        head_bytes=plan.head_bytes,
        tail_bytes=plan.tail_bytes,
        planning_bytes=max(0, plan.arena_min_bytes - plan.arena_bytes),
        remedies=_remedies(plan, graph, op),
    )


def _describe(buffer: PlannedBuffer, graph: TensorGraph, op: int) -> AliveBuffer:
    role = "scratch" if buffer.kind == "scratch" else _role(buffer, graph, op)
    return AliveBuffer(role=role, name=buffer.name, size_bytes=buffer.size_bytes)


def _role(buffer: PlannedBuffer, graph: TensorGraph, op: int) -> str:
    """Return what a tensor is to the operator: input, output, or kept for a later one."""
    if op < len(graph.ops) and buffer.tensor in graph.ops[op].outputs:
        return "output"
    if op < len(graph.ops) and buffer.tensor in graph.ops[op].inputs:
        return "input"
    later = range(op + 1, min(buffer.last_op + 1, len(graph.ops)))
    readers = [n for n in later if buffer.tensor in graph.ops[n].inputs]
    if readers:
        return f"a tensor kept for op {readers[0]} {graph.ops[readers[0]].name}"
    return f"tensor {buffer.name!r}"


def _remedies(plan: MemoryPlan, graph: TensorGraph, op: int) -> tuple[Remedy, ...]:
    """Return the changes that really lower the arena, most capacity kept first."""
    if len(graph.ops) != len(plan.op_names):
        return ()
    macs = max(estimate_cost(graph).macs, 1)
    found: list[Remedy] = []
    for words, smaller in _candidates(graph, op).items():
        if smaller is None:
            continue
        smaller_plan = plan_arena(smaller, plan.kernels)
        if smaller_plan.head_bytes < plan.head_bytes:
            share = estimate_cost(smaller).macs / macs
            found.append(_remedy(words, plan, smaller_plan, share))
    found.sort(key=lambda remedy: -remedy.macs_share)
    if plan.kernels in ("esp-nn-s3", "esp-nn-p4"):
        words = "link ESP-NN's portable kernels (CONFIG_NN_ANSI_C), which are slower"
        found.append(_remedy(words, plan, plan_arena(graph, "esp-nn"), 1.0))
    return _drop_dominated(found, WORTHWHILE * plan.required_bytes)[:3]


def _drop_dominated(found: list[Remedy], least_bytes: float) -> tuple[Remedy, ...]:
    """Keep a remedy only where it saves clearly more than those before it, which cost less."""
    kept: list[Remedy] = []
    for remedy in found:
        best = max((r.saved_bytes for r in kept), default=0)
        if remedy.saved_bytes >= least_bytes and remedy.saved_bytes > 1.1 * best:
            kept.append(remedy)
    return tuple(kept)


def _candidates(graph: TensorGraph, op: int) -> dict[str, TensorGraph | None]:
    found = {
        "take int8 inputs and give int8 outputs (the converter's inference_input_type and "
        "inference_output_type)": take_integers(graph),
        "pool before it": pool_before(graph, op),
    }
    for step in (op, op - 1, op + 1):
        owner = find_filters(graph, step) if 0 <= step < len(graph.ops) else None
        if owner is not None:
            part = "units" if graph.ops[owner].name == "FULLY_CONNECTED" else "filters"
            whose = "its" if owner == op else "the"
            of = "" if owner == op else f" of op {owner} {graph.ops[owner].name}"
            found[f"halve {whose} {part}{of}"] = halve_filters(graph, owner)
    found["halve the input's height and width"] = halve_input(graph)
    found["halve the filters of every layer"] = halve_width(graph)
    return found


def _remedy(words: str, plan: MemoryPlan, smaller: MemoryPlan, share: float) -> Remedy:
    return Remedy(
        words=words,
        required_bytes=smaller.required_bytes,
        saved_bytes=plan.required_bytes - smaller.required_bytes,
        macs_share=share,
    )
