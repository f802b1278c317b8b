"""Does the supernet rank networks as their own trainings do? On the real digits.

Run from the repository's root:

    python benchmarks/study_supernet_ranking.py

Trains one supernet on the training strokes, scores feasible networks with it (written to
`supernet_scores.csv` with their exact costs), chooses 24 of them, stratified by MACs and by the
estimate, and trains each from scratch with every seed (`supernet_ranking.csv`; trainings that
the table already holds are kept). Estimates and trainings are measured on the same validation
strokes; the test strokes are not touched. The figure of record, chosen before any result was
seen, is Kendall's tau between the two accuracies, the trainings' averaged over the seeds; the
one between the two cross-entropies stands beside it, because one stroke of 140 is 0.7 points.
How weights are shared, which networks are drawn, for how long, and the last layer were chosen on
earlier rankings, of other networks; the networks of the table were drawn after these choices.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from study_tables import read_rows, write_rows

from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.data import load_gestures, split
from tinyml_course.nas.catalog import Samples, make_problem, split_samples
from tinyml_course.nas.code import from_code, to_code
from tinyml_course.nas.costs import Constraints
from tinyml_course.nas.ranking import bootstrap_tau, stratify
from tinyml_course.nas.recalibrate import Estimate, Scorer
from tinyml_course.nas.sandwich import draw_feasible
from tinyml_course.nas.strategy import Problem
from tinyml_course.nas.supernet_training import Schedule, train_supernet
from tinyml_course.training.build import build
from tinyml_course.training.fit import fit, predict

OUT = Path(__file__).parents[1] / "chapters" / "02_nas" / "data"
LIMITS = Constraints(max_arena=16 * 1024, max_flash=12 * 1024)
GRID = (6, 4)
"""Networks by cost and by estimate."""
SEED = 0
"""Of the splits, the supernet and the networks that are drawn."""


def load_samples() -> Samples:
    """Return training and validation strokes; a fifth of all is held out and not returned."""
    rest, _ = split(load_gestures("magic-wand", seed=SEED), test_fraction=0.2, seed=SEED)
    return split_samples(rest, seed=SEED)


def draw_networks(problem: Problem, count: int) -> list[ArchSpec]:
    """Return different feasible networks."""
    rng = np.random.default_rng([SEED, 1])
    found: dict[str, ArchSpec] = {}
    while len(found) < count:
        spec = draw_feasible(problem, rng)
        found.setdefault(problem.identify(spec), spec)
    return list(found.values())


def score_rows(
    problem: Problem, specs: Sequence[ArchSpec], estimates: Iterator[Estimate]
) -> list[dict[str, Any]]:
    """Return a row for each network: code, estimates, exact costs."""
    rows = []
    for spec, estimate in zip(specs, estimates, strict=True):
        cost = problem.cost(spec)
        rows.append({
            "network": to_code(spec), "accuracy": round(estimate.accuracy, 4),
            "loss": round(estimate.loss, 4), "macs": cost.macs, "arena_bytes": cost.arena_bytes,
            "model_bytes": cost.model_bytes, "latency_ms": round(cost.latency_ms, 3),
        })  # fmt: skip
    return rows


def train_alone(
    spec: ArchSpec, samples: Samples, seed: int, options: argparse.Namespace
) -> dict[str, float]:
    """Return accuracy and cross-entropy of a network trained from scratch."""
    load_keras().backend.clear_session()
    seed_everything(seed)
    model = build(spec)
    fit(
        model, samples.train, epochs=options.alone_epochs, seed=seed, copies=options.copies,
        learning_rate=4e-3, progress=False,
    )  # fmt: skip
    outputs = predict(model, samples.validation.images).astype(np.float64)
    chosen = outputs[np.arange(len(outputs)), samples.validation.labels]
    return {
        "accuracy": round(float(np.mean(outputs.argmax(1) == samples.validation.labels)), 4),
        "loss": round(float(-np.mean(np.log(np.maximum(chosen, 1e-12)))), 4),
    }


def print_summary(rows: Sequence[dict[str, Any]]) -> None:
    """Print the rank correlations over the networks that every seed has trained."""
    seeds = sorted({row["seed"] for row in rows}, key=int)
    codes = [c for c in dict.fromkeys(r["network"] for r in rows)
             if sum(r["network"] == c for r in rows) == len(seeds)]  # fmt: skip
    if len(codes) < 3:
        return
    print(f"{len(codes)} networks, trained alone with seeds {', '.join(map(str, seeds))}")
    for name, sign in (("accuracy", 1), ("loss", -1)):
        mine = [[r for r in rows if r["network"] == code] for code in codes]
        estimate = [sign * float(found[0][f"estimate_{name}"]) for found in mine]
        alone = [sign * np.mean([float(r[name]) for r in found]) for found in mine]
        found = bootstrap_tau(estimate, alone, rng=np.random.default_rng(0))
        print(f"{name:<9} tau {found.tau:.2f} (95 % {found.low:.2f} to {found.high:.2f})")
        if len(seeds) > 1:
            halves = [[float(r[name]) for r in found_rows] for found_rows in mine]
            between = bootstrap_tau(
                [h[0] for h in halves], [h[1] for h in halves], rng=np.random.default_rng(0)
            )
            print(f"          tau between two seeds' own trainings {between.tau:.2f} "
                  f"({between.low:.2f} to {between.high:.2f})")  # fmt: skip


def parse_options() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=Schedule().epochs, help="of the supernet")
    parser.add_argument("--learning-rate", type=float, default=Schedule().learning_rate)
    parser.add_argument("--networks", type=int, default=2000, help="that are scored")
    parser.add_argument("--alone-epochs", type=int, default=20)
    parser.add_argument("--copies", type=int, default=2, help="of each stroke in an epoch alone")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--checkpoint", type=Path, help="keeps the supernet's training")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


def main() -> None:
    """Train the supernet unless its scores are there, then what is missing alone."""
    options = parse_options()
    samples = load_samples()
    problem = make_problem(LIMITS, classes=len(samples.train.class_names))
    scores_path = options.out / "supernet_scores.csv"
    note = f"python benchmarks/study_supernet_ranking.py; seed {SEED}"
    if not scores_path.exists():
        began = time.process_time()
        trained = train_supernet(
            problem, samples.train,
            Schedule(epochs=options.epochs, learning_rate=options.learning_rate, seed=SEED),
            checkpoint=options.checkpoint,
        )  # fmt: skip
        print(
            f"supernet: {time.process_time() - began:.0f} s of CPU, loss {trained.losses[-1]:.3f}"
        )
        specs = draw_networks(problem, options.networks)
        began = time.process_time()
        scorer = Scorer(trained.supernet, samples.train, samples.validation)
        scores = score_rows(problem, specs, scorer.score(specs, total=len(specs)))
        write_rows(scores_path, scores, note)
        print(f"scoring: {len(specs) / (time.process_time() - began):.0f} networks a second of CPU")
    scores = read_rows(scores_path)
    chosen = stratify(
        [float(row["macs"]) for row in scores], [float(row["accuracy"]) for row in scores],
        shape=GRID, rng=np.random.default_rng([SEED, 2]),
    )  # fmt: skip
    path = options.out / "supernet_ranking.csv"
    rows: list[dict[str, Any]] = list(read_rows(path))
    for seed in options.seeds:
        for score in (scores[index] for index in chosen):
            if any(r["network"] == score["network"] and int(r["seed"]) == seed for r in rows):
                continue
            began = time.process_time()
            spec = from_code(score["network"], classes=problem.space.classes)
            found = train_alone(spec, samples, seed, options)
            rows.append({
                "network": score["network"], "seed": seed,
                "estimate_accuracy": score["accuracy"], "estimate_loss": score["loss"],
                "macs": score["macs"], **found,
                "cpu_seconds": round(time.process_time() - began, 1),
            })  # fmt: skip
            write_rows(path, rows, note)
            print(rows[-1], flush=True)
    print_summary(rows)


if __name__ == "__main__":
    main()
