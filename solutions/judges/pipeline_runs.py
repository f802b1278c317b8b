"""Hidden inputs and oracles of chapter 3, teachers and runs; not part of a release."""

from __future__ import annotations

import itertools
import math
import runpy
import statistics
from pathlib import Path

import numpy as np

from tinyml_course.data import DIGITS, draw_gestures
from tinyml_course.grading.judge import Judge
from tinyml_course.grading.tasks.pipeline_runs import MOVES, has_harm, reach
from tinyml_course.grading.tasks.pipeline_teachers import has_silence

WRONG = runpy.run_path(str(Path(__file__).with_name("pipeline_wrong.py")))["WRONG"]


def only(condition, test):
    """Return `test` for arguments that meet a condition; it passes all others."""
    return lambda args, result: test(args, result) if condition(args) else None


def draw_lessons(rng):
    """Draw lessons cold and hot, of labels, of the teacher and of both, with large logits too."""
    draws = []
    for temperature, hard in itertools.product((0.7, 1.0, 3.0, 10.0), (0.0, 0.1, 0.6, 1.0)):
        n, k = (int(size) for size in rng.integers([3, 3], [9, 11]))
        teacher, student = rng.normal(scale=2, size=(2, n, k))
        draws.append((teacher, student, rng.integers(0, k, n), temperature, hard))
    teacher, student, labels, *_ = draws[-1]
    return [*draws, (teacher * 2000, student * 1500, labels, 2.0, 0.2),
            (teacher - 3000, student + 4000, labels, 2.0, 0.5)]  # fmt: skip


def _lessons(args, student):
    """Return each sample's loss."""
    teacher, _, labels, temperature, hard = args
    p, q = (
        logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        for logits in (teacher / temperature, student / temperature)
    )
    own = np.logaddexp.reduce(student, axis=1) - student[np.arange(len(labels)), labels]
    soft = (np.exp(p) * (p - q)).sum(axis=1)
    return hard * own + (1 - hard) * temperature**2 * soft


def exact_loss(args, result):
    """Compare with the definition, by NumPy's logarithm of sums."""
    wanted = _lessons(args, args[1]).mean()
    return None if np.isclose(result[0], wanted, rtol=1e-8) else "another loss"


def exact_slopes(args, result):
    """Compare with difference quotients of the loss."""
    student = args[1]
    nudge = 1e-5 * max(1.0, float(np.abs(student).max()) / 100)
    for number, step in enumerate(nudge * np.eye(student.shape[1])):
        rise = _lessons(args, student + step) - _lessons(args, student - step)
        slopes = rise / (2 * nudge * len(student))
        if np.abs(slopes - result[1][:, number]).max() > 1e-5 * args[3]:
            return f"the slopes of class {number} are {slopes}"
    return None


def draw_looks(rng):
    """Draw activations of equal and other channels, with and without silent samples."""
    draws = []
    for number in range(16):
        n, height, width, a, b = (
            int(size) for size in rng.integers([2, 2, 3, 2, 3], [5, 6, 7, 5, 7])
        )
        student, teacher = (rng.normal(size=(n, height, width, c)) for c in (a, b))
        teacher *= rng.uniform(0.2, 5, (n, 1, 1, 1))
        if number % 4 == 3:
            student[0], teacher[-1] = 0.0, 0.0
        draws.append((np.maximum(student, -0.3), teacher))
    twin = draws[0][0]
    quiet = np.concatenate([np.zeros_like(twin[:1]), twin[1:]])
    return [*draws, (twin, 0.01 * twin[..., ::-1].copy()), (quiet, twin), (quiet, quiet * 7)]


def exact_look(args, result):
    """Compare with one less the cosine of the angle between two maps that are not zero."""
    gaps = []
    for student, teacher in zip(*args, strict=True):
        a, b = (np.einsum("hwc,hwc->hw", maps, maps).ravel() for maps in (student, teacher))
        sides = math.hypot(*a), math.hypot(*b)
        product = float(a @ b) / math.prod(sides) if all(sides) else 0.0
        gaps.append((sum(side > 0 for side in sides) - 2 * product) / 2)
    return None if abs(result - statistics.fmean(gaps)) < 1e-9 else "another distance"


def draw_orders(rng):
    """Draw stages of the course's own and of invented moves, some of them twice."""
    names = list(MOVES)
    draws = [(names, MOVES), (names[:2] * 2 + ["convert", "slim"], MOVES),
             (["slim", "slim", "train", "convert"], MOVES),
             (["distill", "distill", "quantize", "train", "convert"], MOVES),
             (["train", "prune", "prune", "distill", "convert"], MOVES),
             (["prune", "convert", "quantize"], MOVES)]  # fmt: skip
    for number in range(8):
        moves = {
            "start": {"network": "raw"},
            "ripen": {"raw": str(rng.choice(["raw", "ripe"])), "ripe": "ripe"},
            "rinse": {"raw": "raw", "ripe": "raw", "file": "file"},
            "store": {"ripe": "file"} | ({"raw": "file"} if number % 2 else {}),
        }
        extra = rng.choice(["ripen", "rinse", "store"], int(rng.integers(1, 3))).tolist()
        stages = ["start", "ripen", "rinse", "store", *extra]
        draws.append(([stages[i] for i in rng.permutation(len(stages))], moves))
    return draws


def exact_orders(args, result):
    """Compare with orders that are grown stage by stage."""
    stages, moves = args
    grown = {()}
    for _ in stages:
        grown = {
            (*order, stage)
            for order in grown
            for stage in stages
            if order.count(stage) < stages.count(stage) and reach((*order, stage), moves)
        }
    wanted = {order for order in grown if reach(order, moves) == "file"}
    return None if {tuple(order) for order in result} == wanted else "other orders"


def draw_runs(rng):
    """Draw runs without harm, with harm on either side of each threshold, and limits just met."""
    draws = []
    for number in range(16):
        start = tuple(int(n) for n in rng.integers([955, 20_000, 7_000], [990, 40_000, 12_000]))
        costs = (0, 1, 2, 3) if number % 2 else (8, 10, 11, 12, 20, 33)
        stages = [
            (int(rng.choice(costs)), int(rng.integers(5, 40)), int(rng.integers(0, 40)),
             bool(rng.random() < 0.7))
            for _ in range(6)
        ]  # fmt: skip
        if number % 2 == 0:
            stages[1], stages[3] = (45, 20, 30, True), (12, 12, 4, False)
            stages[4] = (30, 5, 30, bool(number % 4))
        draws.append((start, tuple(stages), tuple(_limits(start, stages, rng))))
    edge = ((0, 50, 50, True), (1, 10, 10, True), (0, 5, 5, False))
    gains = ((-5, 0, 0, False), (20, 30, 10, True), (10, 5, 0, True), (11, 10, 9, True))
    return [*draws, ((950, 10_000, 4_000), edge, (950, 5_000, 2_000)),
            ((940, 9_000, 4_000), edge, (950, 9_000, 4_000)),
            ((950, 9_000, 4_100), edge, (950, 9_000, 4_000)),
            ((950, 9_001, 4_000), edge, (950, 9_000, 4_000)),
            ((930, 9_000, 4_000), gains, (935, 9_000, 3_000)),
            ((930, 9_000, 4_000), gains * 2, (500, 100, 100)),
            ((930, 9_000, 4_000), gains[1:], (950, 9_000, 4_000)),
            ((930, 9_000, 4_000), (edge[2], *gains[1:]), (500, 9_000, 4_000))]  # fmt: skip


def _limits(start, stages, rng):
    """Return limits that three or four stages meet."""
    flash, arena = start[1:]
    for _, of_flash, of_arena, _ in stages[: int(rng.integers(2, 5))]:
        flash, arena = flash * (100 - of_flash) // 100, arena * (100 - of_arena) // 100
    return 900, int(flash * 1.3), int(arena * 1.3)


def exact_run(args, result):
    """Compare with a run whose verdicts come from ratios."""
    (accuracy, flash, arena), stages, limits = args
    words = []
    for lost, of_flash, of_arena, optional in stages:
        after = accuracy - lost, flash * (100 - of_flash) // 100, arena * (100 - of_arena) // 100
        misses = [accuracy < limits[0], flash > limits[1], arena > limits[2]]
        if optional and not any(misses):
            words.append("skipped")
        elif lost / 10 > 1 and max(of_flash, of_arena) / (lost / 10) < 10:
            words.append("rolled back")
        else:
            words.append("kept")
            accuracy, flash, arena = after
    same = result[0] == words and tuple(result[1]) == (accuracy, flash, arena)
    return None if same else "another run"


def draw_seeds(rng):
    """Draw methods that are much, hardly and not at all different, paired by hard seeds."""
    draws = []
    for number in range(18):
        n = (3, 5, 8)[number % 3]
        t = {3: 4.303, 5: 2.776, 8: 2.365}[n]
        seeds = rng.normal(0.94, 0.02, n)
        gap = (0.0, 0.012, -0.012, 0.03, -0.001, 0.004)[number % 6]
        first, second = seeds + gap + rng.normal(0, 0.002, n), seeds + rng.normal(0, 0.002, n)
        draws.append((tuple(first.tolist()), tuple(second.tolist()), t))
    noise = rng.normal(0.9, 0.03, 5).tolist()
    even = (0.5, 0.625, 0.75)
    return [*draws, (tuple(noise), tuple(noise[::-1]), 2.776), (even, even, 4.303),
            (even, tuple(value + 0.125 for value in even), 4.303)]  # fmt: skip


def exact_interval(args, result):
    """Compare with the standard library's statistics."""
    gaps = [a - b for a, b in zip(*args[:2], strict=True)]
    wanted = statistics.fmean(gaps), args[2] * statistics.stdev(gaps) / len(gaps) ** 0.5
    return None if np.allclose(result[:2], wanted, rtol=1e-9, atol=1e-12) else "another interval"


def draw_strangers(rng):
    """Draw digits of people whom nobody has seen."""
    seed = int(rng.integers(10_000, 2**31))
    gestures = draw_gestures(DIGITS, samples_per_class=20, people=20, seed=seed)
    return [(gestures.images, gestures.labels)]


JUDGES = (
    Judge(
        task="3.7",
        draw_inputs=draw_lessons,
        also={"loss": exact_loss, "gradient": exact_slopes},
        wrong=WRONG["3.7"],
    ),
    Judge(
        task="3.8",
        draw_inputs=draw_looks,
        also={
            "places": only(lambda args: not has_silence(args), exact_look),
            "silence": only(has_silence, exact_look),
        },
        wrong=WRONG["3.8"],
    ),
    Judge(
        task="3.9", draw_inputs=draw_orders, also={"orders": exact_orders}, wrong=WRONG["3.9"]
    ),
    Judge(
        task="3.10",
        draw_inputs=draw_runs,
        also={
            "gates": only(lambda args: not has_harm(args), exact_run),
            "the way back": only(has_harm, exact_run),
        },
        wrong=WRONG["3.10"],
    ),
    Judge(
        task="3.11", draw_inputs=draw_seeds, also={"interval": exact_interval}, wrong=WRONG["3.11"]
    ),
    Judge(task="3.12", draw_inputs=draw_strangers, wrong=WRONG["3.12"]),
)  # fmt: skip
