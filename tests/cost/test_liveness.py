"""Lifetimes and the greedy plan."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_course.core.graph import OpInfo, TensorGraph, TensorInfo
from tinyml_course.cost.liveness import (
    Lifetime,
    mark_lifetimes,
    plan_greedy,
    sum_live_bytes,
    tensor_bytes,
)

PLACE = TensorInfo(name="t", shape=(16,), dtype="INT8")


@st.composite
def buffers(draw, steps=12):
    """Sizes, multiples of 16, and lifetimes of up to 25 buffers over `steps` steps."""
    count = draw(st.integers(1, 25))
    sizes = [16 * draw(st.integers(1, 12)) for _ in range(count)]
    ends = [sorted(draw(st.tuples(*[st.integers(0, steps - 1)] * 2))) for _ in range(count)]
    return sizes, [Lifetime(first=a, last=b) for a, b in ends]


@st.composite
def chains(draw):
    """Graphs whose operators read earlier tensors and write one each."""
    count = draw(st.integers(1, 8))
    ops = []
    for number in range(count):
        inputs = draw(st.lists(st.integers(0, number), min_size=1, max_size=3))
        ops.append(OpInfo(name="ADD", inputs=tuple(inputs), outputs=(number + 1,)))
    outputs = draw(st.sets(st.integers(0, count), min_size=1))
    return TensorGraph(
        tensors=(PLACE,) * (count + 1), ops=tuple(ops), inputs=(0,), outputs=tuple(outputs)
    )


def overlap(a, b):
    return a.first <= b.last and b.first <= a.last


def walk_every_gap(sizes, lives):
    """Place as the C++ does, by one walk along all placed buffers in order of address."""
    order = sorted(range(len(sizes)), key=lambda i: (-sizes[i], -i))
    offsets, placed = {}, []
    for i in order:
        end = 0
        for j in sorted(placed, key=lambda j: offsets[j]):
            if overlap(lives[i], lives[j]):
                if offsets[j] - end >= sizes[i]:
                    break
                end = max(end, offsets[j] + sizes[j])
        offsets[i] = end
        placed.append(i)
    return [offsets[i] for i in range(len(sizes))]


@settings(max_examples=50)
@given(buffers())
def test_buffers_that_live_together_never_share_an_address(case):
    """Any two buffers whose lifetimes overlap lie apart."""
    sizes, lives = case
    offsets = plan_greedy(sizes, lives)
    for i, j in combinations(range(len(sizes)), 2):
        apart = offsets[i] + sizes[i] <= offsets[j] or offsets[j] + sizes[j] <= offsets[i]
        assert apart or not overlap(lives[i], lives[j])


@settings(max_examples=50)
@given(buffers())
def test_no_plan_goes_below_what_is_alive(case):
    """The head is at least the largest sum alive at one step."""
    sizes, lives = case
    head = max(o + s for o, s in zip(plan_greedy(sizes, lives), sizes, strict=True))
    assert max(sum_live_bytes(sizes, lives, 11)) <= head


@settings(max_examples=50)
@given(buffers(steps=90))
def test_the_indexed_planner_equals_a_walk_over_all_buffers(case):
    """Looking only at neighbours in time finds the same gaps as looking at every buffer."""
    assert walk_every_gap(*case) == plan_greedy(*case)


@settings(max_examples=50)
@given(buffers())
def test_live_bytes_are_summed_step_by_step(case):
    """The running sum equals adding up, at each step, the buffers alive there."""
    sizes, lives = case
    expected = [
        sum(
            size for size, life in zip(sizes, lives, strict=True) if life.first <= step <= life.last
        )
        for step in range(12)
    ]
    assert expected == sum_live_bytes(sizes, lives, 11)


def test_offsets_planned_beforehand_are_kept_and_avoided():
    """A fixed buffer stays where it is and the others fit around it."""
    lives = [Lifetime(first=0, last=1)] * 3
    assert [32, 48, 0] == plan_greedy([16, 64, 32], lives, [32, None, None])


@settings(max_examples=50)
@given(chains())
def test_a_tensor_lives_while_someone_may_still_look_at_it(graph):
    """At each step a tensor is alive exactly if it exists and a later or present step uses it."""
    lives = mark_lifetimes([graph]).tensors[0]
    for tensor, life in enumerate(lives):
        written = 0 if tensor == 0 else tensor
        uses = [n + 1 for n, op in enumerate(graph.ops) if tensor in (*op.inputs, *op.outputs)]
        if tensor in graph.outputs:
            uses.append(len(graph.ops))
        assert (written, max(uses, default=-1)) == (life.first, life.last)


def test_scratch_of_a_control_operator_outlives_the_subgraph_that_it_runs():
    """Entering a subgraph takes a step, and the caller's memory spans all of them."""
    relu = OpInfo(name="RELU", inputs=(0,), outputs=(1,))
    call = OpInfo(
        name="WHILE",
        inputs=(1,),
        outputs=(2,),
        options={"cond_subgraph_index": 1, "body_subgraph_index": 1},
    )
    body = TensorGraph(tensors=(PLACE,) * 2, ops=(relu,), inputs=(0,), outputs=(1,))
    main = TensorGraph(tensors=(PLACE,) * 3, ops=(relu, call), inputs=(0,), outputs=(2,))
    timeline = mark_lifetimes([main, body])
    assert ("RELU", "WHILE", "WHILE", "RELU", "WHILE", "RELU") == timeline.steps
    assert Lifetime(first=2, last=6) == timeline.ops[0][1]
    assert Lifetime(first=1, last=6) == timeline.tensors[0][1]


def test_int4_activations_take_a_byte_each():
    """The runtime has no packed activations."""
    assert 5 == tensor_bytes(TensorInfo(name="", shape=(5,), dtype="INT4"))
