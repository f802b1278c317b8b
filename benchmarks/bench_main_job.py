"""Accuracy, size and time of the main job over seeds: `python benchmarks/bench_main_job.py`.

Prints a row a seed, then the mean with its 95 % interval (Student's t).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tinyml_course.core.statistics import mean_interval
from tinyml_course.data.magic_wand import find_recordings
from tinyml_course.pipeline.job import Job, run_job


def main() -> None:
    """Run the job once for each seed and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = "magic-wand" if find_recordings() else "synthetic:digits"
    parser.add_argument("--data", default=default)
    parser.add_argument("--test")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()

    table = Table("seed", "float32", "int8 bytes", ".tflite", "arena", "seconds")
    accuracies = []
    for seed in options.seeds:
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            result = run_job(Job(data=options.data, test=options.test, seed=seed), Path(folder))
        report = result.report
        accuracies.append(report.accuracy)
        table.add_row(
            f"{seed}",
            f"{result.accuracy_float:.2%}",
            f"{report.accuracy:.2%}",
            f"{report.model_bytes:,} B",
            f"{report.plan.required_bytes:,} B",
            f"{time.perf_counter() - started:.0f}",
        )
    console = Console()
    console.print(table)
    console.print(f"int8 accuracy on {options.data}: {mean_interval(accuracies).percent()}")


if __name__ == "__main__":
    main()
