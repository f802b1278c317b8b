"""Chapter 0, memory: bytes of a layer, live bytes, places in the arena, and a model to hand in."""

from __future__ import annotations

from functools import partial
from typing import Any

from tinyml_course.data import GESTURES
from tinyml_course.grading import forms
from tinyml_course.grading.task import Part, Task, worked_examples
from tinyml_course.grading.tasks import product_parts

Args = tuple[Any, ...]

CHAIN = ((1024, 4096, 2048, 10), (((0,), 1), ((1,), 2), ((2,), 3)))
NETWORKS = (
    CHAIN,
    ((64, 256, 128, 128, 10), (((0,), 1), ((1,), 2), ((2,), 3), ((3,), 4))),
    ((64, 256, 192, 256, 128, 10), (((0,), 1), ((1,), 2), ((2,), 3), ((1, 3), 4), ((4,), 5))),
    ((100, 300, 300, 300), (((0,), 1), ((1,), 2), ((0, 2), 3))),
    ((64, 256, 500, 128, 10), (((0,), 1), ((1,), 2), ((1,), 3), ((3,), 4))),
)
"""Sizes of the tensors, and for each operator what it reads and what it writes."""

BUFFERS = (
    ((48, 80, 32), ((0, 1), (1, 2), (2, 3))),
    ((96, 64, 48), ((0, 0), (0, 2), (2, 2))),
    ((64, 64, 64), ((0, 1), (1, 2), (2, 3))),
    ((128, 32, 512, 256, 64, 64), ((0, 1), (0, 4), (1, 2), (2, 3), (3, 4), (4, 5))),
)
"""Sizes and lifetimes."""


def _has_room(args: Args, result: int) -> str | None:
    inputs, outputs, bits = args
    spare_bits = 8 * (result - 4 * outputs) - inputs * outputs * bits
    if spare_bits < 0:
        return f"{result} B can't hold {inputs * outputs} weights and {outputs} biases"
    if spare_bits >= 8:
        return f"{result} B are more than {inputs * outputs} weights and {outputs} biases fill"
    return None


def _whole_bytes(args: Args, result: int) -> str | None:
    return _has_room(args, result) if args[2] == 8 else None


def _packed(args: Args, result: int) -> str | None:
    return _has_room(args, result) if args[2] != 8 else None


WEIGHT_BYTES = Task(
    id="0.1",
    title="What a dense layer takes in flash",
    function="weight_bytes",
    returns=forms.integer,
    public_inputs=((3, 5, 8), (1000, 100, 8), (3, 3, 4), (7, 1, 4)),
    parts=(
        Part(
            "worked example",
            2,
            "Three inputs and five outputs at 8 bits take 35 bytes.",
            worked_examples({(3, 5, 8): 35}),
        ),
        Part(
            "whole bytes",
            2,
            "All weights and biases have room, and no byte is left over, at 8 bits.",
            _whole_bytes,
        ),
        Part(
            "packed weights",
            4,
            "All weights and biases have room, and no byte is left over, at fewer bits.",
            _packed,
        ),
    ),
    hints=(
        "What is stored for each connection, and what for each output?",
        "Count bits first, then bytes; only one of the two counts needs rounding.",
        "A sum of two products, one of them rounded up to whole bytes.",
    ),
)


def kind_of_network(args: Args) -> str:
    """Return ``unread`` if an output is never read, else ``shortcut`` or ``chain``."""
    sizes, ops = args
    reads = [set(inputs) for inputs, _ in ops]
    if any(not any(t in read for read in reads) for t in range(len(sizes) - 1)):
        return "unread"
    in_turn = all(read == {step} for step, read in enumerate(reads))
    return "chain" if in_turn else "shortcut"


def own_bytes(args: Args, step: int) -> int:
    """Return the bytes of what operator `step` reads and writes."""
    sizes, ops = args
    inputs, output = ops[step]
    return sum(sizes[tensor] for tensor in {*inputs, output})


def _chain(args: Args, result: list[int]) -> str | None:
    if kind_of_network(args) != "chain":
        return None
    return _length(args, result) or _first(
        f"operator {step} reads and writes {own_bytes(args, step)} B, got {found}"
        for step, found in enumerate(result)
        if found != own_bytes(args, step)
    )


def _shortcut(args: Args, result: list[int]) -> str | None:
    if kind_of_network(args) != "shortcut":
        return None
    sizes, ops = args
    born = {0: 0} | {output: step for step, (_, output) in enumerate(ops)}
    faults = (
        f"operator {step} must leave tensor {kept} alone, which operator {later} reads: "
        f"{found} B is too little"
        for step, found in enumerate(result)
        for later in range(step + 1, len(ops))
        for kept in ops[later][0]
        if born[kept] < step
        and kept not in ops[step][0]
        and found < own_bytes(args, step) + sizes[kept]
    )
    return _length(args, result) or _first(faults)


def _unread(args: Args, result: list[int]) -> str | None:
    if kind_of_network(args) != "unread":
        return None
    found = _length(args, result)
    if found or result[-1] == own_bytes(args, len(result) - 1):
        return found
    return f"nothing is read after the last operator, yet {result[-1]} B is not its own tensors'"


def _length(args: Args, result: list[int]) -> str | None:
    wanted = len(args[1])
    return None if len(result) == wanted else f"need {wanted} numbers, got {len(result)}"


def _first(faults: Any) -> str | None:
    return next(iter(faults), None)


LIVE_BYTES = Task(
    id="0.3",
    title="Bytes alive at each operator",
    function="live_bytes",
    returns=forms.list_of(forms.integer),
    public_inputs=NETWORKS,
    withheld=("tinyml_course.cost.liveness",),
    parts=(
        Part(
            "worked example",
            2,
            "The chain of three operators has 5120, 6144 and 2058 bytes alive.",
            worked_examples({CHAIN: [5120, 6144, 2058]}),
        ),
        Part("chains", 3, "In a chain, what an operator reads and writes is alive.", _chain),
        Part(
            "shortcuts",
            3,
            "A tensor that a later operator reads again is kept until then, and no longer.",
            _shortcut,
        ),
        Part(
            "unread tensors",
            2,
            "A tensor that nobody reads takes room while it is written, and no longer.",
            _unread,
        ),
    ),
    hints=(
        "A tensor lives from the operator that writes it to the last one that reads it.",
        "First find birth and death of every tensor in one walk over the operators.",
        "Two tables filled in a loop, then for each operator a sum over the tensors that it meets.",
    ),
)


def _sound_plan(args: Args, result: list[int]) -> str | None:
    sizes, lives = args
    if len(result) != len(sizes):
        return f"{len(sizes)} buffers need as many offsets, got {len(result)}"
    places = [(low, low + size) for low, size in zip(result, sizes, strict=True)]
    for i, (low, high) in enumerate(places):
        rivals = [
            (j, places[j])
            for j, life in enumerate(lives)
            if j != i and life[0] <= lives[i][1] and lives[i][0] <= life[1]
        ]
        for j, (other_low, other_high) in rivals:
            if low < other_high and other_low < high:
                return f"buffers {i} and {j} overlap at {max(low, other_low)} and are both alive"
        if low and not any(place[1] == low and sizes[j] >= sizes[i] for j, place in rivals):
            return f"buffer {i} at {low} lies neither on the floor nor on one placed before it"
    return None


PLAN_OFFSETS = Task(
    id="0.7",
    title="The greedy planner",
    function="plan_offsets",
    returns=forms.list_of(forms.integer),
    public_inputs=BUFFERS,
    withheld=("tinyml_course.cost.liveness",),
    parts=(
        Part(
            "worked example",
            2,
            "The three buffers lie at 80, 0 and 80.",
            worked_examples({BUFFERS[0]: [80, 0, 80]}),
        ),
        Part(
            "sound plan",
            5,
            "Buffers that are alive together never overlap, and each lies at 0 or directly on one "
            "that was placed before it.",
            _sound_plan,
        ),
        Part(
            "the runtime's addresses",
            5,
            "Every address is the runtime's, on buffers that you do not see.",
        ),
    ),
    hints=(
        "The rule never moves what it has placed, and looks only at buffers alive together.",
        "Sort indices, not buffers; walk the rivals from the lowest to the highest.",
        "A loop over sorted indices, in it a walk that stops at the first gap that is large "
        "enough, an exact fit included.",
    ),
)

MODEL_BYTES = 6_500
"""What earns all points; nothing is left at twice that."""
ACCURACY = 0.92
LEAST = 0.6
"""Guessing gets a third of the three gestures right; from here on, something was learnt."""


GESTURE_MODEL = Task(
    id="0.10",
    title="A model for three gestures",
    function="",
    product="0.10.tflite",
    public_inputs=partial(product_parts.draw_public, GESTURES, samples_per_class=40, seed=600),
    parts=(
        product_parts.learnt(2, LEAST, things="gestures", guessing="a third"),
        product_parts.fits(3),
        product_parts.little_flash(5, MODEL_BYTES, name="small"),
        product_parts.accurate(6, ACCURACY, least=LEAST),
    ),
    hints=(
        "RAM is decided by pixels times channels, flash by weights and by a record per tensor.",
        "Shrink the picture in the first layer; a dense layer on all pixels is the dear one.",
        "Few blocks with stride 2, a small number of filters, int8, and many people to learn from.",
    ),
)
