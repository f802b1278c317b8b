"""Every network of a small space that fits the chip, judged by one supernet on the real digits.

Run from the repository's root:

    python benchmarks/tabulate_small_space.py

Trains a supernet of `nas.tabulated.SMALL_SPACE` alone on the strokes of
`study_supernet_ranking.py`, and writes `small_space.csv`: each feasible network of that space with
its estimates on the validation strokes and its exact costs. With the table as its objective a
search takes milliseconds, so that strategies can race with many seeds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from study_supernet_ranking import (
    LIMITS,
    OUT,
    SEED,
    load_samples,
    score_rows,
)
from study_tables import write_rows

from tinyml_course.nas.catalog import make_problem
from tinyml_course.nas.recalibrate import Scorer
from tinyml_course.nas.supernet_training import Schedule, train_supernet
from tinyml_course.nas.tabulated import SMALL_SPACE


def parse_options() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=150, help="of the supernet")
    parser.add_argument("--learning-rate", type=float, default=5e-3, help="of the supernet")
    parser.add_argument("--checkpoint", type=Path, help="keeps the supernet's training")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


def main() -> None:
    """Train the supernet and score the space with it."""
    options = parse_options()
    samples = load_samples()
    problem = make_problem(LIMITS, classes=len(samples.train.class_names), space=SMALL_SPACE)
    schedule = Schedule(epochs=options.epochs, learning_rate=options.learning_rate, seed=SEED)
    trained = train_supernet(problem, samples.train, schedule, checkpoint=options.checkpoint)
    specs = [
        spec
        for spec in problem.space.enumerate()
        if not problem.constraints.violations(problem.cost(spec))
    ]
    scorer = Scorer(trained.supernet, samples.train, samples.validation)
    rows = score_rows(problem, specs, scorer.score(specs, total=len(specs)))
    for row, spec in zip(rows, specs, strict=True):
        row["parameters"] = problem.cost(spec).parameters
    note = f"python benchmarks/tabulate_small_space.py; seed {SEED}"
    write_rows(options.out / "small_space.csv", rows, note)
    print(f"{len(rows)} of {SMALL_SPACE.size()} networks fit and were scored")


if __name__ == "__main__":
    main()
