"""Time to cost a network, beside converting it: `python benchmarks/bench_cost.py`.

The target is 2 ms a network, uncached and without TensorFlow. The other way to the same figures
is to build the network in Keras, convert it and plan the file.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.boards import find_board
from tinyml_course.cost.estimate import estimate_cost
from tinyml_course.cost.file_size import file_bytes
from tinyml_course.cost.graph import arch_graph
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.latency import model_latency
from tinyml_course.nas.agreement import convert_random
from tinyml_course.nas.costs import measure_cost
from tinyml_course.nas.space import DEFAULT_SPACE

TARGET_MS = 2.0


def main() -> None:
    """Time each step over random networks and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=500)
    parser.add_argument("--conversions", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    specs = [DEFAULT_SPACE.sample(rng) for _ in range(options.networks)]
    graphs = {spec: arch_graph(spec) for spec in specs}
    board = find_board("esp32")
    whole = _milliseconds(measure_cost, specs)
    steps: dict[str, Callable[[ArchSpec], object]] = {
        "graph": arch_graph,
        "parameters, MACs": lambda spec: estimate_cost(graphs[spec]),
        "arena": lambda spec: plan_arena(graphs[spec], board.kernels),
        "file size": lambda spec: file_bytes(spec, graphs[spec]),
        "latency": lambda spec: model_latency(graphs[spec], board),
    }
    table = Table("step", "median ms", "95th percentile ms")
    for name, step in steps.items():
        table.add_row(name, *_figures(_milliseconds(step, specs)))
    table.add_row("all of it: measure_cost", *_figures(whole))
    converted = _milliseconds(_convert, specs[: options.conversions + 1])[1:]  # the first one warms
    table.add_row("convert and plan", *_figures(converted))
    console = Console()
    console.print(table)
    ratio = statistics.median(converted) / statistics.median(whole)
    verdict = "met" if statistics.median(whole) < TARGET_MS else "missed"
    console.print(f"target {TARGET_MS} ms a network: {verdict}; {ratio:,.0f} times the speed")


def _convert(spec: ArchSpec) -> object:
    return plan_arena(read_model(convert_random(spec, 0).tflite), "esp-nn")


def _milliseconds(step: Callable[[ArchSpec], object], specs: list[ArchSpec]) -> list[float]:
    """Return the CPU time of `step` for each network: other processes do not count."""
    found = []
    for spec in specs:
        started = time.process_time()
        step(spec)
        found.append(1e3 * (time.process_time() - started))
    return found


def _figures(values: list[float]) -> tuple[str, str]:
    high = sorted(values)[int(0.95 * (len(values) - 1))]
    return f"{statistics.median(values):.3f}", f"{high:.3f}"


if __name__ == "__main__":
    main()
