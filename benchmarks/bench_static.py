"""Measure each experiment's page version: seconds to draw all its states, bytes after gzip.

Run with ``python benchmarks/bench_static.py``, or name experiments: ``... memory-budget-dense``.
All of them take about five minutes of one core. With ``--site _build/html`` it weighs instead
what a built book holds, experiments made from a notebook's own training included.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import time
from pathlib import Path

import numpy as np

import tinyml_course.widgets as widgets
from tinyml_course.bookbuild.weight import weigh_pages
from tinyml_course.nas.estimates import EstimatedNetwork, read_estimates
from tinyml_course.nas.family import read_candidates
from tinyml_course.widgets.beat_the_search import beat_experiment
from tinyml_course.widgets.bits import bits_explorer, read_states
from tinyml_course.widgets.diagnosis import fault_game, read_cases
from tinyml_course.widgets.experiment import Experiment
from tinyml_course.widgets.pareto import scalarisation_experiment, space_experiment
from tinyml_course.widgets.static import MAX_WIDGET_BYTES, build_static

CHAPTERS = Path(__file__).resolve().parent.parent / "chapters"
SECONDS_PER_TRAINING = 30.0


def find_experiments() -> dict[str, Experiment]:
    """Return the experiments that the widget modules hold by name."""
    modules = (
        importlib.import_module(module.name)
        for module in pkgutil.iter_modules(widgets.__path__, f"{widgets.__name__}.")
    )
    values = (value for module in modules for value in vars(module).values())
    return {value.name: value for value in values if isinstance(value, Experiment)}


def make_experiments() -> dict[str, Experiment]:
    """Return the experiments that notebooks make from the course's tables."""
    family = read_candidates(CHAPTERS / "00_foundations/data/family.csv")
    sizes = np.array([candidate.weight_bytes / 1024 for candidate in family])
    errors = np.array([candidate.error_percent for candidate in family])
    data, search = CHAPTERS / "01_quantization/data", CHAPTERS / "02_nas/data"
    made = (
        space_experiment(SECONDS_PER_TRAINING),
        scalarisation_experiment(tuple(c.name for c in family), sizes, errors),
        bits_explorer(read_states(data / "bits.jsonl")),
        fault_game(read_cases(data / "diagnosis_cases.json")),
        beat_experiment(
            read_estimates(search / "designs.csv", EstimatedNetwork),
            read_estimates(search / "searched_front.csv", EstimatedNetwork),
        ),
    )
    return {experiment.name: experiment for experiment in made}


def measure(experiment: Experiment) -> None:
    """Print one row: CPU time and bytes, these as a share of the budget."""
    start = time.process_time()
    piece = build_static(experiment)
    seconds = time.process_time() - start
    share = piece.compressed_bytes / MAX_WIDGET_BYTES
    print(
        f"{experiment.name:26}{piece.states:8}{seconds:8.1f}{1e3 * seconds / piece.states:10.0f}"
        f"{piece.compressed_bytes:10,}{share:11.0%}",
        flush=True,
    )
    for note in piece.thinned:
        print(f"    {note}")


def weigh_site(site: Path) -> None:
    """Print one row an experiment of a built book."""
    print(f"{'experiment':26}{'states':>8}{'bytes':>10}{'of budget':>11}  page")
    for page in weigh_pages(site):
        for shown in page.experiments:
            share = shown.compressed_bytes / MAX_WIDGET_BYTES
            size = f"{shown.compressed_bytes:10,}{share:11.0%}"
            print(f"{shown.name:26}{shown.states:8}{size}  {page.name}")


def main() -> None:
    """Measure the experiments, or weigh a built book."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="experiments to measure; all where none is named")
    parser.add_argument("--site", type=Path, help="folder of a built book to weigh instead")
    options = parser.parse_args()
    if options.site:
        weigh_site(options.site)
        return
    experiments = find_experiments() | make_experiments()
    print(
        f"{'experiment':26}{'states':>8}{'CPU s':>8}{'ms/state':>10}{'bytes':>10}{'of budget':>11}"
    )
    for name in options.names or sorted(experiments):
        measure(experiments[name])


if __name__ == "__main__":
    main()
