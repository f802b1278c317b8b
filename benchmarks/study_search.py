"""Which search finds the better front in the same time? Five seeds, on the real digits.

Run from the repository's root, with the recorded digits (fetched once) or a copy of them named
by TINYML_COURSE_DATA:

    python benchmarks/study_search.py

Each method searches the course's space for networks of at most 16 KB of arena and 12 KB of
flash, for the same seconds of one core: of the process's own time, so that other work on the
machine takes nothing from anyone. A supernet's training is part of its time; loading TensorFlow
is part of no one's. A seed draws the split, the search and all first weights, so methods are
compared seed by seed. Each front, by the method's own figures, is thinned to five members (those
that cover most of its range), and these are trained anew, by one recipe for all methods, with
other first weights; the hypervolumes come from these trainings, on the validation strokes that
selected and on the test strokes that no search has seen.

Fixed before any result was seen: objectives error, arena, flash, latency; the corner of record
is an error of 50 %, 16 KB, 12 KB and 100 ms, up to which a reaction feels immediate (Nielsen,
1993, section 5.5); beside it stands the corner of `tinyml search`: 100 %, the same sizes, 1 s.
The model-based search is told the corner of record, which the others have no use for. The
seconds were doubled from 90 before a front was judged: a supernet's training takes longer.

Writes `search_race_runs.csv` (what each search handed over), `search_race_members.csv` (the
trainings) and `search_race.csv` (the hypervolumes). What the tables hold is not run again, so
an interrupted study goes on, and two processes with different --seeds may share the work. The
default methods take about an hour and a half of one core.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from search_methods import CORNER, DEFAULT, METHODS, OURS, Clock, Run
from study_tables import append_row, read_rows, write_rows

from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.core.statistics import mean_interval
from tinyml_course.core.types import GestureSet
from tinyml_course.data import load_gestures, split
from tinyml_course.nas.catalog import Samples, make_problem, split_samples
from tinyml_course.nas.code import from_code, to_code
from tinyml_course.nas.costs import Constraints
from tinyml_course.nas.front import find_front, measure_hypervolume, objectives
from tinyml_course.nas.strategy import Problem
from tinyml_course.nas.trial import Trial
from tinyml_course.training.build import build
from tinyml_course.training.fit import evaluate, fit

OUT = Path(__file__).parents[1] / "chapters" / "02_nas" / "data"
LIMITS = Constraints(max_arena=16 * 1024, max_flash=12 * 1024)
CORNERS = {"": CORNER, "_wide": replace(CORNER, error=1.0, latency_ms=1000.0)}
"""By the suffix of their columns; the first is the one of record."""
MEMBERS = 5
FINAL = {"epochs": 20, "copies": 2, "learning_rate": 4e-3}
"""How members of the fronts are trained, as in `study_supernet_ranking.py`."""
FINAL_SEED = 1000
"""Added to the seed for the members' first weights: none is trained as it was in the search."""


def choose_members(front: Sequence[Trial], count: int) -> list[Trial]:
    """Return the `count` members that dominate most of the front's own range, greedily.

    The range of each objective on this front is mapped to [0, 1], so that it doesn't matter how
    far a method's accuracies are from those of a full training.
    """
    from moocore import hypervolume

    if not front:
        return []
    costs = objectives(front)
    spread = np.ptp(costs, axis=0)
    costs = (costs - costs.min(axis=0)) / np.where(spread > 0, spread, 1.0)
    chosen: list[int] = []
    while len(chosen) < min(count, len(front)):
        rest = [index for index in range(len(front)) if index not in chosen]
        volumes = [hypervolume(costs[[*chosen, index]], ref=np.full(4, 1.1)) for index in rest]
        chosen.append(rest[int(np.argmax(volumes))])
    return [front[index] for index in chosen]


def load_task(seed: int) -> tuple[Problem, Samples, GestureSet]:
    """Return the problem, what a search may see, and the test strokes."""
    rest, test = split(load_gestures("magic-wand", seed=seed), test_fraction=0.2, seed=seed)
    problem = make_problem(LIMITS, classes=len(rest.class_names))
    return problem, split_samples(rest, seed=seed), test


def run_method(method: str, seed: int, budget: float) -> dict[str, Any]:
    """Return one search as a row: its figures, and its members as codes."""
    problem, samples, _ = load_task(seed)
    load_keras().backend.clear_session()
    gc.collect()
    seed_everything(seed)
    began, run = time.perf_counter(), Run(problem, samples, seed, Clock(budget))
    trials = METHODS[method](run)
    spent, wall = run.clock.spent, time.perf_counter() - began
    front = find_front(trials)
    chosen = choose_members(front, MEMBERS)
    return {
        "method": method, "seed": seed, "evaluations": len(trials),
        "networks": len({trial.hash for trial in trials}), "front": len(front),
        "cpu_seconds": round(spent, 1), "wall_seconds": round(wall, 1),
        "load": round(os.getloadavg()[0], 1),
        "members": "; ".join(to_code(trial.spec) for trial in chosen),
        "own_accuracies": "; ".join(f"{trial.accuracy:.4f}" for trial in chosen),
    }  # fmt: skip


def train_member(spec: ArchSpec, seed: int) -> dict[str, Any]:
    """Return validation and test accuracy of one network after the training of record."""
    _, samples, test = load_task(seed)
    load_keras().backend.clear_session()
    gc.collect()
    began = time.process_time()
    seed_everything(seed + FINAL_SEED)
    model = build(spec)
    fit(model, samples.train, seed=seed + FINAL_SEED, progress=False, **FINAL)
    return {
        "seed": seed, "network": to_code(spec),
        "validation": round(evaluate(model, samples.validation), 4),
        "test": round(evaluate(model, test), 4),
        "cpu_seconds": round(time.process_time() - began, 1),
    }  # fmt: skip


def judge_front(codes: Sequence[str], members: dict[str, dict[str, str]]) -> dict[str, float]:
    """Return the hypervolumes of one front after the members' trainings."""
    problem = make_problem(LIMITS, classes=10)
    found = {}
    for part in ("validation", "test"):
        trials = []
        for code in codes:
            spec = from_code(code, classes=10)
            trials.append(Trial(
                spec=spec, hash=problem.identify(spec), cost=problem.cost(spec),
                accuracy=float(members[code][part]),
            ))  # fmt: skip
        for suffix, corner in CORNERS.items():
            found[part + suffix] = round(measure_hypervolume(trials, corner), 4)
    return found


def missing_runs(path: Path, options: argparse.Namespace) -> Iterator[tuple[str, int]]:
    """Yield method and seed of each search that the table lacks, each seed in another order."""
    for seed in options.seeds:
        turn = seed % len(options.methods)
        for method in options.methods[turn:] + options.methods[:turn]:
            if not any(r["method"] == method and int(r["seed"]) == seed for r in read_rows(path)):
                yield method, seed


def missing_members(runs: Path, members: Path, seeds: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Yield network and seed of each training that the table of members lacks."""
    for run in read_rows(runs):
        for code in run["members"].split("; "):
            known = {(r["network"], int(r["seed"])) for r in read_rows(members)}
            if int(run["seed"]) in seeds and (code, int(run["seed"])) not in known:
                yield code, int(run["seed"])


def tabulate(runs: Path, members: Path) -> list[dict[str, Any]]:
    """Return the rows of the result: every search whose members are all trained."""
    trained: dict[int, dict[str, dict[str, str]]] = {}
    for row in read_rows(members):
        trained.setdefault(int(row["seed"]), {})[row["network"]] = row
    table = []
    for run in sorted(read_rows(runs), key=lambda r: (list(METHODS).index(r["method"]), r["seed"])):
        codes, known = run["members"].split("; "), trained.get(int(run["seed"]), {})
        if all(code in known for code in codes):
            kept = {name: run[name] for name in list(run)[:-2]}
            table.append({**kept, "members": len(codes), **judge_front(codes, known)})
    return table


def print_summary(table: Sequence[dict[str, Any]]) -> None:
    """Print each method's hypervolumes, and how far ours are ahead of it, seed by seed."""
    for name in (part + suffix for suffix in CORNERS for part in ("validation", "test")):
        scores: dict[str, dict[str, float]] = {}
        for row in table:
            scores.setdefault(row["method"], {})[row["seed"]] = row[name]
        for method, own in scores.items():
            if len(own) < 2:
                continue
            found = mean_interval(list(own.values()))
            line = f"{name:<15} {method:<9} {found.mean:.3f} ± {found.half_width:.3f}"
            for ours in OURS:
                pairs = [scores[ours][s] - own[s] for s in own if s in scores.get(ours, {})]
                if ours != method and len(pairs) > 1:
                    ahead = mean_interval(pairs)
                    line += f"   {ours} ahead {ahead.mean:+.3f} ± {ahead.half_width:.3f}"
            print(line)


def parse_options() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=180.0, help="of one core, for a search")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=DEFAULT)
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


def main() -> None:
    """Run the searches and trainings that are missing, write the table and print it."""
    options = parse_options()
    runs, members = (options.out / f"search_race_{name}.csv" for name in ("runs", "members"))
    note = f"python benchmarks/study_search.py --seconds {options.seconds:g}"
    for method, seed in missing_runs(runs, options):
        append_row(runs, run_method(method, seed, options.seconds), note)
    for code, seed in missing_members(runs, members, options.seeds):
        append_row(members, train_member(from_code(code, classes=10), seed), note)
    if table := tabulate(runs, members):
        write_rows(options.out / "search_race.csv", table, note)
        print_summary(table)


if __name__ == "__main__":
    main()
