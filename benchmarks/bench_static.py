"""Measure each experiment's page version: seconds to draw all its states, bytes after gzip.

Run with ``python benchmarks/bench_static.py``, or name experiments: ``... memory-budget-dense``.
All of them take about five minutes of one core.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import time

import tinyml_course.widgets as widgets
from tinyml_course.widgets.experiment import Experiment
from tinyml_course.widgets.static import MAX_WIDGET_BYTES, build_static


def find_experiments() -> dict[str, Experiment]:
    """Return the experiments that the widget modules hold by name."""
    modules = (
        importlib.import_module(module.name)
        for module in pkgutil.iter_modules(widgets.__path__, f"{widgets.__name__}.")
    )
    values = (value for module in modules for value in vars(module).values())
    return {value.name: value for value in values if isinstance(value, Experiment)}


def main() -> None:
    """Print one row an experiment, its bytes as a share of the budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="experiments to measure; all where none is named")
    experiments = find_experiments()
    names = parser.parse_args().names or sorted(experiments)
    print(f"{'experiment':24}{'states':>8}{'CPU s':>8}{'bytes':>10}{'of budget':>11}")
    for name in names:
        start = time.process_time()
        piece = build_static(experiments[name])
        seconds = time.process_time() - start
        share = piece.compressed_bytes / MAX_WIDGET_BYTES
        print(f"{name:24}{piece.states:8}{seconds:8.1f}{piece.compressed_bytes:10,}{share:11.0%}")
        for note in piece.thinned:
            print(f"    {note}")


if __name__ == "__main__":
    main()
