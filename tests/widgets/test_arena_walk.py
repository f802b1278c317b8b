"""The walk through an arena and the game of which network fits, and the numbers behind them."""

import itertools

import pytest
from matplotlib.figure import Figure

from tinyml_course.core.boards import BOARDS
from tinyml_course.cost.estimate import estimate_cost, live_bytes
from tinyml_course.cost.graph import arch_graph
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.explain import explain_peak
from tinyml_course.widgets.arena_walk import (
    CONTENDERS,
    GAME,
    KERNELS,
    WALK,
    WALKS,
    add_skip,
    arena_bars,
    plan_walk,
    slots_at,
    stack_blocks,
)

CHAIN = arch_graph(stack_blocks(("conv", 8, 2), ("conv", 8, 1), ("conv", 8, 1), ("conv", 16, 2)))


@pytest.mark.parametrize("experiment", [WALK, GAME], ids=lambda e: e.name)
def test_states_draw(experiment):
    """Every state has a description of its own, and states across the grid draw a figure."""
    states = list(experiment.states())
    said = [experiment.describe(**state) for state in states]
    assert len(set(said)) == len(said)
    for state in itertools.islice(states, 0, None, max(1, len(states) // 6)):
        assert isinstance(experiment.draw(**state), Figure)


@pytest.mark.parametrize("model", list(WALKS))
@pytest.mark.parametrize("kernels", KERNELS)
def test_slots_tile_the_head_with_what_is_alive(model, kernels):
    """At every operator the slots cover the head once, and the occupied ones are the live ones."""
    plan, graph = plan_walk(model, kernels), WALKS[model]
    for op in range(len(graph.ops)):
        slots = slots_at(plan, graph, op)
        ends = [slot.offset + slot.size_bytes for slot in slots]
        assert [0, *ends[:-1]] == [slot.offset for slot in slots]
        assert plan.head_bytes == ends[-1]
        taken = {(s.name, s.offset, s.size_bytes) for s in slots if s.role != "free"}
        assert {(b.name, b.offset, b.size_bytes) for b in plan.alive_at(op)} == taken


def test_slots_say_what_the_operator_reads_writes_and_keeps():
    """Within a skip a convolution reads one buffer, writes one, and keeps the third."""
    graph = add_skip(CHAIN, 0, 2)
    slots = slots_at(plan_arena(graph, "tflm-reference"), graph, 2)
    assert {"input": "block 1", "output": "block 2", "kept": "block 0"} == {
        slot.role: slot.name for slot in slots if slot.role != "free"
    }


def test_every_walk_has_the_slider_s_operators():
    """The slider reaches the last operator of each network, and no further."""
    (op,) = (control for control in WALK.controls if control.name == "op")
    assert {len(op.values)} == {len(graph.ops) for graph in WALKS.values()}


def test_a_skip_keeps_one_more_map_alive():
    """On the long side of a skip, and nowhere else, the first output's bytes come on top."""
    plain, skipped = live_bytes(CHAIN), live_bytes(add_skip(CHAIN, 0, 2))
    kept = 16 * 16 * 8
    assert plain[:3] == skipped[:3]  # before it starts, while it is made, while it is read
    assert plain[3] + kept == skipped[3]
    assert 3 * kept == skipped[4]  # the addition: two operands and the sum
    assert plain[4:] == skipped[5:]


@pytest.mark.parametrize(("start", "end"), [(2, 0), (0, 3)])
def test_a_skip_without_matching_outputs_is_refused(start, end):
    """A skip that runs backwards, or joins two shapes, names both."""
    with pytest.raises(ValueError, match=rf"operators {start} and {end}"):
        add_skip(CHAIN, start, end)


def test_the_hourglass_leaves_the_planner_above_the_floor():
    """Only the hourglass needs more than its fullest moment, by a third."""
    heads = {name: plan_walk(name, "tflm-reference").head_bytes for name in WALKS}
    floors = {name: estimate_cost(graph).activation_bytes for name, graph in WALKS.items()}
    assert ["hourglass"] == [name for name in WALKS if heads[name] > floors[name]]
    assert 4 * floors["hourglass"] == 3 * heads["hourglass"]


def test_contenders_differ_in_memory_only():
    """The parameters are within 2 %, and exactly one of the three exceeds the ESP32's arena."""
    counts = [estimate_cost(arch_graph(spec)).parameters for spec in CONTENDERS.values()]
    assert max(counts) < 1.02 * min(counts)
    board = BOARDS["esp32"]
    totals = {bar.name[0]: bar.total_bytes for bar in arena_bars(board.kernels)}
    assert ["B"] == [name for name, size in totals.items() if size > board.arena_limit_bytes]


def test_bars_are_the_arena_to_reserve():
    """A bar's parts add up to what the plan says must be reserved, with any kernels."""
    for kernels in KERNELS:
        plans = [plan_arena(arch_graph(spec), kernels) for spec in CONTENDERS.values()]
        expected = [max(plan.arena_bytes, plan.arena_min_bytes) for plan in plans]
        assert expected == [bar.total_bytes for bar in arena_bars(kernels)]


def test_the_notebook_s_first_remedy_is_the_one_it_applies():
    """The peak of the full-resolution network is first relieved by half of block 0's filters."""
    graph = arch_graph(CONTENDERS["B, full resolution"])
    first = explain_peak(plan_arena(graph, "esp-nn"), graph).remedies[0]
    halved = stack_blocks(("conv", 28, 1), ("separable", 56, 1))
    assert first.required_bytes == plan_arena(arch_graph(halved), "esp-nn").required_bytes
