"""Hidden inputs and oracles of chapter 3, channels and bytes; not part of a release."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tinyml_course.grading.judge import Judge
from tinyml_course.grading.tasks.pipeline_budgets import count_bytes, is_single
from tinyml_course.grading.tasks.pipeline_channels import as_classes, kind_of_graph

WRONG = runpy.run_path(str(Path(__file__).with_name("pipeline_wrong.py")))["WRONG"]


def only(condition, test):
    """Return `test` for arguments that meet a condition; it passes all others."""
    return lambda args, result: test(args, result) if condition(args) else None


def draw_rates(rng):
    """Draw layers of unequal sides, so that no two axes can be confused."""
    draws = []
    for number in range(8):
        side, inputs, c = int(rng.choice([1, 3, 5])), int(rng.integers(2, 6)), 7 + number % 3
        shape = (1 if number == 0 else int(rng.integers(3, 9)), *rng.integers(2, 6, 2), c)
        maps, slopes = rng.normal(size=(2, *shape))
        gamma = rng.choice([-1.0, 1.0], c) * rng.uniform(0.1, 2, c)
        draws.append((rng.normal(size=(side, side, inputs, c)), gamma, maps, slopes))
    return draws


def rated(number):
    """Return a test that compares one of the three ratings with its definition."""

    def test(args, result):
        kernel, gamma, maps, slopes = args
        wanted = (
            lambda: np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), ord=1, axis=0),
            lambda: np.sqrt(gamma**2),
            lambda: np.abs(np.einsum("nhwc,nhwc->nc", maps, slopes)).sum(axis=0) / len(maps),
        )[number]()
        return None if np.allclose(result[number], wanted, rtol=1e-9) else "another rating"

    return test


class Graph:
    """A network that is drawn layer by layer."""

    def __init__(self, rng):
        self.rng, self.layers = rng, []
        self.add("image", (), int(rng.integers(1, 4)))

    def add(self, kind, sources, width):
        """Append a layer and return its name."""
        name = f"l{len(self.layers)}"
        self.layers.append((name, kind, tuple(sources), int(width)))
        return name

    def width(self, name):
        """Return the channels of a layer."""
        return next(layer[3] for layer in self.layers if layer[0] == name)

    def conv(self, source, width=None):
        """Append a convolution, and perhaps a depthwise one behind it."""
        name = self.add("conv", (source,), width or self.rng.integers(2, 5))
        if self.rng.random() < 0.4:
            name = self.add("depthwise", (name,), self.width(name))
        return name

    def finish(self, source):
        """Append the last convolution and the output, and return the arguments."""
        last = self.add("conv", (source,), 3)
        self.add("output", (last,), 3)
        return (tuple(self.layers),)


def draw_graphs(rng):
    """Draw chains, residual networks, concatenations, and sums with the image or the output."""
    draws = []
    for number in range(3):
        graph = Graph(rng)
        name = graph.conv("l0")
        draws.append(graph.finish(graph.conv(graph.conv(name))))
        draws.append(_draw_residual(rng, blocks=2 + number % 3))
        draws.append(_draw_dense(rng, whole=number % 2 == 0))
        draws.append(_draw_shared_ends(rng))
    return draws


def _draw_residual(rng, blocks):
    """Draw sums that share a term, so that whole chains of convolutions are tied."""
    graph = Graph(rng)
    trunk = graph.conv("l0")
    for number in range(blocks):
        inner = graph.conv(graph.conv(trunk), graph.width(trunk))
        terms = (trunk, inner) if number % 2 else (inner, trunk)
        trunk = graph.add("add", terms, graph.width(trunk))
    left, right, third = (graph.conv(trunk, 3) for _ in range(3))
    sums = [graph.add("add", (term, right), 3) for term in (left, third)]
    ends = tuple(graph.conv(source, 4) for source in (*sums, right))
    return graph.finish(graph.add("add", ends, 4))


def _draw_dense(rng, whole):
    """Draw a sum whose terms are put together of others, and a concatenation behind it."""
    graph = Graph(rng)
    first, second = graph.conv("l0", 2), graph.conv("l0", 3)
    joined = graph.add("concat", (second, first), 5)
    other = graph.conv(joined, 5) if whole else graph.add(
        "concat", (graph.conv(joined, 4), graph.conv(first, 1)), 5)  # fmt: skip
    total = graph.add("add", (other, joined), 5)
    return graph.finish(graph.add("concat", (total, first), 7))


def _draw_shared_ends(rng):
    """Draw a sum with the image, and one whose result is the output."""
    graph = Graph(rng)
    held = graph.add("add", (graph.conv("l0", graph.width("l0")), "l0"), graph.width("l0"))
    free = graph.conv(held)
    first = graph.conv(free, 3)
    second = graph.conv(first, 3)
    graph.add("output", (graph.add("add", (first, second), 3),), 3)
    return (tuple(graph.layers),)


def library_ties(args, result):
    """Compare with the connected components of SciPy."""
    carried, makers, ties = {}, [], []
    image = output = None
    for name, kind, sources, width in args[0]:
        arriving = [carried[source] for source in sources]
        channels = np.concatenate(arriving) if kind == "concat" else (arriving or [None])[0]
        if kind in ("image", "conv"):
            channels = np.arange(len(makers), len(makers) + width)
            makers += [(name, number) for number in range(width)]
            image = channels if kind == "image" else image
        if kind == "add":
            ties += [(a, b) for part in arriving[1:] for a, b in zip(channels, part, strict=True)]
        output = channels
        carried[name] = channels
    rows, columns = np.array(ties, int).reshape(-1, 2).T
    links = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(makers),) * 2)
    labels = connected_components(links, directed=False)[1]
    stuck = {*labels[image], *labels[output]}
    sets = {
        frozenset(makers[i] for i in np.flatnonzero(labels == label))
        for label in {*labels} - stuck
    }  # fmt: skip
    return None if as_classes(result) == sets and len(result) == len(sets) else "other sets"


def on_graphs(kind):
    """Return the exact test for one kind of network."""
    return only(lambda args: kind_of_graph(args[0]) == kind, library_ties)


def draw_removals(rng):
    """Draw two layers with a mask that keeps some channels and drops others."""
    draws = []
    for number in range(10):
        c, o, inputs = (int(n) for n in rng.integers([4, 2, 1], [9, 5, 4]))
        first = rng.normal(size=(*[int(rng.choice([1, 3]))] * 2, inputs, c)), rng.normal(size=c)
        norm = (*rng.normal(size=(3, c)), rng.uniform(0.2, 3, c))
        side = int(rng.choice([1, 3]))
        shape = (int(rng.integers(2, 6)) * c, o) if number % 2 else (side, side, c, o)
        kept = rng.random(c) < 0.5
        kept[rng.permutation(c)[:2]] = True, False
        draws.append((first, norm, rng.normal(size=shape), kept))
    return draws


def draw_constants(rng):
    """Draw readers of live, constant, silent and unread channels, padded and not."""
    draws = []
    for number in range(10):
        rows, columns = ((1, 1), (3, 3), (1, 3), (3, 1), (5, 5))[number % 5]
        o = int(rng.integers(2, 5))
        gamma = np.array([0.0, 0.0, 0.0, 0.0, 1.0, -0.8, 1.2, 0.6]) * rng.uniform(0.5, 2, 8)
        beta = np.array([1.5, -1.0, 1.0, -0.7, 0.5, -0.5, 1.0, 0.3]) * rng.uniform(0.5, 2, 8)
        order = rng.permutation(8)
        kernel = rng.normal(size=(rows, columns, 8, o))
        kernel[:, :, 6] = 0.0
        kernel[:, :, 2] *= number % 3 > 0
        padding = ("same", "valid")[number // 5 % 2]
        draws.append((gamma[order], beta[order], kernel[:, :, order], rng.normal(size=o), padding))
    return draws


def draw_budgets(rng):
    """Draw chains of one to four convolutions, with budgets from tight to ample."""
    draws = []
    for number in range(16):
        layers = 1 + number % 4
        scores = tuple(rng.permutation(20)[: rng.integers(4, 13)] + 1.0 + rng.random() / 2
                       for _ in range(layers))  # fmt: skip
        classes = int(rng.integers(2, 12))
        most = count_bytes([len(score) for score in scores], classes)
        least = count_bytes([1] * layers, classes)
        share = (0.03, 0.2, 0.45, 0.75)[number // 4 % 4]
        draws.append((scores, classes, int(least + share * (most - least))))
    rising = tuple(np.arange(1.0, 9.0) for _ in range(3))
    most = count_bytes([8] * 3, 4)
    return [*draws, (rising, 4, most), (rising, 4, most - 1), (rising, 4, most // 4),
            (tuple(np.ones(1) for _ in range(2)), 3, 100)]  # fmt: skip


def greedy(args, result):
    """Compare with removals whose prices are counted from the definition."""
    scores, classes, budget = args
    left = [set(range(len(score))) for score in scores]
    total = count_bytes([*map(len, left)], classes)
    while total > budget:
        prices = {}
        for number, (rest, score) in enumerate(zip(left, scores, strict=True)):
            if len(rest) > 1:
                sizes = [len(other) - (other is rest) for other in left]
                weakest = min(rest, key=score.__getitem__)
                saved = total - count_bytes(sizes, classes)
                prices.setdefault(float(score[weakest]) / saved, (number, weakest))
        number, weakest = prices[min(prices)]
        left[number].remove(weakest)
        total = count_bytes([*map(len, left)], classes)
    return None if result == [sorted(rest) for rest in left] else "other channels"


def draw_codes(rng):
    """Draw codes with ties, zeros and -128, on either side of 256 and of whole bytes."""
    draws = []
    for number, n in enumerate((9, 30, 100, 255, 256, 257, 301, 999)):
        codes = np.clip(np.round(rng.laplace(scale=12, size=n)), -128, 127).astype(np.int8)
        codes[:3] = rng.permutation([-128, 0, 127])
        zeros = int(n * (0.2, 0.5, 0.8)[number % 3])
        draws.append((rng.permutation(codes), zeros))
    many = np.where(rng.random(50) < 0.6, 0, rng.integers(1, 9, 50)).astype(np.int8)
    even = np.resize(np.array([1, -1, 2], np.int8), 60)
    return [*draws, (many, 3), (even, 25), (even, 60), (even, 0)]


def exact_codes(args, result):
    """Compare with codes that are zeroed one by one."""
    codes, zeros = args
    wanted = codes.tolist()
    ranked = sorted(range(len(wanted)), key=lambda place: (abs(wanted[place]), place))
    for place in ranked[:zeros]:
        wanted[place] = 0
    return None if result[0].tolist() == wanted else "other codes"


def exact_files(args, result):
    """Compare with the bytes that the three files have once they are written."""
    del args
    codes = result[0]
    rest = codes[codes != 0]
    width = np.uint8 if len(codes) <= 256 else np.uint16
    dense, values, places = codes.tobytes(), rest.tobytes(), np.flatnonzero(codes).astype(width)
    bitmap = np.packbits(codes != 0).tobytes() + values
    wanted = (len(dense), len(bitmap), len(values + places.tobytes()))
    return None if tuple(result[1]) == wanted else f"the files have {wanted} B"


JUDGES = (
    Judge(
        task="3.1",
        draw_inputs=draw_rates,
        also={"L1 norms": rated(0), "scales": rated(1), "estimates": rated(2)},
        wrong=WRONG["3.1"],
    ),
    Judge(
        task="3.2",
        draw_inputs=draw_graphs,
        also={kind: on_graphs(kind) for kind in ("chains", "sums", "concatenations")},
        wrong=WRONG["3.2"],
    ),
    Judge(task="3.3", draw_inputs=draw_removals, wrong=WRONG["3.3"]),
    Judge(task="3.4", draw_inputs=draw_constants, wrong=WRONG["3.4"]),
    Judge(
        task="3.5",
        draw_inputs=draw_budgets,
        also={
            "one layer": only(is_single, greedy),
            "several layers": only(lambda args: not is_single(args), greedy),
        },
        wrong=WRONG["3.5"],
    ),
    Judge(
        task="3.6",
        draw_inputs=draw_codes,
        also={"the weakest go": exact_codes, "three files": exact_files},
        wrong=WRONG["3.6"],
    ),
)
