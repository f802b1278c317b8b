"""Mistakes that learners make in chapter 2, each with its score; not part of a release.

Most are the solution with one piece of it changed, so that they follow it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from tinyml_course.grading.judge import WrongAnswer
from tinyml_course.grading.mistakes import Mistakes, with_last_weights

CHAPTER = Mistakes(Path(__file__).parents[1] / "02_nas.ipynb")
mistake, instead = CHAPTER.mistake, CHAPTER.instead
product = partial(CHAPTER.product, "2.12.tflite")

PEELED = """\
def above(j, i):
    return (costs[j] <= costs[i]).all() and (j < i or (costs[j] < costs[i]).any())
ranks, left, rank = np.zeros(len(costs), int), list(range(len(costs))), 0
while left:
    front = [i for i in left if not any(above(j, i) for j in left)]
    ranks[front], left, rank = rank, [i for i in left if i not in front], rank + 1
return ranks"""

FLAT_ENDS = """\
room = np.zeros(len(costs))
for column in costs.T:
    order = np.argsort(column, kind="stable")
    room[order[[0, -1]]] = np.inf
    room[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / (np.ptp(column) or 1.0)
return room"""

WRONG = {
    "2.1": (
        instead("2.1", "the product of the choices", 0, "return (4 * len(widths)) ** blocks"),
        mistake("2.1", "every skip acts", 0, ("(new, width) == (size, depth)", "new == size")),
        mistake("2.1", "no skip acts", 0, ("2 if (new, width) == (size, depth) else 1", "1")),
        mistake("2.1", "strides act on a pixel", 5, ("{size, -(-size // 2)}",
                                                    "[size, -(-size // 2)]")),
        mistake("2.1", "rounds sides down", 2, ("-(-size // 2)", "max(size // 2, 1)")),
        mistake("2.1", "forgets the image's channels", 2, ("{(side, channels): 1}",
                                                          "{(side, widths[0]): 1}")),
        mistake("2.1", "counts in floats", 2, ("return sum(ways.values())",
                                              "return int(sum(map(float, ways.values())))")),
        mistake("2.1", "one block more", 0, ("range(blocks)", "range(blocks + 1)")),
    ),
    "2.2": (
        mistake("2.2", "depthwise steps cost nothing", 4, (
            "steps.append((h * w, taps, channels))", "pass")),
        mistake("2.2", "separable is a full convolution", 4, ("            taps = 1", "")),
        mistake("2.2", "forgets biases", 0, ("(weights + 1)", "weights")),
        mistake("2.2", "biases multiply", 0, ("places * weights", "places * (weights + 1)")),
        mistake("2.2", "forgets strides", 6, ("h, w, taps = -(-h // block.stride), "
                                             "-(-w // block.stride), ", "h, w, taps = h, w, ")),
        mistake("2.2", "pools before the convolution", 6, (".stride), -(-w // block.stride)",
                                          ".stride // block.pool), -(-w // block.stride)")),
        mistake("2.2", "rounds sides down", 6, ("-(-h // block.pool), -(-w // block.pool)",
                                               "h // block.pool, w // block.pool")),
        mistake("2.2", "forgets the hidden layer", 2, ("filter(None, (spec.hidden, spec.classes))",
                                                      "(spec.classes,)")),
        mistake("2.2", "forgets places", 0, ("places * weights", "weights")),
        instead(
            "2.2",
            "takes the library's",
            0,
            "from tinyml_course.cost.estimate import estimate_cost\n"
            "from tinyml_course.cost.graph import arch_graph\n"
            "cost = estimate_cost(arch_graph(spec))\n"
            "return cost.parameters, cost.macs",
        ),
    ),
    "2.3": (
        mistake("2.3", "a skip costs nothing", 4, ("peak = max(peak, 3 * last)", "pass")),
        mistake("2.3", "believes every skip", 6, (
            "if block.layer.skip", "if spec.layers[place_blocks(spec).index(block)].skip")),
        mistake("2.3", "forgets the depthwise step", 6, ('== "separable"', '== "none"')),
        mistake("2.3", "forgets poolings", 2, ("block.layer.pool > 1", "False")),
        mistake("2.3", "pools at once", 2, ("[math.prod(block.inner_shape)]",
                                           "[math.prod(block.output_shape)]")),
        mistake("2.3", "one tensor at a time", 2, (
            "for size in sizes:\n            peak, last = max(peak, last + size), size",
            "for size in sizes:\n            peak, last = max(peak, size), size",
        )),
        mistake("2.3", "floats", 0, ("return peak", "return 4 * peak")),
        mistake("2.3", "forgets the head", 6, ("(channels, *filter(None, (spec.hidden,)), "
                                              "spec.classes, spec.classes)", "()")),
        mistake("2.3", "a network of images, as the tutorial has it", 0, (
            "    return peak", "    return 2 * math.prod(spec.input_shape)")),
        instead(
            "2.3",
            "takes the library's",
            0,
            "from tinyml_course.cost.estimate import estimate_cost\n"
            "from tinyml_course.cost.graph import arch_graph\n"
            "return estimate_cost(arch_graph(spec)).activation_bytes",
        ),
    ),
    "2.4": (
        mistake("2.4", "changes the parents' own blocks", 9, ("[dict(block) for", "[block for")),
        mistake("2.4", "the least fit wins", 5, ("max(entrants", "min(entrants")),
        mistake("2.4", "the first entrant wins", 5, ("max(entrants, key=lambda i: fitness[i])",
                                                    "entrants[0]")),
        mistake("2.4", "of equal ones the last wins", 7, (
            "max(entrants,", "max(reversed(entrants),")),
        mistake("2.4", "the present value may be drawn", 5, (
            " if value != child[place][key]", "")),
        mistake("2.4", "draws the first value", 5, ("int(draw * len(others))", "0")),
        mistake("2.4", "parents change places", 0, ("(*mother[:cut], *father[cut:])",
                                                   "(*father[:cut], *mother[cut:])")),
        mistake("2.4", "one block too many", 0, ("*father[cut:]", "*father")),
        mistake("2.4", "never changes anything", 5, ("if change is not None", "if False")),
    ),
    "2.5": (
        mistake("2.5", "counts from one", 0, ("bool), 0", "bool), 1")),
        instead("2.5", "number of those above", 0,
                "no_worse = (costs[:, None] <= costs).all(axis=2)\n"
                "return (no_worse & (costs[:, None] < costs).any(axis=2)).sum(axis=0)"),
        instead("2.5", "first front or not", 0,
                "no_worse = (costs[:, None] <= costs).all(axis=2)\n"
                "return (no_worse & (costs[:, None] < costs).any(axis=2)).any(axis=0).astype(int)"),
        mistake("2.5", "better in every cost", 5, (
            "no_worse & (costs[:, None] < costs).any(axis=2)",
            "(costs[:, None] < costs).all(axis=2)")),
        mistake("2.5", "turned round", 0, ("(costs[:, None] <= costs)",
                                          "(costs[:, None] >= costs)")),
        instead("2.5", "by the sum", 0,
                "return np.unique(costs.sum(axis=1), return_inverse=True)[1]"),
        instead("2.5", "of equal rows the first is better", 5, PEELED),
    ),
    "2.6": (
        mistake("2.6", "no infinity at the ends", 0, ("= np.inf", "+= 1.0")),
        mistake("2.6", "gaps in raw units", 0, (" / np.ptp(values)", "")),
        mistake("2.6", "divides by a range of zero", 0, ("if np.ptp(values) > 0", "if True")),
        instead("2.6", "ends of flat objectives too", 6, FLAT_ENDS),
        mistake("2.6", "only the gap above", 0, ("values[queue[:-2]]", "values[queue[1:-1]]")),
        mistake("2.6", "the mean of the objectives", 0, (
            "return room", "return room / costs.shape[1]")),
        mistake("2.6", "equal values backwards", 6, (
            'np.argsort(values, kind="stable")',
            'len(values) - 1 - np.argsort(values[::-1], kind="stable")')),
        mistake("2.6", "in the order of the first objective", 0, (
            'np.argsort(values, kind="stable")', 'np.argsort(costs[:, 0], kind="stable")')),
    ),
    "2.7": (
        instead("2.7", "adds the boxes up", 0,
                "return float((np.maximum(reference - costs, 0)).prod(axis=1).sum())"),
        instead("2.7", "the largest box", 0,
                "return float((np.maximum(reference - costs, 0)).prod(axis=1).max())"),
        mistake("2.7", "counts beyond the reference", 2, ("costs[(costs < reference).all(axis=1)]",
                                                         "costs")),
        mistake("2.7", "better in some objective is enough", 2, ("all(axis=1)", "any(axis=1)")),
        instead(
            "2.7",
            "throws darts",
            0,
            "rng, low = np.random.default_rng(0), np.minimum(costs.min(axis=0), reference)\n"
            "darts = rng.uniform(low, reference, (2_000, len(reference)))\n"
            "hit = (darts[:, None] >= costs).all(axis=2).any(axis=1)\n"
            "return float(hit.mean() * (reference - low).prod())",
        ),
        instead(
            "2.7",
            "the area under two objectives only",
            5,
            "inside = costs[(costs < reference).all(axis=1)]\n"
            "area, ceiling = 0.0, reference[1]\n"
            "for point in inside[np.lexsort((inside[:, 1], inside[:, 0]))]:\n"
            "    area += (reference[0] - point[0]) * max(ceiling - point[1], 0)\n"
            "    ceiling = min(ceiling, point[1])\n"
            "return float(area)",
        ),
        instead(
            "2.7",
            "takes the library's",
            0,
            "from tinyml_course.nas.pareto import hypervolume_2d\n"
            "return hypervolume_2d(costs, reference)",
        ),
    ),
    "2.8": (
        mistake("2.8", "looks at the full training", 2, ("accuracies[i][rung], i)",
                                                        "accuracies[i][-1], i)")),
        mistake("2.8", "rounds down", 0, ("-(-len(left) // eta)", "len(left) // eta")),
        mistake("2.8", "rounds down, keeps one", 0, ("-(-len(left) // eta)",
                                                    "max(1, len(left) // eta)")),
        mistake("2.8", "goes on instead of afresh", 2, ("len(left) * length",
                                    "len(left) * (length - (epochs[rung - 1] if rung else 0))")),
        mistake("2.8", "trains everybody", 2, ("len(left) * length", "len(accuracies) * length")),
        mistake("2.8", "the last of equal ones", 4, ("(-accuracies[i][rung], i)",
                                                    "(-accuracies[i][rung], -i)")),
        mistake("2.8", "the least accurate go on", 2, ("(-accuracies", "(accuracies")),
        mistake("2.8", "the winner of the first rung", 2, ("return ranked[0]",
                            "ranked = [max(range(len(accuracies)), key=lambda i: accuracies[i][0])]"
                            "\n    return ranked[0]")),
    ),
    "2.9": (
        mistake("2.9", "the corner of the kernel", 2, ("(len(shared) - kernel) // 2", "0")),
        mistake("2.9", "the last channels", 0, (":inputs, :filters]", "-inputs:, -filters:]")),
        mistake("2.9", "channels change places", 0, (":inputs, :filters]", ":filters, :inputs]")),
        mistake("2.9", "every other place", 2, (
            "return shared[start : start + kernel, start : start + kernel, ",
            "step = (len(shared) - 1) // max(kernel - 1, 1)\n"
            "    return shared[::step, ::step, ")),
        instead("2.9", "weights of its own", 0,
                "return np.random.default_rng(0).normal(size=(kernel, kernel, inputs, filters))"),
        mistake("2.9", "every row of the kernel", 2, (
            "shared[start : start + kernel, ", "shared[:, ")),
        mistake("2.9", "the strongest channels", 0, (
            "    return shared",
            "    order = np.argsort(-np.abs(shared).sum(axis=(0, 1, 2)), kind='stable')\n"
            "    shared = shared[..., order]\n    return shared")),
    ),
    "2.10": (
        mistake("2.10", "tau-a: all pairs", 4, (
            "np.sqrt((first**2).sum() * (second**2).sum())",
            "len(estimates) * (len(estimates) - 1)")),
        mistake("2.10", "nothing ranked is NaN", 0, ("if pairs else 0.0", "")),
        instead("2.10", "the correlation", 0,
                "return float(np.nan_to_num(np.corrcoef(estimates, accuracies)[0, 1]))"),
        instead("2.10", "the correlation of the ranks", 0,
                "a, b = (np.argsort(np.argsort(v)) for v in (estimates, accuracies))\n"
                "return float(np.corrcoef(a, b)[0, 1])"),
        mistake("2.10", "a tie disagrees", 0, ("np.sign(values[:, None] - values)",
                                              "2 * (values[:, None] > values) - 1")),
        mistake("2.10", "the share that agrees", 0, ("(first * second).sum()",
                                                    "(first * second > 0).sum()")),
        mistake("2.10", "pairs that both rank", 4, (
            "np.sqrt((first**2).sum() * (second**2).sum())", "(first * second != 0).sum()")),
    ),
    "2.11": (
        mistake("2.11", "forgets the noise", 2, ("(logits - np.log(-np.log(uniforms)))",
                                                "logits")),
        mistake("2.11", "turns the noise round", 2, ("logits - np.log", "logits + np.log")),
        mistake("2.11", "heats the logits only", 2, (
            "(logits - np.log(-np.log(uniforms))) / temperature",
            "logits / temperature - np.log(-np.log(uniforms))")),
        mistake("2.11", "overflows", 0, (" - noisy.max()", "")),
        mistake("2.11", "forgets the temperature backwards", 6, (
            "(costs - mean) / temperature", "(costs - mean)")),
        mistake("2.11", "shares times costs backwards", 4, ("(costs - mean)", "costs")),
        mistake("2.11", "a hard choice", 0, ("    mean =",
                                "    shares = np.eye(len(logits))[shares.argmax()]\n    mean =")),
        mistake("2.11", "the cost of the most likely", 2, ("float(shares @ costs)",
                                                          "float(costs[shares.argmax()])")),
    ),
    "2.12": (
        WrongAnswer(
            "lost its last weights", 0, product=lambda: with_last_weights(product(), np.zeros_like)
        ),
        WrongAnswer(
            "classes in another order",
            0,
            product=lambda: with_last_weights(product(), lambda w: np.roll(w, 1, axis=0)),
        ),
        WrongAnswer("twice as large", 9, product=lambda: product() + bytes(8_000)),
        WrongAnswer(
            "the model of exercises 1", 9.5558, product=partial(CHAPTER.product, "1.11.tflite")
        ),
        WrongAnswer("half of it", 0, product=lambda: product()[: len(product()) // 2]),
    ),
}  # fmt: skip
