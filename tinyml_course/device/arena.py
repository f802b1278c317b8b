"""The tensor arena of TensorFlow Lite Micro on a 32-bit chip, byte for byte.

The arena has two ends. Structures that live as long as the interpreter grow down from its end,
the tail. Activations and scratch share its start, the head, by lifetime. Between the two the
allocator keeps temporary data while it prepares and plans; for small networks that sets the
smallest arena with which allocation succeeds.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from tinyml_course.core.errors import InvalidModel
from tinyml_course.core.graph import TensorGraph, TensorInfo
from tinyml_course.core.types import KernelTier, MemoryPlan, PlannedBuffer, TailEntry
from tinyml_course.cost.liveness import (
    Lifetime,
    Timeline,
    mark_lifetimes,
    plan_greedy,
    tensor_bytes,
)
from tinyml_course.device.flatbuffer import Model
from tinyml_course.device.op_memory import PARSED, is_modelled, is_registered, kernel_data
from tinyml_course.device.prepare import prepare
from tinyml_course.device.request import Node, Request, tensor_view_bytes

ALIGNMENT = 16
REQUEST_BYTES = 12
"""sizeof(ScratchBufferRequest); room for REQUESTS_PER_OP more is always kept."""

REQUESTS_PER_OP = 12
ALLOCATION_INFO_BYTES = 24
PLANNER_BYTES = 40
"""What GreedyMemoryPlanner needs per buffer."""

OFFLINE_PLAN = "OfflineMemoryAllocation"


def plan_arena(model: TensorGraph | Model, kernels: KernelTier) -> MemoryPlan:
    """Return where every byte of the arena goes.

    Parameters
    ----------
    model : TensorGraph or Model
        A graph built from a specification, or a file read by `read_model`.
    kernels : KernelTier
        Kernels that the firmware links; they differ in scratch memory.

    Returns
    -------
    MemoryPlan
        `arena_bytes` is what `arena_used_bytes()` returns on the chip; `unmodelled` names the
        operators whose memory is not known, in which case every figure is a lower bound.

    Raises
    ------
    InvalidModel
        If an offline memory plan stored in the file does not match its tensors.

    References
    ----------
    .. [1] tensorflow/lite/micro/micro_allocator.cc, micro_interpreter.cc.

    Examples
    --------
    >>> from tinyml_course.core.arch import gesture_net
    >>> from tinyml_course.cost.graph import arch_graph
    >>> plan_arena(arch_graph(gesture_net(3)), "tflm-reference").exact
    True
    """
    if isinstance(model, TensorGraph):
        model = Model(subgraphs=(model,))
    timeline = mark_lifetimes(model.subgraphs)
    scratch, events = _allocations(model, kernels)
    offline = _offline_offsets(model)
    buffers, head = _plan_head(model, timeline, scratch, offline)
    events += _finish(model, len(scratch), len(buffers), head, offline)
    replays = [_replay(events, residue) for residue in (0, 4, 8, 12)]
    tail = replays[0][0]
    return MemoryPlan(
        buffers=buffers,
        tail=tuple(
            TailEntry(what=event.what, op=event.op, size_bytes=event.size)
            for event in events
            if event.kind == "tail"
        ),
        op_names=timeline.steps,
        kernels=kernels,
        head_bytes=head,
        tail_bytes=tail,
        arena_bytes=head + tail,
        arena_min_bytes=min(needed for _, needed in replays),
        unmodelled=_unmodelled(model),
    )


class _Event(NamedTuple):
    """One step of the allocator, replayed to find the tail and the smallest arena.

    Attributes
    ----------
    kind : {'tail', 'room', 'planner'}
        'tail' allocates `size` bytes at the end, `below` being what lies at the start; 'room'
        only needs `below` bytes at the start beside the tail; 'planner' needs them in aligned
        blocks.
    """

    kind: str
    below: int
    size: int = 0
    alignment: int = 4
    what: str = ""
    op: int = -1


class _Scratch(NamedTuple):
    """One scratch buffer: its size, purpose, and operator."""

    size_bytes: int
    what: str
    subgraph: int
    op: int


def _replay(events: Sequence[_Event], residue: int) -> tuple[int, int]:
    """Return the tail's bytes, and the smallest arena whose size is `residue` modulo 16.

    Addresses, not sizes, are aligned: where the arena's end is no multiple of 16, the gaps in
    the tail differ.
    """
    used = needed = 0
    for kind, below, size, alignment, _, _ in events:
        if kind == "tail":
            used += size
            used += (residue - used) % alignment
            total = used + below
        elif kind == "room":
            total = used + below
        else:
            total = used + (residue - used) % ALIGNMENT + below
        if total > needed:
            needed = total
    return used, needed + (residue - needed) % ALIGNMENT


def _allocations(model: Model, kernels: KernelTier) -> tuple[list[_Scratch], list[_Event]]:
    """Return all scratch requests, and the allocator's steps up to the plan."""
    scratch: list[_Scratch] = []
    parsing: list[_Event] = []
    init: list[_Event] = []
    preparation: list[_Event] = []
    for sub, graph in enumerate(model.subgraphs):
        for number, op in enumerate(graph.ops):
            if not is_registered(op.name):
                continue
            parsing += _parsing(number, op.name)
            init += _init(number, op.name, kernels)
            requests = _requests(Node(graph, op, kernels), number)
            preparation += _preparation(requests, number, len(scratch))
            scratch += [
                _Scratch(r.size_bytes, r.what, sub, number) for r in requests if r.kind == "scratch"
            ]
            preparation.append(_Event("room", _request_bytes(len(scratch))))
    variables = _resource_variables(model, _request_bytes(len(scratch)))
    return scratch, [*_start(model), *parsing, *init, *preparation, *variables]


def _resource_variables(model: Model, below: int) -> list[_Event]:
    """kernels/assign_variable.cc: the first assignment to a variable allocates its bytes."""
    events: dict[str, _Event] = {}
    for graph in model.subgraphs:
        names = {
            op.outputs[0]: op.options.get("shared_name", "")
            for op in graph.ops
            if op.name == "VAR_HANDLE" and op.outputs
        }
        for number, op in enumerate(graph.ops):
            if op.name == "ASSIGN_VARIABLE" and len(op.inputs) == 2 and op.inputs[0] in names:
                name, size = names[op.inputs[0]], tensor_bytes(graph.tensors[op.inputs[1]])
                what = f"resource variable {name}"
                events.setdefault(name, _tail(what, size, op=number, align=ALIGNMENT, below=below))
    return list(events.values())


def _requests(node: Node, number: int) -> list[Request]:
    try:
        return list(prepare(node))
    except (IndexError, ZeroDivisionError) as fault:
        raise InvalidModel(
            f"op {number} {node.op.name}: its tensors or options make no sense ({fault}); "
            "convert the model again"
        ) from None


def _request_bytes(count: int) -> int:
    return REQUEST_BYTES * (count + REQUESTS_PER_OP)


def _tail(what: str, size: int, *, op: int = -1, align: int = 4, below: int = 0) -> _Event:
    return _Event("tail", below, size, align, what, op)


def _start(model: Model) -> list[_Event]:
    """micro_allocator.cc, Create and StartModelAllocation."""
    below = _request_bytes(0)
    return [
        _tail("SingleArenaBufferAllocator", 36),
        _tail("GreedyMemoryPlanner", 44),
        _tail("MicroAllocator", 36),
        _tail("MicroBuiltinDataAllocator", 8),
        _tail("SubgraphAllocations", 8 * len(model.subgraphs), below=below),
        *(_tail("TfLiteEvalTensor", 12 * len(g.tensors), below=below) for g in model.subgraphs),
        *(_tail("NodeAndRegistration", 32 * len(g.ops), below=below) for g in model.subgraphs),
    ]


def _parsing(op: int, name: str) -> list[_Event]:
    """micro_interpreter.cc, PrepareNodeAndRegistrationDataFromFlatbuffer."""
    if name not in PARSED:
        return []
    size, align, what = PARSED[name]
    return [_tail(what, size, op=op, align=align, below=_request_bytes(0))]


def _init(op: int, name: str, kernels: KernelTier) -> list[_Event]:
    """micro_interpreter_graph.cc, InitSubgraphs."""
    size, what = kernel_data(name, kernels)
    return [_tail(what, size, op=op, align=ALIGNMENT, below=_request_bytes(0))] if size else []


def _preparation(requests: Sequence[Request], op: int, scratch_before: int) -> list[_Event]:
    """micro_interpreter_graph.cc, PrepareSubgraphs: temporary views pile up until it returns."""
    head = _request_bytes(scratch_before)
    temps = head
    events: list[_Event] = []
    for request in requests:
        if request.kind == "temp":
            temps += request.size_bytes
        elif request.kind == "tail":
            size = request.size_bytes
            events.append(_Event("room", temps))
            events.append(_tail(request.what, size, op=op, align=ALIGNMENT, below=head))
    return [*events, _Event("room", temps)]


def _offline_offsets(model: Model) -> tuple[int, ...] | None:
    """Return the offsets of a plan stored in the file, -1 for tensors planned on the device."""
    tensors = sum(len(graph.tensors) for graph in model.subgraphs)
    for name, blob in model.metadata:
        if name != OFFLINE_PLAN:
            continue
        words = struct.unpack(f"<{len(blob) // 4}i", blob[: len(blob) // 4 * 4])
        if len(words) < 3 + tensors or words[2] != tensors:
            raise InvalidModel(
                f"the offline memory plan has {max(len(words) - 3, 0)} offsets for {tensors} "
                "tensors; remove or rebuild it"
            )
        if any(offset < -1 for offset in words[3 : 3 + tensors]):
            raise InvalidModel("the offline memory plan has a negative offset; rebuild it")
        return words[3 : 3 + tensors]
    return None


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _plan_head(
    model: Model,
    timeline: Timeline,
    scratch: Sequence[_Scratch],
    offline: tuple[int, ...] | None,
) -> tuple[tuple[PlannedBuffer, ...], int]:
    """micro_allocation_info.cc, InitializeAllocationInfo; greedy_memory_planner.cc."""
    wanted: list[tuple[str, int, int, Lifetime]] = []
    fixed: list[int | None] = []
    for sub, graph in enumerate(model.subgraphs):
        # A handle's number lies in its operator's own data.
        handles = {i for op in graph.ops if op.name == "VAR_HANDLE" for i in op.outputs}
        for index, info in enumerate(graph.tensors):
            size = tensor_bytes(info)
            if size and not (info.is_constant or info.is_variable or index in handles):
                # The C++ indexes the stored offsets by the tensor's number in its own subgraph.
                known = offline[index] if offline else -1
                fixed.append(None if known == -1 else known)
                wanted.append((info.name, index, _aligned(size), timeline.tensors[sub][index]))
    for item in scratch:
        name = f"{model.subgraphs[item.subgraph].ops[item.op].name} {item.what}"
        life = timeline.ops[item.subgraph][item.op]
        wanted.append((name, -1, _aligned(item.size_bytes), life))
        fixed.append(None)
    sizes, lives = [w[2] for w in wanted], [w[3] for w in wanted]
    offsets = plan_greedy(sizes, lives, fixed)
    buffers = tuple(
        PlannedBuffer(
            name=name,
            kind="scratch" if index < 0 else "tensor",
            tensor=index,
            offset=offset,
            size_bytes=size,
            first_op=max(life.first - 1, 0),
            last_op=max(life.last - 1, 0),
        )
        for (name, index, size, life), offset in zip(wanted, offsets, strict=True)
    )
    return buffers, max((b.offset + b.size_bytes for b in buffers), default=0)


def _finish(
    model: Model, requests: int, buffers: int, head: int, offline: tuple[int, ...] | None
) -> list[_Event]:
    """micro_allocator.cc, FinishModelAllocation; micro_interpreter.cc, AllocateTensors."""
    below = _request_bytes(requests)
    tensors = sum(len(graph.tensors) for graph in model.subgraphs)
    views = 4 * len(model.subgraphs) + ALLOCATION_INFO_BYTES * (tensors + requests)
    events = [_tail("ScratchBufferHandle", 4 * requests, below=below)] if requests else []
    events.append(_Event("room", below + views))
    for graph in model.subgraphs:
        for index, info in enumerate(graph.tensors):
            if info.is_variable and (offline is None or offline[index] == -1):
                what = f"variable {info.name}"
                events.append(_tail(what, tensor_bytes(info), align=ALIGNMENT, below=below))
    events.append(_Event("planner", _aligned(below + views) + _aligned(PLANNER_BYTES * buffers)))
    events.append(_Event("room", head))
    main = model.subgraphs[0]
    for label, indices in (("input", main.inputs), ("output", main.outputs)):
        pointers = _tail(f"{label} pointers", 4 * len(indices), align=ALIGNMENT, below=head)
        events.append(pointers)
        for index in indices:
            events += _view(main.tensors[index], label, head)
    return events


def _view(info: TensorInfo, label: str, head: int) -> list[_Event]:
    """Return the steps for one TfLiteTensor of the application's interface."""
    events = [_tail(f"TfLiteTensor of the {label}", 40, below=head)]
    quantization = tensor_view_bytes(info) - 40
    if quantization:
        events.append(_tail("TfLiteAffineQuantization", 12, below=head))
        events.append(_tail("zero points", quantization - 12, below=head))
    return events


def _unmodelled(model: Model) -> tuple[str, ...]:
    names = [op.name for graph in model.subgraphs for op in graph.ops]
    return tuple(dict.fromkeys(name for name in names if not is_modelled(name)))
