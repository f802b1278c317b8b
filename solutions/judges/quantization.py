"""Hidden inputs and oracles of chapter 1; not part of a release."""

from __future__ import annotations

import math
import runpy
from fractions import Fraction
from pathlib import Path

import numpy as np

from tinyml_course.core.types import QParams
from tinyml_course.data import DIGITS, draw_gestures
from tinyml_course.device.int4 import pack_codes
from tinyml_course.grading.judge import Judge
from tinyml_course.grading.tasks.quantization_codes import kind_of_layer, scaled_sums
from tinyml_course.grading.tasks.quantization_plans import WIDTHS, plan_cost
from tinyml_course.grading.tasks.quantization_training import saturates
from tinyml_course.quantization.affine import choose_channel_qparams
from tinyml_course.quantization.allocation import BitOption, LayerOptions, allocate_bits
from tinyml_course.quantization.observers import mean_squared_error
from tinyml_course.quantization.schedule import ByPlateau
from tinyml_course.quantization.ste import lsq_gradients, ste_gradient

WRONG = runpy.run_path(str(Path(__file__).with_name("quantization_wrong.py")))["WRONG"]


def close(expected, *, rtol=1e-6):
    """Return a test that a result is near what `expected` gives for the arguments."""

    def test(args, result):
        wanted = expected(*args)
        return None if np.allclose(result, wanted, rtol=rtol, atol=1e-9) else "another result"

    return test


def only(condition, test):
    """Return `test` for arguments that meet a condition; it passes all others."""
    return lambda args, result: test(args, result) if condition(args) else None


def draw_layers(rng):
    """Draw weights of dense layers and filters of many sizes, some with an empty channel."""
    draws = []
    for bits in (2, 3, 4, 6, 8, 8) * 3:
        shape = tuple(rng.integers(2, 6, int(rng.integers(2, 5))).tolist())
        w = rng.normal(size=shape) * 10 ** rng.uniform(-3, 1, shape[-1])
        draws.append((w, bits))
    holes = [(w * (np.arange(w.shape[-1]) != 1), bits) for w, bits in draws[:4]]
    return [*draws, *holes, (-np.abs(w), bits)]


def library_scales(w, bits):
    """Return the library's scales; it has none for channels of zeros."""
    found = choose_channel_qparams(w, axis=w.ndim - 1, bits=bits)
    return [q.scale for q in found.channels]


def draw_passes(rng):
    """Draw values around both ends of the reach, within half a step beyond them too."""
    draws = []
    for bits in (2, 4, 4, 8, 8):
        lowest, highest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        for zero_point in (0, lowest, highest, int(rng.integers(lowest, highest) or 1)):
            scale = float(10 ** rng.uniform(-3, 2))
            inner = rng.uniform(lowest, highest, 20)
            near = [*(lowest - rng.uniform(0.05, 0.45, 4)), *(highest + rng.uniform(0.05, 0.45, 4))]
            far = [lowest - 3.7, highest + 3.7]
            x = scale * (np.concatenate([inner, near, far]) - zero_point).reshape(5, 6)
            draws.append((x, scale, zero_point, bits, rng.normal(1.0, 1.0, (5, 6))))
    return draws


def library_pass(x, scale, zero_point, bits, upstream):
    """Return the library's straight-through gradient."""
    return ste_gradient(x, QParams(scale, zero_point, bits), upstream)


def draw_steps(rng):
    """Draw weights within reach, and beyond it on both sides; none on a kink or near a tie."""
    draws = []
    for number in range(20):
        bits = int(rng.choice([2, 3, 4, 6]))
        n = 2 ** (bits - 1) - 1
        shape = (int(rng.integers(3, 6)), int(rng.integers(3, 6)))
        codes = rng.integers(-n + 1, n, shape) if n > 1 else np.zeros(shape)
        v = codes + rng.uniform(0.02, 0.45, shape) * rng.choice([-1, 1], shape)
        if number % 2:
            v[0, :2] = -n - rng.uniform(1.2, 4), n + rng.uniform(1.2, 4)
            v[1, :2] = -n - rng.uniform(0.2, 4), n * 1.5
        scale = float(10 ** rng.uniform(-2, 1))
        draws.append(
            (scale * v, scale, bits, rng.uniform(0.2, 2, shape) * rng.choice([-1, 1], shape))
        )
    return draws


def library_step(w, scale, bits, upstream):
    """Return the library's gradient by the step."""
    return lsq_gradients(w, scale, upstream, bits=bits)[1]


def draw_norms(rng):
    """Draw convolutions of many shapes with statistics that keep epsilon visible."""
    draws = []
    for _ in range(12):
        h, w, i = rng.integers(1, 4, 3).tolist()
        c = int(rng.integers(5, 8))
        norm = (
            rng.normal(1, 1, c),
            rng.normal(size=c),
            rng.normal(1, 1, c),
            rng.uniform(0.01, 2, c),
        )
        draws.append(
            (
                rng.normal(size=(h, w, i, c)),
                rng.normal(size=c),
                (*norm, float(rng.uniform(1e-3, 0.1))),
            )
        )
    return draws


def draw_ranges(rng):
    """Draw values with and without outliers, in one tail or both, and limits in any order."""
    draws = []
    for number in range(18):
        bits = int(rng.choice([2, 3, 4, 6]))
        x = rng.normal(size=120) * 10 ** rng.uniform(-2, 2)
        if number % 3:
            x[: number % 3] *= (-1) ** number * 8.0
        top = float(np.abs(x).max())
        limits = top * rng.permutation(np.linspace(0.12, 1.0, 9))
        draws.append((x, bits, tuple(limits.tolist())))
    return draws


def library_limit(args, result):
    """Compare both parts of the result with the library's errors."""
    x, bits, limits = args
    n = 2 ** (bits - 1) - 1
    errors = [mean_squared_error(x, QParams(limit / n, 0, bits, True)) for limit in limits]
    own = errors[limits.index(result[0])]
    right = own <= min(errors) * (1 + 1e-6) and np.isclose(result[1], own, rtol=1e-5)
    return None if right else "another pair"


def draw_histories(rng):
    """Draw losses that fall, stall and rise, with equal ones among them."""
    draws = []
    for number in range(24):
        widths = ((32, 8, 4), (32, 16, 8, 6, 4), (8, 4))[number % 3]
        losses = 1.0 / (1 + np.arange(int(rng.integers(5, 30)))) + rng.normal(0, 0.1, 1)
        losses = np.round(losses + rng.normal(0, 0.08, len(losses)), 2)
        draws.append((tuple(losses.tolist()), widths, int(rng.integers(1, 4))))
    base = round(float(rng.uniform(0.3, 0.9)), 2)
    spaced = (base, base + 1, base - 0.1, base, base - 0.2, base)
    rebound = (base, base + 1, base + 1, base + 0.5, base + 0.4, base + 0.3)
    stalls = (base,) * 40
    return [*draws, (spaced, (32, 8, 4), 2), (rebound, (32, 8, 4), 2), (stalls, (32, 8, 4), 3)]


def library_width(args, result):
    """Compare with the library's schedule."""
    losses, widths, patience = args
    plan = ByPlateau(patience=patience, min_drop=0.0, widths=widths)
    return None if result == plan.width(losses) else "another width"


def draw_codes(rng):
    """Draw codes of many shapes, with even and odd counts."""
    shapes = [(40,), (41,), (3, 5), (4, 5), (3, 3, 1, 5), (2, 3, 7), (1,), (2,), (8, 9), (7, 9)]
    return [(rng.integers(-8, 8, shape).astype(np.int8),) for shape in shapes]


def library_bytes(args, result):
    """Compare with what the library packs."""
    return None if result.tobytes() == pack_codes(args[0]) else "other bytes"


def draw_factors(rng):
    """Draw factors over many powers of two, and some that round up to one."""
    ordinary = 2.0 ** rng.uniform(-20, 8, 24)
    up = [math.ldexp(1.0 - 2.0**-33, int(k)) for k in rng.integers(-12, 6, 3)]
    exact = math.ldexp(1.0, int(rng.integers(-9, 9)))
    return [(float(f),) for f in (*ordinary, *up, exact, 0.0)]


def search_factor(args, result):
    """Compare with the nearest of the candidates around each power of two."""
    (factor,) = args
    if factor == 0:
        return None if tuple(result) == (0, 0) else "another pair"
    gap = min(
        abs(Fraction(factor) - m * Fraction(2) ** (shift - 31))
        for shift in range(-24, 12)
        for m in (
            min(
                max(math.floor(Fraction(factor) / Fraction(2) ** (shift - 31)) + up, 2**30),
                2**31 - 1,
            )
            for up in (0, 1)
        )
    )
    own = abs(Fraction(factor) - result[0] * Fraction(2) ** (result[1] - 31))
    return None if own == gap else "a nearer pair exists"


def draw_dense(rng):
    """Draw layers without and with zero points, with ties, and with outputs beyond int8."""
    draws = []
    for number in range(24):
        n, i, o = (int(v) for v in (rng.integers(3, 6), rng.integers(8, 40), rng.integers(3, 7)))
        x = rng.integers(-128, 128, (n, i)).astype(np.int8)
        w = rng.integers(-127, 128, (o, i)).astype(np.int8)
        bias = rng.integers(1000, 20000, o) * rng.choice([-1, 1], o)
        zeros = (
            (0, 0) if number % 3 == 0 else (int(rng.integers(-90, -20)), int(rng.integers(3, 30)))
        )
        peak = 127 * 250 * i if number % 3 == 1 else 127 * 128 * i
        largest = float(rng.uniform(80, 95)) if number % 3 < 2 else 4000.0
        factors = largest / (peak + 20000) * rng.uniform(0.7, 1.0, o)
        mantissas, shifts = np.frexp(factors)
        shifts[0], shifts[1] = shifts.min() - 1, shifts.max()
        scaling = (np.round(mantissas * 2**31).astype(np.int64), shifts.astype(np.int64))
        draws.append((x, w, bias.astype(np.int32), zeros, scaling))
    x = rng.integers(-20, 20, (6, 2)).astype(np.int8)
    w = np.array([[1, 0], [0, 1], [1, 1]], np.int8)
    x[:4, 0] = (1, 5, -3, -7)
    scaling = (np.full(3, 2**30), np.zeros(3, np.int64))
    bias = np.zeros(3, np.int32)
    return [*draws, (x, w, bias, (0, 0), scaling), (x, w, bias, (-4, 4), scaling)]


def exact_dense(args, result):
    """Compare with codes from fractions, halves going up."""
    rows, drops = scaled_sums(args)
    wanted = [
        [
            min(max(math.floor(Fraction(v, 2**drop) + Fraction(1, 2)) + args[3][1], -128), 127)
            for v, drop in zip(row, drops, strict=True)
        ]
        for row in rows
    ]
    return None if result.tolist() == wanted else "other codes"


def draw_budgets(rng):
    """Draw networks of two to seven layers with budgets from tight to wide, some met exactly."""
    draws = []
    for number in range(16):
        layers = 2 + number % 6
        weights = tuple(int(n) for n in rng.integers(5, 900, layers) | 1)
        steps = np.round(rng.uniform(0.1, 5, (layers, 3)), 2)
        steps[:, 0] = 0.0
        damages = tuple(tuple(float(d) for d in row) for row in np.cumsum(steps, axis=1))
        sizes = [[(n * bits + 7) // 8 for bits in WIDTHS] for n in weights]
        budget = sum(int(rng.choice(row)) for row in sizes)
        draws.append((weights, damages, budget))
    return [*draws, (weights, damages, sum(row[-1] for row in sizes))]


def library_plan(args, result):
    """Compare with the library's allocation in damage and bytes."""
    weights, damages, budget = args
    layers = [
        LayerOptions(
            name=str(number),
            options=tuple(
                BitOption(bits, (n * bits + 7) // 8, damage)
                for bits, damage in zip(WIDTHS, row, strict=True)
            ),
        )
        for number, (n, row) in enumerate(zip(weights, damages, strict=True))
    ]
    best = plan_cost(args, allocate_bits(layers, budget).bits)
    found = plan_cost(args, result)
    even = abs(found[0] - best[0]) < 1e-9 and found[1] <= budget
    return None if even and found[1] <= best[1] else "another plan"


def draw_strangers(rng):
    """Draw digits of people whom nobody has seen."""
    seed = int(rng.integers(10_000, 2**31))
    gestures = draw_gestures(DIGITS, samples_per_class=40, people=20, seed=seed)
    return [(gestures.images, gestures.labels)]


JUDGES = (
    Judge(
        task="1.1",
        draw_inputs=draw_layers,
        also={
            "outermost code": only(
                lambda a: a[0].reshape(-1, a[0].shape[-1]).any(axis=0).all(), close(library_scales)
            )
        },
        wrong=WRONG["1.1"],
    ),
    Judge(
        task="1.2",
        draw_inputs=draw_passes,
        also={
            "zero point 0": only(lambda a: a[2] == 0, close(library_pass)),
            "other zero points": only(lambda a: a[2] != 0, close(library_pass)),
        },
        wrong=WRONG["1.2"],
    ),
    Judge(
        task="1.3",
        draw_inputs=draw_steps,
        also={
            "nothing saturates": only(lambda a: not saturates(a), close(library_step)),
            "some saturate": only(saturates, close(library_step)),
        },
        wrong=WRONG["1.3"],
    ),
    Judge(task="1.4", draw_inputs=draw_norms, wrong=WRONG["1.4"]),
    Judge(
        task="1.5",
        draw_inputs=draw_ranges,
        also={"the limit": library_limit},
        wrong=WRONG["1.5"],
    ),
    Judge(
        task="1.6",
        draw_inputs=draw_histories,
        also={"any history": library_width},
        wrong=WRONG["1.6"],
    ),
    Judge(
        task="1.7",
        draw_inputs=draw_codes,
        also={
            "even counts": only(lambda a: a[0].size % 2 == 0, library_bytes),
            "odd counts": only(lambda a: a[0].size % 2 == 1, library_bytes),
        },
        wrong=WRONG["1.7"],
    ),
    Judge(
        task="1.8",
        draw_inputs=draw_factors,
        also={"corners": search_factor},
        wrong=WRONG["1.8"],
    ),
    Judge(
        task="1.9",
        draw_inputs=draw_dense,
        also={
            "zero points 0": only(lambda a: kind_of_layer(a) == "centred", exact_dense),
            "any zero points": only(lambda a: kind_of_layer(a) == "shifted", exact_dense),
            "the rails": only(lambda a: kind_of_layer(a) == "rails", exact_dense),
        },
        wrong=WRONG["1.9"],
    ),
    Judge(
        task="1.10",
        draw_inputs=draw_budgets,
        also={"best of all": library_plan},
        wrong=WRONG["1.10"],
    ),
    Judge(task="1.11", draw_inputs=draw_strangers, wrong=WRONG["1.11"]),
)
