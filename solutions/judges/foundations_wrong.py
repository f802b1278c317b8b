"""Mistakes that learners make in chapter 0, each with its score; not part of a release.

Most are the solution with one piece of it changed, so that they follow it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from tinyml_course.grading.judge import WrongAnswer
from tinyml_course.grading.mistakes import Mistakes, with_last_weights

CHAPTER = Mistakes(Path(__file__).parents[1] / "00_foundations.ipynb")
mistake, instead = CHAPTER.mistake, CHAPTER.instead
product = partial(CHAPTER.product, "0.10.tflite")


WRONG = {
    "0.1": (
        mistake("0.1", "no biases", 0, (" + 4 * outputs", "")),
        mistake("0.1", "rounds down", 4, ("(weight_bits + 7) // 8", "weight_bits // 8")),
        mistake("0.1", "a byte for every weight", 4, ("* bits", "* 8")),
        instead(
            "0.1",
            "knows the public inputs",
            2,
            "known = {(3, 5, 8): 35, (1000, 100, 8): 100400, (3, 3, 4): 17, (7, 1, 4): 8}\n"
            "return known.get((inputs, outputs, bits), 10**9)",
        ),
    ),
    "0.2": (
        instead("0.2", "keeps everything", 0, "return np.ones(len(costs), bool)"),
        instead("0.2", "drops everything", 0, "return np.zeros(len(costs), bool)"),
        instead(
            "0.2",
            "drops equal points",
            7,
            "no_worse = (costs[None] <= costs[:, None]).all(axis=2)\n"
            "return no_worse.sum(axis=1) == 1",
        ),
        instead(
            "0.2",
            "keeps ties",
            7,
            "return ~(costs[None] < costs[:, None]).all(axis=2).any(axis=1)",
        ),
        mistake("0.2", "looks along the wrong axis", 0, (".any(axis=1)", ".any(axis=0)")),
        instead(
            "0.2", "knows the worked example", 3, "return np.arange(len(costs)) < len(costs) - 1"
        ),
    ),
    "0.3": (
        instead("0.3", "adds up all tensors", 0, "return [sum(sizes)] * len(ops)"),
        instead(
            "0.3",
            "what the operator itself needs",
            7,
            "return [sum(sizes[t] for t in {*reads, out}) for reads, out in ops]",
        ),
        mistake(
            "0.3",
            "stops at the first reader",
            5,
            (
                "dies.update(dict.fromkeys(reads, step))",
                "dies.update({t: step for t in reads if not any(t in r for r, _ in ops[:step])})",
            ),
        ),
        mistake(
            "0.3",
            "keeps what nobody reads",
            8,
            ("dies = dict(born)", "dies = dict.fromkeys(born, len(ops) - 1)"),
        ),
        mistake("0.3", "frees an operator's input", 0, ("<= dies[tensor]", "< dies[tensor]")),
    ),
    "0.4": (
        mistake("0.4", "does not widen", 2, ("min(low, 0.0), max(high, 0.0)", "low, high")),
        mistake("0.4", "counts codes, not steps", 0, ("(2**bits - 1)", "2**bits")),
        mistake("0.4", "always 8 bits", 2, ("scale = ", "bits = 8\n    scale = ")),
        mistake("0.4", "cuts off instead of rounding", 4, ("scale, round(", "scale, int(")),
        mistake("0.4", "forgets to round", 0, ("scale, round(", "scale, (")),
        mistake(
            "0.4",
            "divides by a range of no width",
            0,
            ("    if low == high:\n        return 1.0, 0\n", ""),
        ),
        instead(
            "0.4",
            "takes the library's",
            0,
            "from tinyml_course.quantization.affine import choose_qparams as library\n"
            "found = library(low, high, bits=bits)\n"
            "return found.scale, found.zero_point",
        ),
    ),
    "0.5": (
        instead("0.5", "returns the values", 0, "return x"),
        mistake(
            "0.5",
            "does not saturate",
            6,
            ("np.clip(codes, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)", "codes"),
        ),
        mistake("0.5", "cuts off instead of rounding", 4, ("np.round(", "np.trunc(")),
        mistake("0.5", "always 8 bits", 2, ("codes = np.round", "bits = 8\n    codes = np.round")),
        mistake(
            "0.5",
            "clips before it shifts",
            2,
            (
                "+ zero_point\n",
                "\n    codes = np.clip(codes, -(2 ** (bits - 1)), "
                "2 ** (bits - 1) - 1) + zero_point\n",
            ),
        ),
        mistake(
            "0.5",
            "lets int8 wrap around",
            2,
            (
                "np.clip(codes, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)",
                "codes.astype(np.int64).astype(np.int8).astype(float)",
            ),
        ),
    ),
    "0.6": (
        instead("0.6", "adds the errors up", 0, "return [float(e) for e in np.cumsum(errors)]"),
        mistake("0.6", "takes Frobenius' norm", 4, ("norm(w, 2)", "norm(w)")),
        mistake("0.6", "takes the largest entry", 4, ("np.linalg.norm(w, 2)", "np.abs(w).max()")),
        mistake("0.6", "forgets the sign", 2, ("np.linalg.norm(w, 2)", "w.max()")),
        mistake("0.6", "stretches the layer's own error", 0, ("* total + own", "* (total + own)")),
    ),
    "0.7": (
        instead(
            "0.7",
            "never reuses a byte",
            0,
            "return [sum(sizes[:i]) for i in range(len(sizes))]",
        ),
        mistake(
            "0.7",
            "takes buffers as they come",
            0,
            (
                "sorted(range(len(sizes)), key=lambda i: (sizes[i], i), reverse=True)",
                "range(len(sizes))",
            ),
        ),
        mistake(
            "0.7",
            "takes the first of equal ones first",
            7,
            ("(sizes[i], i), reverse=True", "-sizes[i]"),
        ),
        mistake("0.7", "always on top", 7, ("if low - end >= sizes[i]", "if False")),
        mistake("0.7", "refuses an exact fit", 7, ("low - end >= sizes", "low - end > sizes")),
        mistake(
            "0.7",
            "frees a buffer one step early",
            0,
            ("first <= lifetimes[j][1]", "first < lifetimes[j][1]"),
        ),
    ),
    "0.8": (
        mistake("0.8", "adds the two times", 2, ("max(compute, memory)", "compute + memory")),
        mistake("0.8", "forgets the batch", 4, ("1e3 * batch *", "1e3 *")),
        mistake(
            "0.8",
            "reads the weights for each sample",
            4,
            ("1e3 * weight_bytes", "1e3 * batch * weight_bytes"),
        ),
        mistake(
            "0.8",
            "gives the time of one sample",
            6,
            ("return max(compute, memory)", "return max(compute, memory) / batch"),
        ),
        mistake(
            "0.8",
            "always says memory",
            6,
            ('"compute" if compute >= memory else "memory"', '"memory"'),
        ),
        mistake("0.8", "knows no ties", 6, ("compute >= memory", "compute > memory")),
    ),
    "0.9": (
        mistake("0.9", "no factor", 4, ("temperature**2 * ", "")),
        mistake("0.9", "T instead of its square", 4, ("temperature**2", "temperature")),
        mistake("0.9", "adds the samples up", 2, ("divergence.mean()", "divergence.sum()")),
        mistake("0.9", "turned round", 2, ("(np.exp(p) * (p - q))", "(np.exp(q) * (q - p))")),
        mistake("0.9", "overflows", 0, ("        z = z - z.max(axis=1, keepdims=True)\n", "")),
        mistake(
            "0.9",
            "softens probabilities",
            0,
            (
                "z = logits / temperature",
                "z = np.exp(logits - logits.max(axis=1, keepdims=True))\n"
                "        z = z / z.sum(axis=1, keepdims=True) / temperature",
            ),
        ),
    ),
    "0.10": (
        WrongAnswer(
            "lost its last weights", 0, product=lambda: with_last_weights(product(), np.zeros_like)
        ),
        WrongAnswer(
            "classes in another order",
            0,
            product=lambda: with_last_weights(product(), lambda w: np.roll(w, 1, axis=0)),
        ),
        WrongAnswer("twice as large", 11, product=lambda: product() + bytes(13_000)),
        WrongAnswer("half of it", 0, product=lambda: product()[: len(product()) // 2]),
    ),
}
