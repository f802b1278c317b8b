"""Mistakes that learners make in chapter 1, each with its score; not part of a release.

Most are the solution with one piece of it changed, so that they follow it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from tinyml_course.grading.judge import WrongAnswer
from tinyml_course.grading.mistakes import Mistakes, with_last_weights

CHAPTER = Mistakes(Path(__file__).parents[1] / "01_quantization.ipynb")
mistake, instead = CHAPTER.mistake, CHAPTER.instead
product = partial(CHAPTER.product, "1.11.tflite")


GREEDY = """\
widths, size = [8] * len(weights), lambda n, bits: (n * bits + 7) // 8
total = lambda: sum(size(n, b) for n, b in zip(weights, widths))
while total() > budget:
    def price(k):
        now, then = (8, 4, 2).index(widths[k]), widths[k] // 2
        rise = damages[k][now + 1] - damages[k][now]
        return rise / (size(weights[k], widths[k]) - size(weights[k], then))
    k = min((k for k in range(len(weights)) if widths[k] > 2), key=price)
    widths[k] //= 2
return widths"""

WRONG = {
    "1.1": (
        mistake("1.1", "divides by all codes", 0, ("(2 ** (bits - 1) - 1)", "(2**bits - 1)")),
        mistake("1.1", "counts the lowest code too", 0, ("(bits - 1) - 1)", "(bits - 1))")),
        mistake("1.1", "forgets the sign", 0, ("np.abs(w).max", "w.max")),
        instead(
            "1.1",
            "one step for all",
            0,
            "return np.full(w.shape[-1], np.abs(w).max() / (2 ** (bits - 1) - 1))",
        ),
        mistake("1.1", "always 8 bits", 2, ("biggest = ", "bits = 8\n    biggest = ")),
        mistake("1.1", "a step of 0 for zeros", 6, (", 1.0)", ", 0.0)")),
        mistake(
            "1.1",
            "divides zeros by zero",
            0,
            ("return np.where(", "return np.where(np.log(biggest) < -np.inf, 1.0, np.log(0)) + ("),
        ),
        instead(
            "1.1",
            "takes the library's",
            0,
            "from tinyml_course.quantization.affine import choose_channel_qparams\n"
            "found = choose_channel_qparams(w, axis=w.ndim - 1, bits=bits)\n"
            "return np.array([q.scale for q in found.channels])",
        ),
    ),
    "1.2": (
        instead("1.2", "passes everything", 0, "return np.array(upstream)"),
        instead("1.2", "passes nothing, as rounding does", 0, "return np.zeros_like(upstream)"),
        mistake("1.2", "stops at the ends themselves", 0, ("(x < start) | (x > end)",
                                                         "(x <= start) | (x >= end)")),
        instead(
            "1.2",
            "half a step further",
            2,
            "codes = np.round(x / scale) + zero_point\n"
            "fits = (codes >= -(2 ** (bits - 1))) & (codes <= 2 ** (bits - 1) - 1)\n"
            "return np.where(fits, upstream, 0.0)",
        ),
        mistake("1.2", "forgets the zero point", 5, ("start = ", "zero_point = 0\n    start = ")),
        mistake("1.2", "leaves the lowest code out", 0, ("(-(2 ** (bits - 1)) -",
                                                        "(1 - (2 ** (bits - 1)) -")),
        mistake("1.2", "ignores upstream", 0, ("0.0, upstream)", "0.0, 1.0)")),
    ),
    "1.3": (
        mistake("1.3", "not at the weights' pace", 2, (" / np.sqrt(w.size * n)", "")),
        mistake("1.3", "the mean instead of the sum", 2, ("(upstream * change).sum()",
                                                         "(upstream * change).mean()")),
        mistake("1.3", "knows no saturation", 5, ("np.abs(ratio) > n", "np.abs(ratio) > np.inf")),
        mistake("1.3", "saturated weights do not pull", 5, ("n * np.sign(ratio)", "0.0")),
        mistake("1.3", "turned round", 0, ("np.round(ratio) - ratio", "ratio - np.round(ratio)")),
        mistake("1.3", "pulls up on either side", 5, ("n * np.sign(ratio)", "n")),
        mistake("1.3", "forgets the loss", 2, ("(upstream * change)", "change")),
    ),
    "1.4": (
        mistake("1.4", "forgets epsilon", 2, ("variance + epsilon", "variance")),
        mistake("1.4", "forgets the layer's bias", 4, ("(bias - mean)", "-mean")),
        mistake("1.4", "leaves the bias as it was", 4, ("factor * (bias - mean) + beta", "bias")),
        mistake("1.4", "does not scale the bias", 4, ("factor * (bias - mean)", "(bias - mean)")),
        mistake("1.4", "divides by the variance", 0, ("np.sqrt(variance + epsilon)",
                                                     "(variance + epsilon)")),
        mistake("1.4", "scales the inputs", 0, ("kernel * factor", "kernel * factor[:, None]")),
        mistake("1.4", "leaves the kernel as it was", 4, ("kernel * factor", "kernel")),
    ),
    "1.5": (
        mistake("1.5", "always the largest", 3, ("min(found)",
                                                "max(found, key=lambda pair: pair[1])")),
        mistake("1.5", "always the smallest", 5, ("min(found)",
                                                 "min(found, key=lambda pair: pair[1])")),
        mistake("1.5", "does not saturate", 0, ("np.clip(np.round(x * n / limit), -n, n)",
                                               "np.round(x * n / limit)")),
        mistake("1.5", "the mean magnitude", 0, ("(x - codes * limit / n) ** 2",
                                                "np.abs(x - codes * limit / n)")),
        mistake("1.5", "divides by all codes", 0, ("2 ** (bits - 1) - 1", "2**bits - 1")),
        mistake("1.5", "lets the lowest code in", 2, ("-n, n)", "-n - 1, n)")),
        mistake("1.5", "takes the worst", 3, ("min(found)", "max(found)")),
    ),
    "1.6": (
        instead("1.6", "by the clock", 0,
                "return widths[min(len(losses) // patience, len(widths) - 1)]"),
        instead("1.6", "never", 0, "return widths[0]"),
        mistake("1.6", "an equal loss is new", 0, ("loss < lowest", "loss <= lowest")),
        mistake("1.6", "not in a row", 2, ("waited = 0 if loss < lowest else waited + 1",
                                          "waited += loss >= lowest")),
        mistake("1.6", "keeps the lowest of the stage before", 2,
                ("stage, lowest, waited = stage + 1, math.inf, 0", "stage, waited = stage + 1, 0")),
        mistake("1.6", "compares with the last loss", 0, ("min(lowest, loss)", "loss")),
        mistake("1.6", "runs out of widths", 0, (" and stage + 1 < len(widths)", "")),
        instead("1.6", "a line from 32 down", 0, "return int(32 - 24 * len(losses) / 10)"),
    ),
    "1.7": (
        mistake("1.7", "upper half first", 0, ("nibbles[::2] | (nibbles[1::2] << 4)",
                                              "nibbles[1::2] | (nibbles[::2] << 4)")),
        mistake("1.7", "signs spill over", 2, (" & 15", "")),
        mistake("1.7", "drops the odd one", 3, ("codes.size % 2, np.uint8))",
                                               "0, np.uint8))[: codes.size // 2 * 2]")),
        mistake("1.7", "counts from -8", 0, ("codes.ravel()", "(codes.ravel() + 8)")),
        instead("1.7", "a byte for each", 0, "return codes.ravel().view(np.uint8)"),
        instead(
            "1.7",
            "rows start on a new byte",
            0,
            "rows = codes.reshape(-1, codes.shape[-1]).astype(np.uint8) & 15\n"
            "rows = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2)))\n"
            "return (rows[:, ::2] | rows[:, 1::2] << 4).ravel()",
        ),
        mistake("1.7", "signed bytes", 0, ("return nibbles[::2] | (nibbles[1::2] << 4)",
                                          "return (nibbles[::2] | nibbles[1::2] << 4).view('i1')")),
    ),
    "1.8": (
        mistake("1.8", "cuts off instead of rounding", 2, ("round(mantissa", "int(mantissa")),
        mistake("1.8", "lets 2**31 be", 6, ("if multiplier == 2**31", "if False")),
        mistake("1.8", "forgets the shift", 6, ("2**30, shift + 1", "2**30, shift")),
        mistake("1.8", "turns the shift round", 0, ("return multiplier, shift",
                                                   "return multiplier, -shift")),
        instead("1.8", "one shift for all", 0, "return round(factor * 2**31), 0"),
        mistake("1.8", "a bit too many", 0, ("round(mantissa * 2**31)", "round(mantissa * 2**32)")),
        instead(
            "1.8",
            "takes the logarithm of zero",
            0,
            "shift = math.floor(math.log2(factor)) + 1\n"
            "return round(factor * 2.0 ** (31 - shift)), shift",
        ),
    ),
    "1.9": (
        mistake("1.9", "forgets the input's zero point", 3, (" - zero_points[0]", "")),
        mistake("1.9", "forgets the output's zero point", 3, ("rounded + zero_points[1]",
                                                             "rounded")),
        mistake("1.9", "forgets the bias", 0, (" + bias", "")),
        mistake("1.9", "lets int8 wrap around", 8, ("np.clip(rounded + zero_points[1], -128, 127)",
                                                   "(rounded + zero_points[1])")),
        mistake("1.9", "cuts off instead of rounding", 0, (" + (1 << (drops - 1))", "")),
        mistake(
            "1.9",
            "rounds halves to even",
            4,
            (
                "(sums * multipliers + (1 << (drops - 1))) >> drops",
                "np.round(sums * multipliers / 2.0**drops).astype(np.int64)",
            ),
        ),
        mistake("1.9", "one factor for all units", 2, ("= scaling[0], 31 - scaling[1]",
                                                      "= scaling[0][0], 31 - scaling[1][0]")),
        mistake("1.9", "sums in int8", 2, (
            "(x.astype(np.int64) - zero_points[0]) @ weights.T.astype(np.int64)",
            "(x - np.int8(zero_points[0])) @ weights.T",
        )),
    ),
    "1.10": (
        instead("1.10", "greedy", 2, GREEDY),
        instead("1.10", "always 2 bits", 0, "return [2] * len(weights)"),
        instead("1.10", "always 8 bits", 0, "return [8] * len(weights)"),
        mistake("1.10", "one byte less", 0, ("<= budget", "< budget")),
        mistake("1.10", "rounds bytes down", 2, ("-(-n * bits // 8)", "n * bits // 8")),
        mistake(
            "1.10",
            "the fullest of equal ones",
            2,
            (
                "min(plan for plan in plans if plan[1] <= budget)",
                "min((d, -s, p) for d, s, p in plans if s <= budget)",
            ),
        ),
    ),
    "1.11": (
        WrongAnswer(
            "lost its last weights", 0, product=lambda: with_last_weights(product(), np.zeros_like)
        ),
        WrongAnswer(
            "classes in another order",
            0,
            product=lambda: with_last_weights(product(), lambda w: np.roll(w, 1, axis=0)),
        ),
        WrongAnswer("twice as large", 12, product=lambda: product() + bytes(16_000)),
        WrongAnswer(
            "left in floats", 7.4203, product=partial(CHAPTER.product, "1.11-floats.tflite")
        ),
        WrongAnswer("half of it", 0, product=lambda: product()[: len(product()) // 2]),
    ),
}  # fmt: skip
