"""When each tensor is alive, and where a greedy planner puts it."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tinyml_course.core.graph import TYPE_BITS, OpInfo, TensorGraph, TensorInfo

NEVER = -1
"""Lifetime of a tensor that nothing touches."""

LASTING_STEPS = 32
"""A buffer that lives longer is searched for one by one, not step by step."""

SUBGRAPH_OPTIONS = {
    "IF": ("then_subgraph_index", "else_subgraph_index"),
    "WHILE": ("cond_subgraph_index", "body_subgraph_index"),
    "CALL_ONCE": ("init_subgraph_index",),
}
"""Options of the control-flow operators that name a subgraph."""


def tensor_bytes(info: TensorInfo) -> int:
    """Return the bytes of a tensor in RAM; int4 elements take one byte each there.

    Types of unknown size count 4 bytes, as resource handles do.

    References
    ----------
    .. [1] tensorflow/lite/micro/memory_helpers.cc, TfLiteTypeSizeOf.

    Examples
    --------
    >>> tensor_bytes(TensorInfo(name="", shape=(1, 3), dtype="INT16"))
    6
    """
    return info.elements * max(TYPE_BITS.get(info.dtype, 32), 8) // 8


def called_subgraphs(op: OpInfo) -> tuple[int, ...]:
    """Return the subgraphs that `op` runs, in order; empty for all but control flow.

    Examples
    --------
    >>> called_subgraphs(OpInfo(name="ADD", inputs=(0, 1), outputs=(2,)))
    ()
    """
    return tuple(op.options.get(name, -1) for name in SUBGRAPH_OPTIONS.get(op.name, ()))


class Lifetime(NamedTuple):
    """The steps between which a buffer must survive, both included.

    Attributes
    ----------
    first, last : int
        Steps: 0 is before the first operator, operator i runs at step i + 1.
    """

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Lifetimes over one run of a model.

    Attributes
    ----------
    steps : tuple of str
        Operator that runs at step 1, 2, ...; entering a subgraph takes a step of its own, which
        bears the calling operator's name.
    tensors : tuple of tuple of Lifetime
        For each subgraph, for each tensor; constants too.
    ops : tuple of tuple of Lifetime
        For each subgraph, for each operator: the steps that its scratch memory spans.
    """

    steps: tuple[str, ...]
    tensors: tuple[tuple[Lifetime, ...], ...]
    ops: tuple[tuple[Lifetime, ...], ...]


def mark_lifetimes(subgraphs: Sequence[TensorGraph]) -> Timeline:
    """Return when each tensor of `subgraphs` is created and last used, starting from the first.

    A tensor lives from the operator that writes it to the last one that reads it, so an
    operator's inputs and outputs are alive together; graph inputs live from the start, graph
    outputs to the end.

    Parameters
    ----------
    subgraphs : sequence of TensorGraph
        Those of one model; calls between them must not form a cycle.

    References
    ----------
    .. [1] tensorflow/lite/micro/micro_allocation_info.cc, MarkAllocationLifetimes.

    Examples
    --------
    >>> from tinyml_course.core.graph import TensorInfo
    >>> tensor = TensorInfo(name="", shape=(4,), dtype="INT8")
    >>> ops = tuple(OpInfo(name="RELU", inputs=(i,), outputs=(i + 1,)) for i in range(2))
    >>> graph = TensorGraph(tensors=(tensor,) * 3, ops=ops, inputs=(0,), outputs=(2,))
    >>> [(life.first, life.last) for life in mark_lifetimes([graph]).tensors[0]]
    [(0, 1), (1, 2), (2, 2)]
    """
    marker = _Marker(subgraphs)
    marker.run(0)
    return Timeline(
        steps=tuple(marker.steps),
        tensors=tuple(_lifetimes(*rows) for rows in marker.tensors),
        ops=tuple(_lifetimes(*rows) for rows in marker.ops),
    )


def _lifetimes(first: list[int], last: list[int]) -> tuple[Lifetime, ...]:
    return tuple(map(Lifetime, first, last))


class _Marker:
    """One walk through the subgraphs; `tensors` and `ops` hold (first, last) columns."""

    def __init__(self, subgraphs: Sequence[TensorGraph]) -> None:
        self.subgraphs = subgraphs
        self.steps: list[str] = []
        self.tensors = [_unmarked(len(graph.tensors)) for graph in subgraphs]
        self.ops = [_unmarked(len(graph.ops)) for graph in subgraphs]

    def run(self, index: int) -> None:
        graph = self.subgraphs[index]
        first, last = self.tensors[index]
        op_first, op_last = self.ops[index]
        for tensor in graph.inputs:
            _create(first, tensor, len(self.steps))
        for number, op in enumerate(graph.ops):
            self.steps.append(op.name)
            start = len(self.steps)
            for tensor in op.outputs:
                _create(first, tensor, start)
            for called in called_subgraphs(op):
                self.steps.append(op.name)
                self.run(called)
            end = len(self.steps)
            for tensor in (*op.inputs, *op.outputs):
                if tensor >= 0:
                    last[tensor] = end
            _create(op_first, number, start)
            op_last[number] = end
        for tensor in graph.outputs:
            last[tensor] = len(self.steps)


def _unmarked(count: int) -> tuple[list[int], list[int]]:
    return [NEVER] * count, [NEVER] * count


def _create(first: list[int], index: int, step: int) -> None:
    if first[index] == NEVER:
        first[index] = step


def plan_greedy(
    sizes: Sequence[int],
    lifetimes: Sequence[Lifetime],
    fixed: Sequence[int | None] | None = None,
) -> list[int]:
    """Return an offset for each buffer so that buffers alive together never overlap.

    Largest first, each into the first gap between the buffers placed before it that are alive
    at the same time. Of equal sizes the one added last goes first, as in the C++.

    Parameters
    ----------
    sizes : sequence of int
        Bytes, already rounded up to the alignment.
    lifetimes : sequence of Lifetime
        One per buffer.
    fixed : sequence of int or None, optional
        Offsets planned beforehand; None for those to be planned here.

    Returns
    -------
    list of int
        Offsets in bytes, in the order of `sizes`.

    References
    ----------
    .. [1] tensorflow/lite/micro/memory_planner/greedy_memory_planner.cc,
       CalculateOffsetsIfNeeded.

    Examples
    --------
    >>> lives = [Lifetime(first=0, last=1), Lifetime(first=1, last=2), Lifetime(first=2, last=2)]
    >>> plan_greedy([32, 64, 16], lives)
    [64, 0, 64]
    """
    count = len(sizes)
    fixed = fixed or [None] * count
    given = [i for i in range(count) if fixed[i] is not None]
    free = sorted((i for i in reversed(range(count)) if fixed[i] is None), key=lambda i: -sizes[i])
    offsets = [0] * count
    placed = _Placed()
    for i in (*given, *free):
        known = fixed[i]
        offsets[i] = placed.first_gap(sizes[i], lifetimes[i]) if known is None else known
        placed.add(offsets[i], sizes[i], lifetimes[i])
    return offsets


class _Placed:
    """Placed buffers, found by the steps at which they are alive; a search meets few of them.

    Those that live long are kept aside: they would stand in the list of every step.
    """

    def __init__(self) -> None:
        self.alive: dict[int, list[tuple[int, int]]] = {}
        self.born: list[tuple[int, tuple[int, int]]] = []
        self.lasting: list[tuple[int, int, Lifetime]] = []

    def add(self, offset: int, size: int, life: Lifetime) -> None:
        entry = (offset, offset + size)
        if life.last - life.first > LASTING_STEPS:
            insort(self.lasting, (*entry, life))
            return
        for step in range(life.first, life.last + 1):
            insort(self.alive.setdefault(step, []), entry)
        insort(self.born, (life.first, entry))

    def neighbours(self, life: Lifetime) -> list[tuple[int, int]]:
        """Return the (start, end) of all buffers that are alive at some time of `life`."""
        first, last = life
        found = [(low, high) for low, high, (a, b) in self.lasting if a <= last and first <= b]
        found += self.alive.get(first, ())
        later = slice(bisect_left(self.born, (first + 1,)), bisect_left(self.born, (last + 1,)))
        return sorted(found + [entry for _, entry in self.born[later]])

    def first_gap(self, size: int, life: Lifetime) -> int:
        end = 0
        for low, high in self.neighbours(life):
            if low - end >= size:
                break
            end = max(end, high)
        return end


def sum_live_bytes(sizes: Sequence[int], lifetimes: Sequence[Lifetime], steps: int) -> list[int]:
    """Return the bytes alive at step 0, 1, ..., `steps`: what no plan can go below.

    Examples
    --------
    >>> sum_live_bytes([8, 4], [Lifetime(first=0, last=1), Lifetime(first=1, last=2)], 2)
    [8, 12, 4]
    """
    change = [0] * (steps + 2)
    for size, life in zip(sizes, lifetimes, strict=True):
        if life.last >= 0:
            change[max(life.first, 0)] += size
            change[life.last + 1] -= size
    live, total = [], 0
    for step in range(steps + 1):
        total += change[step]
        live.append(total)
    return live
