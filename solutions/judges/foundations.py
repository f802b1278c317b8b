"""Hidden inputs, oracles and known wrong answers of chapter 0; not part of a release."""

from __future__ import annotations

import numpy as np

from tinyml_course.grading.paper import Judge, WrongAnswer


def exact_layer(args, result):
    """Compare with the bits counted one by one."""
    inputs, outputs, bits = args
    expected = -(-inputs * outputs * bits // 8) + 4 * outputs
    return None if result == expected else f"expected {expected}, got {result}"


def draw_layers(rng):
    """Draw layers of all widths, and two whose codes do not fill a byte."""
    layers = [
        (int(rng.integers(2, 400)), int(rng.integers(2, 400)), int(bits))
        for bits in rng.choice([2, 4, 8], 20)
    ]
    return [*layers, (int(rng.integers(10, 99)), 6, 8), (2 * int(rng.integers(1, 99)) + 1, 3, 4)]


def draw_costs(rng):
    """Draw clouds of points, with ties in single costs, equal points and dominated ones."""
    clouds = [rng.normal(size=(int(n), int(k))) for n, k in rng.integers([5, 2], [40, 4], (12, 2))]
    ties = [rng.integers(0, 4, (30, 2)).astype(float) for _ in range(6)]
    base = float(rng.integers(1, 9))
    tied = np.array([[base, base], [base, base + 1], [base, base], [base + 2, base - 1]])
    return [(costs,) for costs in (*clouds, *ties, tied)]


JUDGES = (
    Judge(
        task="0.1",
        draw_inputs=draw_layers,
        also={"any layer": exact_layer},
        wrong=(
            WrongAnswer(
                "no biases",
                0,
                """
                def weight_bytes(inputs, outputs, bits):
                    return inputs * outputs * bits // 8
                """,
            ),
            WrongAnswer(
                "rounds down",
                2,
                """
                def weight_bytes(inputs, outputs, bits):
                    return inputs * outputs * bits // 8 + 4 * outputs
                """,
            ),
            WrongAnswer(
                "a byte for every weight",
                4,
                """
                def weight_bytes(inputs, outputs, bits):
                    return inputs * outputs + 4 * outputs
                """,
            ),
            WrongAnswer(
                "knows the public inputs",
                2,
                """
                KNOWN = {(3, 5, 8): 35, (1000, 100, 8): 100400, (3, 3, 4): 17, (7, 1, 4): 8}

                def weight_bytes(inputs, outputs, bits):
                    return KNOWN.get((inputs, outputs, bits), 0)
                """,
            ),
        ),
    ),
    Judge(
        task="0.2",
        draw_inputs=draw_costs,
        wrong=(
            WrongAnswer(
                "keeps everything",
                0,
                """
                def pareto_mask(costs):
                    return np.ones(len(costs), bool)
                """,
            ),
            WrongAnswer(
                "drops everything",
                0,
                """
                def pareto_mask(costs):
                    return np.zeros(len(costs), bool)
                """,
            ),
            WrongAnswer(
                "drops equal points",
                7,
                """
                def pareto_mask(costs):
                    no_worse = (costs[None] <= costs[:, None]).all(axis=2)
                    return no_worse.sum(axis=1) == 1
                """,
            ),
            WrongAnswer(
                "keeps ties",
                8,
                """
                def pareto_mask(costs):
                    return ~(costs[None] < costs[:, None]).all(axis=2).any(axis=1)
                """,
            ),
        ),
    ),
)
