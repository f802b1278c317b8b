"""The tables of "beat the search": a supernet's estimate of every design, and a searched front.

Run from the repository's root, with the recorded digits (fetched once) or a copy of them named
by TINYML_COURSE_DATA:

    python benchmarks/study_beat_the_search.py

Trains the supernet of `study_supernet_ranking.py` (the same space, limits, strokes, schedule and
seed; --checkpoint takes up its training), scores each network that the sliders can describe and
that fits, and lets NSGA-II search the whole space by the same supernet's estimates. Writes
`designs.csv` and `searched_front.csv`. Estimates are of the validation strokes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
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
from tinyml_course.nas.front import find_front
from tinyml_course.nas.nsga2 import NSGA2
from tinyml_course.nas.one_shot import Scored, search_estimates
from tinyml_course.nas.recalibrate import Estimate, Scorer
from tinyml_course.nas.supernet_training import Schedule, train_supernet
from tinyml_course.widgets.beat_the_search import cost_of, designs


def front_of(scored: Sequence[Scored]) -> list[Scored]:
    """Return the networks that no other one dominates by estimate, the most accurate first."""
    by_hash = {found.trial.hash: found for found in scored}
    return [by_hash[trial.hash] for trial in find_front([found.trial for found in scored])]


def main() -> None:
    """Score the designs, search, and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=2000, help="that the search may judge")
    parser.add_argument("--checkpoint", type=Path, help="keeps the supernet's training")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    samples = load_samples()
    problem = make_problem(LIMITS, classes=len(samples.train.class_names))
    trained = train_supernet(
        problem, samples.train, Schedule(seed=SEED), checkpoint=options.checkpoint
    )
    scorer = Scorer(trained.supernet, samples.train, samples.validation)
    note = f"python benchmarks/study_beat_the_search.py --networks {options.networks}; seed {SEED}"
    feasible = [spec for spec in designs() if not LIMITS.violations(cost_of(spec))]
    estimates: Iterator[Estimate] = scorer.score(feasible, total=len(feasible))
    write_rows(options.out / "designs.csv", score_rows(problem, feasible, estimates), note)
    began = time.process_time()
    scored = search_estimates(NSGA2(problem, seed=SEED), problem, scorer, options.networks)
    front = front_of(scored)
    specs, known = [f.trial.spec for f in front], iter([f.estimate for f in front])
    write_rows(options.out / "searched_front.csv", score_rows(problem, specs, known), note)
    print(
        f"{len(feasible)} designs; {len(front)} of {len(scored)} searched networks on the front, "
        f"{time.process_time() - began:.0f} s of CPU"
    )


if __name__ == "__main__":
    main()
