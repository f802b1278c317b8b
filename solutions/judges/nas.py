"""Hidden inputs and oracles of chapter 2; not part of a release."""

from __future__ import annotations

import runpy
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
from moocore import hypervolume

from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.data import DIGITS, draw_gestures
from tinyml_course.grading.judge import Judge
from tinyml_course.grading.tasks.nas_breeding import CHOICES, block
from tinyml_course.grading.tasks.nas_estimates import ranks_tied
from tinyml_course.grading.tasks.nas_fronts import has_ties
from tinyml_course.grading.tasks.nas_spaces import WIDTHS, keeps_room
from tinyml_course.nas.nsga2 import crowding_distance
from tinyml_course.nas.space import SearchSpace

WRONG = runpy.run_path(str(Path(__file__).with_name("nas_wrong.py")))["WRONG"]


def only(condition, test):
    """Return `test` for arguments that meet a condition; it passes all others."""
    return lambda args, result: test(args, result) if condition(args) else None


def draw_spaces(rng):
    """Draw spaces with few and many blocks, on maps with room and without, odd sides too."""
    spaces = []
    for blocks in (1, 2, 3, 6, 12, 25):
        widths = tuple(sorted(rng.choice(WIDTHS, int(rng.integers(2, 6)), replace=False).tolist()))
        channels = int(rng.choice([1, widths[0], widths[-1]]))
        room = 2 ** (blocks - 1) + int(rng.integers(1, 2**blocks))
        spaces += [(room, channels, widths, blocks), (int(rng.integers(1, 3)), 3, widths, blocks)]
    odd = 2 * int(rng.integers(1, 9)) + 1
    return [*spaces, (3, 1, (4, 8), 2), (5, 4, (4, 8), 3), (odd, 1, (4, 8), 9)]


def library_size(args, result):
    """Compare with the size of the library's space of the same choices."""
    side, channels, widths, blocks = args
    space = SearchSpace(
        classes=2, input_shape=(side, side, channels), operations=("conv",), kernels=(3,),
        widths=widths, activations=("relu",), downsampling=("none", "stride"), min_depth=blocks,
        max_depth=blocks, hidden=(0,),
    )  # fmt: skip
    return None if result == _size(space) else "another number"


_size = cache(SearchSpace.size)


def draw_block(rng, *, ops, shrink):
    """Draw a block with one of the operations, and a stride or pooling if it may shrink."""
    op = str(rng.choice(ops))
    stride, pool = ((1, 1), (2, 1), (1, 2), (3, 1), (2, 2))[int(rng.integers(5)) * shrink]
    return LayerSpec(
        op=op, filters=0 if op == "depthwise" else int(rng.integers(2, 20)),
        kernel=int(rng.choice([1, 3, 5])), stride=stride, pool=pool,
        activation=str(rng.choice(["relu", "relu6"])), skip=bool(rng.integers(2)),
    )  # fmt: skip


def draw_net(rng, ops, shrink):
    """Draw a network on an image whose sides are odd as often as not."""
    shape = tuple(int(size) for size in rng.integers([9, 9, 1], [33, 33, 4]))
    blocks = tuple(draw_block(rng, ops=ops, shrink=shrink) for _ in range(int(rng.integers(2, 5))))
    hidden = int(rng.choice([0, 16, 32]))
    return ArchSpec(
        layers=blocks, classes=int(rng.integers(2, 11)), input_shape=shape, hidden=hidden
    )


def draw_nets(rng):
    """Draw networks of convolutions, of light blocks, and of both with strides and poolings."""
    every = ("conv", "depthwise", "separable")
    kinds = ((("conv",), False), (every[1:], False), (every, True), (("conv",), True))
    return [(draw_net(rng, *kind),) for _ in range(5) for kind in kinds]


def draw_chains(rng):
    """Draw networks without skips, with skips that can't act, and with skips that do."""
    nets = []
    for number in range(10):
        op = ("conv", "separable")[number % 2]
        first = LayerSpec(op="conv", filters=int(rng.integers(3, 9)), stride=1 + number % 3 // 2)
        wide = LayerSpec(
            op=op, filters=int(rng.integers(12, 30)), skip=number % 4 > 1, pool=1 + number % 2
        )
        kept = LayerSpec(op=op, filters=first.filters, skip=True)
        after = LayerSpec(op="conv", filters=wide.filters, stride=2, skip=True)
        hidden = int(rng.choice([0, 16]))
        shape = (*rng.integers(12, 33, 2).tolist(), 2)
        last = replace(wide, skip=False)
        for layers in ((first, wide, after), (first, kept), (first, kept, kept, last)):
            acting = ArchSpec(layers=layers, classes=10, input_shape=shape, hidden=hidden)
            nets.append((acting,))
    heads = int(rng.integers(600, 900))
    return [*nets, (ArchSpec(layers=(wide,), classes=heads, input_shape=(5, 5, 1), hidden=30),)]


def draw_population(rng):
    """Draw parents of two to five blocks, some of them equally fit."""
    parents = [
        [block(*(rng.choice(values).item() for values in CHOICES.values()))
         for _ in range(int(rng.integers(2, 6)))]
        for _ in range(8)
    ]  # fmt: skip
    fitness = np.round(rng.uniform(0.5, 0.9, 8), 1)
    return parents, tuple(fitness.tolist())


def draw_pair(rng, entrants):
    """Draw the entrants of a mother's and of a father's tournament."""
    return tuple(tuple(rng.choice(8, entrants, replace=False).tolist()) for _ in range(2))


def draw_change(rng, blocks):
    """Draw one change of a child with so many blocks."""
    return int(rng.integers(blocks)), str(rng.choice(list(CHOICES))), float(rng.random())


def draw_generations(rng):
    """Draw plans of each kind; in families, the same parents have several children."""
    draws = []
    for kind in ("cross", "tournament", "change", "family") * 4:
        parents, fitness = draw_population(rng)
        plan = []
        for _ in range(1 if kind == "change" else 6):
            pair = draw_pair(rng, 4 if kind in ("tournament", "family") else 1)
            change = draw_change(rng, 2) if kind in ("change", "family") else None
            plan.append((pair, int(rng.integers(1, 3)), change))
        if kind == "family":
            plan += [(pair, 1, (0, "filters", 0.1)), (pair, 1, (1, "filters", 0.9)),
                     (pair, 1, None)]  # fmt: skip
        draws.append((parents, fitness, tuple(plan), CHOICES))
    return draws


def draw_costs(rng):
    """Draw clouds of points without ties and with ties in single costs, and equal points."""
    clouds = [rng.normal(size=(int(n), int(k))) for n, k in rng.integers([9, 2], [40, 4], (8, 2))]
    ties = [rng.integers(0, 4, (25, int(k))).astype(float) for k in rng.integers(2, 4, 6)]
    twins = np.repeat(rng.normal(size=(4, 2)), 2, axis=0)
    return [(costs,) for costs in (*clouds, *ties, twins)]


def draw_fronts(rng):
    """Draw candidates with values that are far apart, equal, or all the same."""
    distinct = [
        np.exp(rng.normal(size=(int(n), int(k))) * 2)
        for n, k in rng.integers([6, 2], [30, 5], (8, 2))
    ]
    tied = [rng.integers(0, 6, (15, 3)) * np.array([1.0, 10.0, 0.1]) for _ in range(6)]
    flat = distinct[0].copy()
    flat[:, 0] = 7.0
    shared = np.array([[1.0, 5.0], [1.0, 4.0], [1.0, 3.0], [2.0, 3.0], [2.0, 2.0]])
    return [(costs,) for costs in (*distinct, *tied, flat, shared * rng.uniform(0.5, 2))]


def library_room(args, result):
    """Compare with the library's crowding distance."""
    return None if np.allclose(result, crowding_distance(*args), rtol=1e-9) else "other distances"


def draw_volumes(rng):
    """Draw fronts and clouds with points beyond the reference, twins and dominated ones."""
    draws = []
    for number in range(16):
        k = 2 + number % 2
        costs = rng.uniform(0, 1, (int(rng.integers(6, 41)), k)) * np.array([1.0, 500.0, 20.0])[:k]
        if number % 4 > 1:
            costs = np.vstack([costs, costs[:3]])
        draws.append((costs, np.array([0.8, 420.0, 17.0])[:k] * rng.uniform(0.8, 1.2, k)))
    return draws


def exact_volume(args, result):
    """Compare with moocore's indicator."""
    wanted = hypervolume(args[0], ref=args[1])
    return None if np.isclose(result, wanted, rtol=1e-9, atol=1e-12) else "another volume"


def draw_races(rng):
    """Draw races with early leaders that lose, equal accuracies, and shares that do not divide."""
    draws = []
    for number in range(16):
        n, rungs, eta = int(rng.integers(5, 30)), int(rng.integers(2, 5)), int(rng.integers(2, 5))
        rows = np.round(rng.uniform(0.3, 0.9, (n, rungs)), 3 if number % 2 else 1)
        late = int(rng.integers(n))
        rows[late] = (0.1, *[0.99] * (rungs - 1))
        epochs = tuple(np.cumsum(rng.integers(1, 9, rungs)).tolist())
        draws.append((tuple(map(tuple, rows.tolist())), epochs, eta))
    return draws


def run_race(accuracies, epochs, eta):
    """Return winner and epochs by counting, for each network, how many are ahead of it."""
    left, spent, order = set(range(len(accuracies))), 0, []
    for rung, length in enumerate(epochs):
        spent += length * len(left)
        places = {
            i: sum((accuracies[j][rung], -j) > (accuracies[i][rung], -i) for j in left)
            for i in left
        }
        order = sorted(left, key=places.__getitem__)
        left = {i for i in left if places[i] * eta < len(left)}
    return order[0], spent


def on_part(index):
    """Return a test that compares one part of a race's result."""
    return lambda a, found: None if found[index] == run_race(*a)[index] else "another one"


def draw_slices(rng):
    """Draw shared kernels and slices of all their channels, of some, and of smaller kernels."""
    draws = []
    for number in range(18):
        side = int(rng.choice([3, 5, 7]))
        i, o = rng.integers(3, 8, 2).tolist()
        kernel = side if number % 3 == 0 else int(rng.choice(range(1, side, 2)))
        part = int(rng.integers(1, i)), int(rng.integers(1, o))
        draws.append((rng.normal(size=(side, side, i, o)), kernel, *part))
    return draws


def draw_rankings(rng):
    """Draw estimates that follow accuracies more or less, with and without ties."""
    draws = []
    for number in range(16):
        true = rng.normal(size=int(rng.integers(6, 25)))
        noisy = true + rng.normal(size=len(true)) * (0.3, 1.0, 3.0)[number % 3]
        if number % 2:
            noisy, true = np.round(noisy), np.round(1.5 * true)
        draws.append((noisy, true * (-1) ** (number // 4)))
    return [*draws, (np.zeros(5), noisy[:5]), (noisy[:5], np.zeros(5)), (np.ones(4), np.ones(4))]


def count_pairs(args, result):
    """Compare with the pairs of a ranking, counted one by one."""
    agree = first = second = 0
    for i, j in combinations(range(len(args[0])), 2):
        a, b = (float(values[i] - values[j]) for values in args)
        agree += ((a > 0) - (a < 0)) * ((b > 0) - (b < 0))
        first, second = first + (a != 0), second + (b != 0)
    wanted = agree / (first * second) ** 0.5 if first and second else 0.0
    return None if abs(result - wanted) < 1e-9 else "another tau"


def draw_choices(rng):
    """Draw choices among two to eight, cold and hot, some with logits that overflow."""
    draws = []
    for temperature in (0.05, 0.1, 0.5, 1.0, 1.0, 2.0, 5.0, 30.0) * 2:
        k = int(rng.integers(3, 9))
        prices = rng.uniform(10, 3000, k)
        draws.append((rng.normal(size=k), rng.uniform(0.02, 0.98, k), temperature, prices))
    logits, uniforms, _, prices = draws[-1]
    return [*draws, (logits + 3000, uniforms, 2.0, prices), (logits - 3000, uniforms, 2.0, prices),
            (logits, uniforms, 1e-3, prices)]  # fmt: skip


def draw_strangers(rng):
    """Draw digits of people whom nobody has seen."""
    seed = int(rng.integers(10_000, 2**31))
    gestures = draw_gestures(DIGITS, samples_per_class=20, people=20, seed=seed)
    return [(gestures.images, gestures.labels)]


JUDGES = (
    Judge(
        task="2.1",
        draw_inputs=draw_spaces,
        also={
            "maps with room": only(keeps_room, library_size),
            "single pixels": only(lambda args: not keeps_room(args), library_size),
        },
        wrong=WRONG["2.1"],
    ),
    Judge(task="2.2", draw_inputs=draw_nets, wrong=WRONG["2.2"]),
    Judge(task="2.3", draw_inputs=draw_chains, wrong=WRONG["2.3"]),
    Judge(task="2.4", draw_inputs=draw_generations, wrong=WRONG["2.4"]),
    Judge(task="2.5", draw_inputs=draw_costs, wrong=WRONG["2.5"]),
    Judge(
        task="2.6",
        draw_inputs=draw_fronts,
        also={
            "gaps": only(lambda args: not has_ties(args[0]), library_room),
            "ties": only(lambda args: has_ties(args[0]), library_room),
        },
        wrong=WRONG["2.6"],
    ),
    Judge(
        task="2.7",
        draw_inputs=draw_volumes,
        also={
            "two objectives": only(lambda args: args[0].shape[1] == 2, exact_volume),
            "three objectives": only(lambda args: args[0].shape[1] == 3, exact_volume),
        },
        wrong=WRONG["2.7"],
    ),
    Judge(
        task="2.8",
        draw_inputs=draw_races,
        also={"the winner": on_part(0), "the epochs": on_part(1)},
        wrong=WRONG["2.8"],
    ),
    Judge(task="2.9", draw_inputs=draw_slices, wrong=WRONG["2.9"]),
    Judge(
        task="2.10",
        draw_inputs=draw_rankings,
        also={
            "no ties": only(lambda args: not ranks_tied(args), count_pairs),
            "ties": only(ranks_tied, count_pairs),
        },
        wrong=WRONG["2.10"],
    ),
    Judge(task="2.11", draw_inputs=draw_choices, wrong=WRONG["2.11"]),
    Judge(task="2.12", draw_inputs=draw_strangers, wrong=WRONG["2.12"]),
)
