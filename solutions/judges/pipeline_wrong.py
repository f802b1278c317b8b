"""Mistakes that learners make in chapter 3, each with its score; not part of a release.

Most are the solution with one piece of it changed, so that they follow it. Some are what one
tutorial does: connections instead of channels, no T², softened probabilities, quantized first.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from tinyml_course.grading.judge import WrongAnswer
from tinyml_course.grading.mistakes import Mistakes, with_last_weights

CHAPTER = Mistakes(Path(__file__).parents[1] / "03_pipeline.ipynb")
mistake, instead = CHAPTER.mistake, CHAPTER.instead
product = partial(CHAPTER.product, "3.12.tflite")

WRONG = {
    "3.1": (
        mistake("3.1", "sums over the wrong axes", 4, ("axis=(0, 1, 2)", "axis=(0, 1, 3)")),
        mistake("3.1", "weights cancel", 6, ("np.abs(kernel).sum(axis=(0, 1, 2))",
                                             "np.abs(kernel.sum(axis=(0, 1, 2)))")),
        mistake("3.1", "L2 instead of L1", 6, ("np.abs(kernel).sum(axis=(0, 1, 2))",
                                     "np.linalg.norm(kernel.reshape(-1, len(gamma)), axis=0)")),
        mistake("3.1", "the sign of gamma", 5, ("np.abs(gamma)", "gamma")),
        mistake("3.1", "samples cancel", 3, ("np.abs(changes).mean(axis=0)",
                                             "np.abs(changes.mean(axis=0))")),
        mistake("3.1", "pixels do not cancel", 3, ("(activations * gradients).sum",
                                                   "np.abs(activations * gradients).sum")),
        mistake("3.1", "the mean of the pixels", 3, ("gradients).sum(", "gradients).mean(")),
        mistake("3.1", "the sum of the samples", 3, ("np.abs(changes).mean",
                                                     "np.abs(changes).sum")),
        mistake("3.1", "gradients alone", 3, ("(activations * gradients)", "gradients")),
        mistake("3.1", "norms a weight", 6, (".sum(axis=(0, 1, 2))", ".mean(axis=(0, 1, 2))")),
    ),
    "3.2": (
        mistake("3.2", "each channel alone", 2, ("parents[root(other)] = root(first)", "pass")),
        mistake("3.2", "one term of three", 7, ("for other in others:",
                                                "for other in others[:1]:")),
        mistake("3.2", "joins without looking for roots", 7, (
            "parents[root(other)] = root(first)", "parents[other] = first")),
        mistake("3.2", "the output may lose channels", 0, (
            'kind in ("image", "output")', 'kind == "image"')),
        mistake("3.2", "the image may lose channels", 0, (
            'kind in ("image", "output")', 'kind == "output"')),
        mistake("3.2", "a depthwise layer makes channels", 0, (
            'in ("image", "conv"):\n            channels', 'in ("image", "conv", "depthwise"):\n'
            '            channels')),
        mistake("3.2", "concatenates the wrong way round", 7, (
            "for part in arriving for channel", "for part in arriving[::-1] for channel")),
        mistake("3.2", "takes the first source of a concatenation", 0, (
            "for part in arriving for channel", "for part in arriving[:1] for channel")),
        mistake("3.2", "whole layers", 0, (
            "sets.setdefault(root(channel), []).append(channel)",
            "sets.setdefault(root((root(channel)[0], 0)), []).append(channel)")),
        mistake("3.2", "a tie to the image binds only its own channel", 7, (
            "stuck, sets = {root(channel) for channel in needed}, {}",
            "stuck, sets = {*needed}, {}")),
    ),
    "3.3": (
        instead("3.3", "zeros, as magnitude pruning has it", 0,
                "kernel, bias = first\n"
                "return (kernel * kept, bias * kept), norm, second"),
        mistake("3.3", "forgets who reads the channels", 6, ("reader = second[:, :, kept]",
                                                             "reader = second")),
        mistake("3.3", "repeats instead of tiling", 4, ("np.tile(", "np.repeat(")),
        mistake("3.3", "one pixel only", 4, (
            "second[np.tile(kept, len(second) // len(kept))]", "second[: len(kept)][kept]")),
        mistake("3.3", "forgets the normalisation", 0, (
            "tuple(part[kept] for part in norm)", "norm")),
        mistake("3.3", "forgets its statistics", 0, (
            "tuple(part[kept] for part in norm)", "(norm[0][kept], norm[1][kept], *norm[2:])")),
        mistake("3.3", "the first channels", 0, (
            "    kernel, bias = first", "    kernel, bias = first\n"
            "    kept = np.arange(len(kept)) < kept.sum()")),
        mistake("3.3", "removes those that stay", 0, (
            "    kernel, bias = first", "    kernel, bias = first\n    kept = ~kept")),
        mistake("3.3", "the outputs of the second layer", 6, (
            "reader = second[:, :, kept]",
            "reader = second[..., np.resize(kept, second.shape[3])]")),
        mistake("3.3", "keeps all biases", 0, ("bias[kept]", "bias")),
    ),
    "3.4": (
        mistake("3.4", "folds at the border, too", 5, ("exact | (constants == 0)", "True")),
        mistake("3.4", "folds one pixel only", 5, (
            'padding == "valid" or kernel', "kernel")),
        mistake("3.4", "padding decides alone", 3, (
            'padding == "valid" or kernel.shape[:2] == (1, 1)', 'padding == "valid"')),
        mistake("3.4", "forgets the ReLU", 0, ("np.maximum(beta, 0.0)", "beta")),
        mistake("3.4", "forgets the bias", 3, ("bias + moved", "bias")),
        mistake("3.4", "keeps what nobody reads", 2, (
            "gone = unread | (", "gone = ~unread & (")),
        mistake("3.4", "only what nobody reads", 0, (
            " | ((gamma == 0) & (exact | (constants == 0)))", "")),
        mistake("3.4", "the middle of the kernel", 5, (
            "kernel[:, :, gone].sum(axis=(0, 1))",
            "kernel[kernel.shape[0] // 2, kernel.shape[1] // 2, gone]")),
        mistake("3.4", "a shift of zero is dead", 0, ("(gamma == 0) & ~unread", "(beta == 0)")),
        mistake("3.4", "small scales are as good as zero", 0, (
            "    unread =", "    gamma = np.where(np.abs(gamma) < 2, 0.0, gamma)\n    unread =")),
    ),
    "3.5": (
        mistake("3.5", "importance alone", 5, (" / (total - count(widths))", "")),
        mistake("3.5", "by the bytes alone", 5, ("scores[k][rest[0]] / (total", "1 / (total")),
        mistake("3.5", "the dearest channel", 3, ("min(prices)", "max(prices)")),
        mistake("3.5", "the most important first", 3, ("scores[k][rest[0]]",
                                                        "-scores[k][rest[0]]")),
        mistake("3.5", "only where it is made", 5, (
            "(total - count(widths))", "(9 * (len(left[k - 1]) if k else 1) + 4)")),
        mistake("3.5", "prices from the first widths", 5, (
            "(total - count(widths))",
            "(count([len(s) for s in scores])"
            " - count([len(s) - (j == k) for j, s in enumerate(scores)]))")),
        mistake("3.5", "stops one too early", 0, ("> budget:", "> budget + 20:")),
        mistake("3.5", "stops one too late", 2, (
            "> budget:", ">= budget - 25 and max(map(len, left)) > 1:")),
        mistake("3.5", "forgets biases", 0, ("9 * before * width + 4 * width",
                                              "9 * before * width")),
        mistake("3.5", "every convolution alike", 5, ("del left[min(prices)[1]][0]",
            "del left[max(range(len(left)), key=lambda k: (len(left[k]) > 1, "
            "len(left[k]) / len(scores[k])))][0]")),
    ),
    "3.6": (
        mistake("3.6", "the size of -128 is -128", 2, ("codes.astype(int)", "codes")),
        mistake("3.6", "the smallest, not the weakest", 2, ("np.abs(codes.astype(int))", "codes")),
        mistake("3.6", "zeros do not count", 0, ("order[:zeros]",
                                                 "order[: zeros + (codes == 0).sum()]")),
        mistake("3.6", "takes the strongest", 0, ("order[:zeros]",
                                                  "order[::-1][:zeros]")),
        mistake("3.6", "of equal ones the last", 0, (
            "np.argsort(np.abs(codes.astype(int)), kind=\"stable\")",
            "np.lexsort((-np.arange(len(codes)), np.abs(codes.astype(int))))")),
        mistake("3.6", "believes what was asked", 5, ("int(np.count_nonzero(pruned))",
                                                      "len(codes) - zeros")),
        mistake("3.6", "positions always fit a byte", 5, ("(2 if n <= 256 else 3)", "2")),
        mistake("3.6", "256 positions need two bytes", 5, ("n <= 256", "n < 256")),
        mistake("3.6", "a byte for each bit", 3, ("-(-n // 8) + rest", "n + rest")),
        mistake("3.6", "bits rounded down", 5, ("-(-n // 8)", "(n // 8 or 1)")),
        mistake("3.6", "a file that knows zeros", 3, ("(n, -(-n // 8)", "(rest, -(-n // 8)")),
    ),
    "3.7": (
        mistake("3.7", "no T² in the loss", 3, ("temperature**2 * of_teacher", "of_teacher")),
        mistake("3.7", "no T in the gradient", 3, (
            "(1 - hard) * temperature * (np.exp(q)", "(1 - hard) * (np.exp(q)")),
        mistake("3.7", "T² in the gradient", 3, (
            "(1 - hard) * temperature * (np.exp(q)", "(1 - hard) * temperature**2 * (np.exp(q)")),
        mistake("3.7", "no T² at all, as the tutorial has it", 0, (
            "temperature**2 * of_teacher",
            "of_teacher\n    temperature = 1 / temperature")),
        mistake("3.7", "softens probabilities, as the tutorial has it", 0, (
            "    targets =", "    teacher, student = (np.exp(log_shares(z)) for z in "
            "(teacher, student))\n    targets =")),
        mistake("3.7", "labels at the temperature, too", 2, ("(student, teacher /",
                                                             "(student / temperature, teacher /")),
        mistake("3.7", "the weights change places", 0, (
            "    targets =", "    hard = 1 - hard\n    targets =")),
        mistake("3.7", "divergence the wrong way round", 3, ("np.exp(p) * (p - q)",
                                                             "np.exp(q) * (q - p)")),
        mistake("3.7", "cross-entropy with the teacher", 3, ("np.exp(p) * (p - q)",
                                                             "np.exp(p) * -q")),
        mistake("3.7", "overflows", 0, ("logits - logits.max(axis=1, keepdims=True)", "logits")),
        mistake("3.7", "the gradient of a sum", 5, ("slopes / len(student)", "slopes")),
        mistake("3.7", "downhill", 3, ("slopes / len(student)", "-slopes / len(student)")),
        mistake("3.7", "mean of all entries", 3, ("(p - q)).sum(axis=1).mean()",
                                                  "(p - q)).mean()")),
    ),
    "3.8": (
        mistake("3.8", "absolute values instead of squares", 2, ("(activations**2)",
                                                                 "np.abs(activations)")),
        mistake("3.8", "maps of sum one", 0, ("np.linalg.norm(power, axis=1, keepdims=True)",
                                              "power.sum(axis=1, keepdims=True)")),
        mistake("3.8", "one length for all samples", 2, (
            "np.linalg.norm(power, axis=1, keepdims=True)", "np.linalg.norm(power)")),
        mistake("3.8", "how loud counts", 0, ("power / np.where(length > 0, length, 1.0)",
                                              "power")),
        mistake("3.8", "divides by zero", 0, ("np.where(length > 0, length, 1.0)", "length")),
        mistake("3.8", "not half", 0, (".mean() / 2", ".mean()")),
        mistake("3.8", "mean of the pixels", 0, (".sum(axis=1).mean()", ".mean()")),
        mistake("3.8", "the distance itself", 0, (
            "((look(student) - look(teacher)) ** 2).sum(axis=1).mean()",
            "np.linalg.norm(look(student) - look(teacher), axis=1).mean()")),
        mistake("3.8", "sums over the pixels", 0, (
            ".sum(axis=3)", ".sum(axis=(1, 2))")),
        mistake("3.8", "a silent layer looks everywhere", 4, (
            "return power /", "power = np.where(length > 0, power, power.shape[1] ** -0.5)\n"
            "        return power /")),
    ),
    "3.9": (
        instead("3.9", "all permutations", 0,
                "return [list(order) for order in set(itertools.permutations(stages))]"),
        mistake("3.9", "equal stages change places", 2, (
            "sorted(set(itertools.permutations(stages)))", "itertools.permutations(stages)")),
        mistake("3.9", "ends anywhere", 2, ('state == "file"', "state")),
        mistake("3.9", "begins anywhere", 2, ('state = "network"',
                                              "state = next(iter(moves[order[0]]))")),
        mistake("3.9", "a refusal changes nothing", 0, (".get(state)", ".get(state, state)")),
        mistake("3.9", "one order is enough", 0, ("return found", "return found[:1]")),
        mistake("3.9", "quantizes first, as the tutorial has it", 0, (
            "return found", "return [[s for s in ('train', 'quantize', 'prune', 'distill', "
            "'convert', 'slim') if s in stages]]")),
        mistake("3.9", "orders of some of the stages", 2, (
            "    return found", "    return found + [o[:-1] for o in found if o[-1] == 'slim']")),
    ),
    "3.10": (
        mistake("3.10", "leaves what it rolled back", 3, (
            'words.append("rolled back")', 'words.append("rolled back")\n'
            "            accuracy -= lost")),
        mistake("3.10", "never rolls back", 3, ("lost > 10 and", "False and")),
        mistake("3.10", "rolls back all that costs", 5, ("lost > 10 and max(of_flash, of_arena) < "
                                                          "lost", "lost > 10")),
        mistake("3.10", "no tolerance", 5, ("lost > 10 and", "lost > 0 and")),
        mistake("3.10", "one percent is too much", 5, ("lost > 10", "lost >= 10")),
        mistake("3.10", "a fair price is too much", 5, ("of_arena) < lost", "of_arena) <= lost")),
        mistake("3.10", "flash alone counts", 5, ("max(of_flash, of_arena)", "of_flash")),
        mistake("3.10", "both savings together", 3, ("max(of_flash, of_arena)",
                                                     "of_flash + of_arena")),
        mistake("3.10", "skips what must run", 2, ("if optional and met", "if met")),
        mistake("3.10", "no gates", 0, ("if optional and met", "if False")),
        mistake("3.10", "limits must be undercut", 5, (
            "flash <= limits[1] and arena <= limits[2]",
            "flash < limits[1] and arena < limits[2]")),
        mistake("3.10", "one limit is enough", 0, (
            "accuracy >= limits[0] and flash <= limits[1] and arena <= limits[2]",
            "accuracy >= limits[0] or flash <= limits[1] or arena <= limits[2]")),
        mistake("3.10", "accuracy does not count", 2, ("accuracy >= limits[0] and ", "")),
        mistake("3.10", "saves percents of the start", 0, (
            "flash * (100 - of_flash) // 100", "flash - start[1] * of_flash // 100")),
    ),
    "3.11": (
        instead("3.11", "two methods, unpaired", 0,
                "n, mean = len(first), float(np.mean(first) - np.mean(second))\n"
                "half = float(t * np.sqrt((np.var(first, ddof=1) + np.var(second, ddof=1)) / n))\n"
                "word = 'first' if mean > 0 else 'second'\n"
                "return mean, half, 'undecided' if abs(mean) <= half else word"),
        mistake("3.11", "divides by n", 0, ("gaps.std(ddof=1)", "gaps.std()")),
        mistake("3.11", "the deviation of one run", 0, (" / math.sqrt(len(gaps))", "")),
        mistake("3.11", "forgets t", 0, ("t * gaps.std", "gaps.std")),
        mistake("3.11", "always decides", 4, ("abs(mean) <= half", "mean == half == 0.5")),
        mistake("3.11", "the best seed of each", 0, (
            "mean, half = float(gaps.mean())", "mean, half = max(first) - max(second)")),
        mistake("3.11", "the higher mean", 4, (
            'return mean, half, "undecided"',
            'return mean, half, "first" if mean > 0 else "second"')),
        mistake("3.11", "second less first", 0, ("np.subtract(first, second)",
                                                 "np.subtract(second, first)")),
        mistake("3.11", "the end does not belong to it", 4, ("abs(mean) <= half",
                                                             "abs(mean) < half")),
    ),
    "3.12": (
        WrongAnswer(
            "lost its last weights", 0, product=lambda: with_last_weights(product(), np.zeros_like)
        ),
        WrongAnswer(
            "classes in another order",
            0,
            product=lambda: with_last_weights(product(), lambda w: np.roll(w, 1, axis=0)),
        ),
        WrongAnswer("twice as large", 9, product=lambda: product() + bytes(4_000)),
        WrongAnswer(
            "the model of exercises 1", 6.5775, product=partial(CHAPTER.product, "1.11.tflite")
        ),
        WrongAnswer("half of it", 0, product=lambda: product()[: len(product()) // 2]),
    ),
}  # fmt: skip
