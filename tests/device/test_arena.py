"""The planned arena against the real 32-bit runtime's figures."""

from __future__ import annotations

import json
import struct
import sys
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

from tinyml_course.core.arch import gesture_net
from tinyml_course.core.errors import InvalidModel
from tinyml_course.core.graph import OpInfo, TensorGraph, TensorInfo
from tinyml_course.cost import liveness
from tinyml_course.cost.graph import arch_graph
from tinyml_course.cost.layers import conv_graph
from tinyml_course.device import arena
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.flatbuffer import Model, read_model

TRUTH = Path(__file__).parent / "truth"
FIGURES = json.loads((TRUTH / "arena_truth.json").read_text())
TIERS = {
    "tflm_ref": "tflm-reference",
    "esp_nn_esp32_c3": "esp-nn",
    "esp_nn_s3": "esp-nn-s3",
    "esp_nn_p4": "esp-nn-p4",
}
CASES = [
    (name, key)
    for name, figures in FIGURES.items()
    if figures["runs_on_tflm"]
    for key in TIERS
    if key in figures
]


@cache
def load(name):
    return read_model((TRUTH / "models" / f"{name}.tflite").read_bytes())


@pytest.mark.parametrize(("name", "key"), CASES, ids=[f"{n}-{k}" for n, k in CASES])
def test_the_plan_equals_the_runtime_byte_for_byte(name, key):
    """Head, tail, their sum and the smallest arena are the real runtime's."""
    plan, truth = plan_arena(load(name), TIERS[key]), FIGURES[name][key]
    assert plan.exact
    assert truth == {
        "nonpersistent": plan.head_bytes,
        "persistent": plan.tail_bytes,
        "arena_used": plan.arena_bytes,
        "min_arena": plan.arena_min_bytes,
    }


def count_wrong_heads():
    return sum(
        FIGURES[name]["esp_nn_s3"]["nonpersistent"]
        != plan_arena(load(name), "esp-nn-s3").head_bytes
        for name, key in CASES
        if key == "esp_nn_s3"
    )


def test_ties_placed_in_the_order_of_addition_would_be_noticed(monkeypatch):
    """A planner that breaks ties the natural way round gets some model's head wrong."""

    def natural(sizes, lifetimes, fixed=None):
        offsets = liveness.plan_greedy(sizes[::-1], lifetimes[::-1], (fixed or [None])[::-1])
        return offsets[::-1]

    monkeypatch.setattr(arena, "plan_greedy", natural)
    assert count_wrong_heads() > 0


def test_reusing_an_input_for_the_output_would_be_noticed(monkeypatch):
    """A planner that lets inputs die before outputs are born gets nearly all heads wrong."""

    def in_place(sizes, lifetimes, fixed=None):
        shorter = [
            liveness.Lifetime(first=life.first, last=max(life.first, life.last - 1))
            for life in lifetimes
        ]
        return liveness.plan_greedy(sizes, shorter, fixed)

    monkeypatch.setattr(arena, "plan_greedy", in_place)
    assert count_wrong_heads() > len(CASES) // 8


@pytest.mark.parametrize("name", ["resnet8_32x32x3", "slices_sub", "mbv3_se_block"])
def test_no_two_buffers_in_use_overlap(name):
    """Buffers whose operators overlap lie apart in every tier."""
    for tier in TIERS.values():
        for a, b in combinations(plan_arena(load(name), tier).buffers, 2):
            if a.first_op <= b.last_op and b.first_op <= a.last_op:
                assert a.offset + a.size_bytes <= b.offset or b.offset + b.size_bytes <= a.offset


def test_the_tail_lists_all_that_it_holds():
    """The entries' sum is below the tail by no more than the alignment of each entry."""
    plan = plan_arena(load("resnet8_32x32x3"), "tflm-reference")
    listed = sum(entry.size_bytes for entry in plan.tail)
    assert listed <= plan.tail_bytes <= listed + 15 * len(plan.tail)
    assert 36 + 44 + 36 + 8 + 8 == sum(entry.size_bytes for entry in plan.tail[:5])


def test_a_specification_plans_like_its_converted_file():
    """The smallest truth network, built as a graph, has the file's head."""
    plan = plan_arena(arch_graph(gesture_net(3)), "tflm-reference")
    assert plan.exact
    assert plan.head_bytes > 0


def test_an_unknown_operator_makes_the_plan_a_lower_bound():
    """An operator outside the tables is named, and its tensors are still counted."""
    graph = conv_graph(8, 2, 4, dtype="INT8")
    odd = OpInfo(name="CUSTOM_FFT", inputs=(3,), outputs=(4,), is_custom=True)
    longer = replace(
        graph, tensors=(*graph.tensors, graph.tensors[3]), ops=(*graph.ops, odd), outputs=(4,)
    )
    plan = plan_arena(longer, "tflm-reference")
    assert ("CUSTOM_FFT",) == plan.unmodelled
    assert not plan.exact
    assert plan.head_bytes >= 2 * 8 * 8 * 4


def test_int4_filters_are_unpacked_to_a_byte_a_weight():
    """An int4 convolution asks for scratch as large as its filter has weights."""
    graph = conv_graph(8, 2, 4, dtype="INT8")
    filters = replace(graph.tensors[1], dtype="INT4", constant_bytes=36)
    packed = replace(graph, tensors=(graph.tensors[0], filters, *graph.tensors[2:]))
    scratch = [b for b in plan_arena(packed, "esp-nn").buffers if b.kind == "scratch"]
    assert [80] == [b.size_bytes for b in scratch]


def test_variables_lie_in_the_tail():
    """A state tensor takes persistent bytes and no place in the head."""
    x = TensorInfo(name="x", shape=(64,), dtype="INT8")
    op = OpInfo(name="ADD", inputs=(0, 1), outputs=(2,))
    graph = TensorGraph(tensors=(x, x, x), ops=(op,), inputs=(0, 1), outputs=(2,))
    state = replace(graph, tensors=(x, replace(x, is_variable=True), x), inputs=(0,))
    with_state = plan_arena(state, "esp-nn")
    assert [64, 64] == [b.size_bytes for b in with_state.buffers]
    assert 1 == sum(e.what.startswith("variable") and e.size_bytes == 64 for e in with_state.tail)


def test_a_resource_variable_is_counted_once_and_its_store_is_the_applications():
    """Two assignments share the bytes, handles take no head, and the plan is a lower bound."""
    x = TensorInfo(name="x", shape=(64,), dtype="INT8")
    handle = TensorInfo(name="h", shape=(), dtype="RESOURCE")
    make = OpInfo(name="VAR_HANDLE", inputs=(), outputs=(0,), options={"shared_name": "state"})
    assign = OpInfo(name="ASSIGN_VARIABLE", inputs=(0, 1), outputs=())
    graph = TensorGraph(tensors=(handle, x), ops=(make, assign), inputs=(1,), outputs=(1,))
    plan = plan_arena(Model(subgraphs=(graph, replace(graph, inputs=()))), "esp-nn")
    stored = [e.size_bytes for e in plan.tail if e.what == "resource variable state"]
    assert [64] == stored
    assert {"x"} == {b.name for b in plan.buffers}
    assert ("VAR_HANDLE", "ASSIGN_VARIABLE") == plan.unmodelled


def offline(*offsets):
    blob = struct.pack(f"<3i{len(offsets)}i", 1, 1, len(offsets), *offsets)
    return (("OfflineMemoryAllocation", blob),)


def test_an_offline_plan_in_the_file_is_followed():
    """Stored offsets are kept, and -1 leaves a tensor to the greedy planner."""
    graph = conv_graph(8, 2, 4, dtype="INT8")
    model = Model(subgraphs=(graph,), metadata=offline(512, -1, -1, -1))
    by_name = {b.name: b.offset for b in plan_arena(model, "tflm-reference").buffers}
    assert {"x": 512, "y": 0} == {name: by_name[name] for name in "xy"}


@pytest.mark.parametrize("offsets", [(0, -1), (0, -1, -1, -2)])
def test_an_offline_plan_that_does_not_match_is_refused(offsets):
    """Too few offsets, or negative ones, name the plan as the fault."""
    model = Model(subgraphs=(conv_graph(8, 2, 4),), metadata=offline(*offsets))
    with pytest.raises(InvalidModel, match="offline memory plan"):
        plan_arena(model, "esp-nn")


def chain(length):
    """Return `length` operators one after another, on one image."""
    image = TensorInfo(
        name="x", shape=(1, 16, 16, 8), dtype="INT8", scales=(1.0,), zero_points=(0,)
    )
    ops = tuple(OpInfo(name="RELU", inputs=(i,), outputs=(i + 1,)) for i in range(length))
    return TensorGraph(tensors=(image,) * (length + 1), ops=ops, inputs=(0,), outputs=(length,))


def count_calls(work):
    """Return the calls that `work` makes, in Python and C: its effort, whatever the machine."""
    calls = 0

    def note(_frame, event, _argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def test_the_effort_of_planning_grows_with_the_operators_not_with_their_square():
    """Four times the operators take at most five times the calls."""
    short, long = (chain(length) for length in (250, 1000))
    effort = [count_calls(lambda graph=g: plan_arena(graph, "esp-nn-s3")) for g in (short, long)]
    assert effort[1] <= 5 * effort[0]
