"""Hidden inputs and oracles of chapter 0; not part of a release."""

from __future__ import annotations

import runpy
from itertools import pairwise
from pathlib import Path

import numpy as np

from tinyml_course.compression.soft_targets import distillation_loss
from tinyml_course.core.graph import OpInfo, TensorGraph, TensorInfo
from tinyml_course.cost.liveness import Lifetime, mark_lifetimes, plan_greedy, sum_live_bytes
from tinyml_course.data import draw_gestures
from tinyml_course.grading.judge import Judge
from tinyml_course.grading.tasks.foundations_choices import ESP32, HOT
from tinyml_course.grading.tasks.foundations_memory import kind_of_network
from tinyml_course.nas.pareto import pareto_mask

WRONG = runpy.run_path(str(Path(__file__).with_name("foundations_wrong.py")))["WRONG"]


def on_kind(kind, test):
    """Return `test` for networks of one kind; it passes all others."""
    return lambda args, result: test(args, result) if kind_of_network(args) == kind else None


def equal(expected):
    """Return a test that a result equals what `expected` gives for the arguments."""
    return lambda args, result: None if result == expected(*args) else "another result"


def close(expected, *, rtol=1e-6):
    """Return a test that a result is near what `expected` gives for the arguments."""

    def test(args, result):
        wanted = expected(*args)
        return None if np.allclose(result, wanted, rtol=rtol, atol=1e-9) else "another result"

    return test


def only(condition, test):
    """Return `test` for arguments that meet a condition; it passes all others."""
    return lambda args, result: test(args, result) if condition(*args) else None


def count_layer(inputs, outputs, bits):
    """Return the bytes of a layer, from its bits spelt one by one."""
    spelt = "1" * (inputs * outputs * bits)
    return len(range(0, len(spelt), 8)) + 4 * outputs


def draw_layers(rng):
    """Draw layers of all widths, and some whose codes do not fill a byte."""
    layers = [
        (int(rng.integers(2, 200)), int(rng.integers(2, 200)), int(bits))
        for bits in rng.choice([2, 4, 8], 20)
    ]
    return [*layers, (int(rng.integers(10, 99)), 6, 8), (2 * int(rng.integers(1, 99)) + 1, 3, 4)]


def draw_costs(rng):
    """Draw clouds of points, with ties in single costs, equal points and dominated ones."""
    clouds = [rng.normal(size=(int(n), int(k))) for n, k in rng.integers([9, 2], [40, 4], (12, 2))]
    ties = [rng.integers(0, 4, (30, 2)).astype(float) for _ in range(6)]
    base = float(rng.integers(1, 9))
    tied = np.array([[base, base], [base, base + 1], [base, base], [base + 2, base - 1]])
    return [(costs,) for costs in (*clouds, *ties, tied)]


def mask_of_library(args, result):
    """Compare with the library's mask."""
    return None if np.array_equal(result, pareto_mask(*args)) else "another mask"


def count_live(sizes, ops):
    """Return the bytes alive at each operator, by the library's lifetimes."""
    tensors = tuple(TensorInfo(name="", shape=(size,), dtype="INT8") for size in sizes)
    nodes = tuple(OpInfo(name="ADD", inputs=reads, outputs=(written,)) for reads, written in ops)
    graph = TensorGraph(tensors=tensors, ops=nodes, inputs=(0,), outputs=(len(sizes) - 1,))
    lives = mark_lifetimes([graph]).tensors[0]
    return sum_live_bytes(sizes, lives, len(ops))[1:]


def draw_networks(rng):
    """Draw chains, networks with a shortcut over several operators, and dead ends."""
    networks = []
    for number in range(18):
        depth = int(rng.integers(5, 12))
        sizes = tuple(int(size) for size in rng.integers(16, 4096, depth + 1))
        ops = [((step,), step + 1) for step in range(depth)]
        start = int(rng.integers(0, depth - 3))
        if number % 3 == 1:
            ops[start + 3] = ((start, start + 3), start + 4)
        if number % 3 == 2:
            ops[start + 2] = ((start + 1,), start + 3)
        networks.append((sizes, tuple(ops)))
    return networks


def draw_ranges(rng):
    """Draw ranges around, above and below zero, and some whose zero falls between two codes."""
    ranges = []
    for bits in (2, 3, 4, 8, 12, 16) * 3:
        low, high = np.sort(rng.normal(0, 10 ** rng.uniform(-2, 3), 2))
        ranges.append((float(low), float(high), bits))
    size = float(rng.uniform(0.1, 9))
    between = [(-size * part / 255, size * (255 - part) / 255, 8) for part in (30.25, 30.75, 200.7)]
    return [*ranges, *between, (size, 3 * size, 8), (-3 * size, -size, 4), (0.0, size, 6),
            (0.0, 0.0, 5)]  # fmt: skip


def draw_values(rng):
    """Draw values within and beyond the codes, for all widths, zero points and shapes."""
    draws = []
    for bits in (2, 4, 4, 8, 8, 12):
        lowest, highest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        for zero_point in (lowest, highest, int(rng.integers(lowest, highest + 1))):
            scale = float(10 ** rng.uniform(-3, 2))
            codes = rng.uniform(1.5 * lowest - zero_point, 1.5 * highest - zero_point, (6, 7))
            ends = scale * np.array([3.0 * lowest - zero_point, 3.0 * highest - zero_point, 0.7])
            draws += [(scale * codes, scale, zero_point, bits), (ends, scale, zero_point, bits)]
    return draws


def add_bounds(weights, errors):
    """Return the bounds as sums over paths, with gains from the eigenvalues of W'W."""
    gains = [float(np.sqrt(np.linalg.eigvalsh(w.T @ w)[-1])) for w in weights]
    return [
        sum(errors[j] * np.prod(gains[j + 1 : k + 1]) for j in range(k + 1))
        for k in range(len(weights))
    ]


def draw_weights(rng):
    """Draw stacks of matrices of several shapes, and stacks of single weights of both signs."""
    stacks = []
    for _ in range(10):
        widths = rng.integers(2, 7, int(rng.integers(3, 7)))
        weights = [rng.normal(size=(b, a)) for a, b in pairwise(widths)]
        singles = [np.array([[sign * rng.uniform(0.3, 2)]]) for sign in (1, -1, 1, -1)]
        for stack in (weights, singles):
            stacks.append((stack, [float(e) for e in rng.uniform(0.1, 1, len(stack))]))
    return stacks


def runtime_offsets(sizes, lives):
    """Return where the library's planner, tested against the runtime, puts the buffers."""
    return plan_greedy(list(sizes), [Lifetime(*life) for life in lives])


def draw_buffers(rng):
    """Draw buffers with short lives; equal ones, gaps that fit exactly, gaps of two sizes."""
    draws = []
    for _ in range(12):
        count = int(rng.integers(8, 24))
        first = rng.integers(0, count, count)
        last = first + rng.integers(0, 4, count)
        sizes = tuple(16 * int(size) for size in rng.integers(1, 40, count))
        draws.append((sizes, tuple((int(a), int(b)) for a, b in zip(first, last, strict=True))))
    unit = 16 * int(rng.integers(1, 50))
    exact = ((6, 4, 3, 3), ((0, 0), (0, 2), (2, 2), (1, 2)))
    gaps = ((20, 12, 11, 10, 9, 8, 3),
            ((0, 0), (0, 9), (2, 2), (2, 9), (3, 3), (3, 9), (9, 9)))  # fmt: skip
    corners = (exact, gaps, ((2, 2, 2, 2), ((0, 3), (0, 1), (1, 2), (2, 3))), ((1,), ((0, 0),)))
    return [*draws, *((tuple(unit * n for n in sizes), lives) for sizes, lives in corners)]


def time_batch(layer, batch, board):
    """Return the time in ms of the slower of the two, sample by sample."""
    compute = sum(1e3 * layer[0] / board[0] for _ in range(batch))
    memory = 1e3 * layer[1] / board[1]
    return max(compute, memory)


def name_limit(args, result):
    """Compare the name of the limit with the layer's MACs per byte beside the board's ridge."""
    (macs, weight_bytes), batch, (macs_per_s, bytes_per_s) = args
    limit = "compute" if batch * macs * bytes_per_s >= weight_bytes * macs_per_s else "memory"
    return None if result[1] == limit else "another limit"


def draw_loads(rng):
    """Draw layers and boards on both sides of the ridge, in batches that cross it, and a tie."""
    loads = []
    for _ in range(10):
        weights = int(rng.integers(1_000, 400_000))
        board = (float(rng.integers(20, 500)) * 1e6, float(rng.integers(5, 90)) * 1e6)
        ridge = board[0] / board[1]
        for reuse in (0.1 * ridge, 3.0 * ridge):
            layer = (max(1, int(reuse * weights)), weights)
            loads += [(layer, batch, board) for batch in (1, int(rng.integers(20, 90)))]
    return [*loads, ((6_000, 1_000), 1, ESP32)]


def least_time(args, result):
    """Compare the time only."""
    return close(time_batch, rtol=1e-9)(args, result[0])


def draw_logits(rng):
    """Draw pairs of networks for many samples, cool, warm and hot, some with large logits."""
    draws = []
    for temperature in (1.0, 1.0, 0.5, 2.0, 4.0, 7.0, 10.0, 1000.0, HOT):
        shape = (int(rng.integers(3, 9)), int(rng.integers(3, 7)))
        teacher, student = rng.normal(0, 3, (2, *shape))
        draws.append((teacher, student, temperature))
    return [*draws, (teacher + 5000.0, student, 3.0), (teacher, teacher.copy(), 1.0)]


def right_loss(args, result):
    """Compare with the library's loss, which can't take logits far from 0 as they are."""
    teacher, student, temperature = args
    shifted = [logits - logits.max(axis=1, keepdims=True) for logits in (teacher, student)]
    wanted = distillation_loss(*shifted, temperature=temperature)
    return None if np.isclose(result, wanted, rtol=1e-4, atol=1e-9) else "another loss"


def draw_strangers(rng):
    """Draw gestures of people whom nobody has seen."""
    gestures = draw_gestures(samples_per_class=40, people=10, seed=int(rng.integers(10_000, 2**31)))
    return [(gestures.images, gestures.labels)]


JUDGES = (
    Judge(
        task="0.1",
        draw_inputs=draw_layers,
        also={
            "whole bytes": only(lambda _, __, bits: bits == 8, equal(count_layer)),
            "packed weights": only(lambda _, __, bits: bits != 8, equal(count_layer)),
        },
        wrong=WRONG["0.1"],
    ),
    Judge(
        task="0.2",
        draw_inputs=draw_costs,
        also={
            "all costs differ": only(
                lambda costs: all(len(np.unique(c)) == len(c) for c in costs.T), mask_of_library
            ),
            "equal costs": only(
                lambda costs: any(len(np.unique(c)) < len(c) for c in costs.T), mask_of_library
            ),
        },
        wrong=WRONG["0.2"],
    ),
    Judge(
        task="0.3",
        draw_inputs=draw_networks,
        also={
            "chains": on_kind("chain", equal(count_live)),
            "shortcuts": on_kind("shortcut", equal(count_live)),
            "unread tensors": on_kind("unread", equal(count_live)),
        },
        wrong=WRONG["0.3"],
    ),
    Judge(
        task="0.4",
        draw_inputs=draw_ranges,
        wrong=WRONG["0.4"],
    ),
    Judge(
        task="0.5",
        draw_inputs=draw_values,
        wrong=WRONG["0.5"],
    ),
    Judge(
        task="0.6",
        draw_inputs=draw_weights,
        also={
            "layers of one unit": only(lambda w, _: all(m.size == 1 for m in w), close(add_bounds)),
            "layers of any shape": only(lambda w, _: any(m.size > 1 for m in w), close(add_bounds)),
        },
        wrong=WRONG["0.6"],
    ),
    Judge(
        task="0.7",
        draw_inputs=draw_buffers,
        also={"the runtime's addresses": equal(runtime_offsets)},
        wrong=WRONG["0.7"],
    ),
    Judge(
        task="0.8",
        draw_inputs=draw_loads,
        also={
            "one sample": only(lambda _, batch, __: batch == 1, least_time),
            "batches": only(lambda _, batch, __: batch > 1, least_time),
            "the limit": name_limit,
        },
        wrong=WRONG["0.8"],
    ),
    Judge(
        task="0.9",
        draw_inputs=draw_logits,
        also={
            "temperature 1": only(lambda _, __, t: t == 1.0, right_loss),
            "any temperature": right_loss,
        },
        wrong=WRONG["0.9"],
    ),
    Judge(
        task="0.10",
        draw_inputs=draw_strangers,
        wrong=WRONG["0.10"],
    ),
)
