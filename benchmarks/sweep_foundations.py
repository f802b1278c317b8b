"""Measure chapter 0's family of networks: error after training, exact costs.

Run from the repository's root:

    python benchmarks/sweep_foundations.py

Writes `chapters/00_foundations/data/family.csv`, one row a network, mean over the seeds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from tinyml_course.core.arch import ArchSpec, OpKind
from tinyml_course.core.environment import seed_everything
from tinyml_course.core.types import GestureSet
from tinyml_course.cost.estimate import estimate_cost
from tinyml_course.cost.graph import arch_graph
from tinyml_course.data import DIGITS, draw_gestures
from tinyml_course.nas.family import (
    Candidate,
    family_members,
    family_net,
    write_candidates,
)
from tinyml_course.training.build import build
from tinyml_course.training.fit import evaluate, fit

OUT = Path(__file__).parents[1] / "chapters" / "00_foundations" / "data" / "family.csv"


def draw_data() -> tuple[GestureSet, GestureSet]:
    """Return training and test set, drawn by different people; the same as in the notebook."""
    return (
        draw_gestures(DIGITS, samples_per_class=60, people=8, seed=0),
        draw_gestures(DIGITS, samples_per_class=180, people=8, seed=1),
    )


def measure(
    spec: ArchSpec, train: GestureSet, test: GestureSet, *, seed: int, epochs: int
) -> tuple[float, float]:
    """Return the test error in percent after training, and the training's seconds."""
    seed_everything(seed)
    model = build(spec)
    start = time.perf_counter()
    fit(model, train, epochs=epochs, seed=seed, learning_rate=1e-2, progress=False)
    seconds = time.perf_counter() - start
    return 100 * (1 - evaluate(model, test)), seconds


def measure_member(
    op: OpKind,
    depth: int,
    width: int,
    data: tuple[GestureSet, GestureSet],
    options: argparse.Namespace,
) -> Candidate:
    """Return one member of the family, trained once per seed."""
    spec = family_net(len(DIGITS), op=op, depth=depth, width=width)
    runs = np.array(
        [measure(spec, *data, seed=s, epochs=options.epochs) for s in range(options.seeds)]
    )
    cost = estimate_cost(arch_graph(spec))
    return Candidate(
        op=op,
        depth=depth,
        width=width,
        parameters=cost.parameters,
        macs=cost.macs,
        weight_bytes=cost.weight_bytes,
        activation_bytes=cost.activation_bytes,
        error_percent=round(float(runs[:, 0].mean()), 4),
        error_sd=round(float(runs[:, 0].std(ddof=1)) if len(runs) > 1 else 0.0, 4),
        seeds=len(runs),
        train_seconds=round(float(runs[:, 1].mean()), 2),
    )


def main() -> None:
    """Measure every member and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    data = draw_data()
    members = tqdm(family_members(), desc="networks", unit="network")
    write_candidates(options.out, [measure_member(*m, data, options) for m in members])


if __name__ == "__main__":
    main()
