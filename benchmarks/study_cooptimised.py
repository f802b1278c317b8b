"""Sweep the weights of the co-optimised loss, and see what the baseline shrinks to.

Run from the repository's root, with the recorded digits (fetched once) or a copy of them named
by TINYML_COURSE_DATA:

    python benchmarks/study_cooptimised.py

Appends to `chapters/03_pipeline/data/cooptimised.csv` one row a pair of weights: widths, bytes,
milliseconds, and the accuracy on the held-out fifth before and after the faded channels are
removed, and after some epochs more. All runs begin with the same trained baseline and see the same
number of epochs. What is already there is not run again. One seed; about nine minutes on one core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from study_tables import append_row, read_rows

from tinyml_course.compression.cooptimise import cooptimise
from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.boards import find_board
from tinyml_course.core.environment import seed_everything
from tinyml_course.core.types import GestureSet
from tinyml_course.cost.graph import arch_graph
from tinyml_course.data import load_gestures, split
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.latency import model_latency
from tinyml_course.device.slim_size import slim_bytes
from tinyml_course.training.build import build
from tinyml_course.training.fit import evaluate, fit

OUT = Path(__file__).parents[1] / "chapters" / "03_pipeline" / "data" / "cooptimised.csv"
COMMAND = "python benchmarks/study_cooptimised.py"
BOARD = "esp32"
PAIRS = (
    (0.0, 0.0), (0.0, 0.3), (0.0, 1.0), (0.0, 3.0), (0.3, 0.0), (0.3, 1.0), (1.0, 0.0), (1.0, 0.3),
    (1.0, 1.0), (1.0, 3.0), (3.0, 0.0), (3.0, 1.0), (0.0, 10.0), (10.0, 0.0), (10.0, 10.0),
)  # fmt: skip
"""Weights of flash and of latency."""
BASE_EPOCHS, COST_EPOCHS, TUNE_EPOCHS, COPIES = 40, 30, 15, 1
RATE, TUNE_RATE = 1e-2, 3e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One pair of weights, in nats; bytes of the slimmed file and of the arena; shares of 1.

    `accuracy_trained` is that of the whole network after the training with costs, `accuracy_cut`
    right after the removal, `accuracy` at the end.
    """

    seed: int
    flash_weight: float
    latency_weight: float
    widths: str
    model_bytes: int
    arena_bytes: int
    latency_ms: float
    accuracy_baseline: float
    accuracy_trained: float
    accuracy_cut: float
    accuracy: float
    seconds: float


def baseline(classes: int) -> ArchSpec:
    """Return the network in the style of the published magic wand's."""
    layers = tuple(LayerSpec(op="conv", filters=width, stride=2) for width in (16, 32, 64))
    return ArchSpec(layers=layers, classes=classes)


def run(gestures: GestureSet, seed: int, weights: list[tuple[float, float]]) -> Iterator[Row]:
    """Yield the row of each pair of weights."""
    train, test = split(gestures, test_fraction=0.2, seed=seed)
    spec = baseline(len(train.class_names))
    seed_everything(seed)
    base = build(spec)
    fit(base, train, epochs=BASE_EPOCHS, seed=seed, learning_rate=RATE, copies=COPIES)
    for flash_weight, latency_weight in weights:
        began = time.perf_counter()
        seed_everything(seed)
        model = build(spec)
        model.set_weights(base.get_weights())
        found = cooptimise(
            model, spec, train, flash_weight=flash_weight, latency_weight=latency_weight,
            epochs=COST_EPOCHS, board=BOARD, seed=seed + 1, learning_rate=RATE, copies=COPIES,
        )  # fmt: skip
        cut = evaluate(found.model, test)
        fit(
            found.model, train, epochs=TUNE_EPOCHS, seed=seed + 2, learning_rate=TUNE_RATE,
            copies=COPIES,
        )  # fmt: skip
        yield Row(
            seed=seed,
            flash_weight=flash_weight,
            latency_weight=latency_weight,
            widths=" ".join(map(str, found.widths.values())),
            **costs(found.spec),
            accuracy_baseline=round(evaluate(base, test), 4),
            accuracy_trained=round(evaluate(model, test), 4),
            accuracy_cut=round(cut, 4),
            accuracy=round(evaluate(found.model, test), 4),
            seconds=round(time.perf_counter() - began, 1),
        )


def costs(spec: ArchSpec) -> dict[str, Any]:
    """Return what the network costs on the board, by column."""
    graph, board = arch_graph(spec), find_board(BOARD)
    return {
        "model_bytes": slim_bytes(graph),
        "arena_bytes": plan_arena(graph, board.kernels).required_bytes,
        "latency_ms": round(model_latency(graph, board, board.kernels).milliseconds, 2),
    }


def show(rows: list[dict[str, str]]) -> Table:
    """Return the rows as a table."""
    columns = ("flash_weight", "latency_weight", "widths", "model_bytes", "arena_bytes",
               "latency_ms", "accuracy_trained", "accuracy_cut", "accuracy")  # fmt: skip
    table = Table(*columns)
    for row in sorted(rows, key=lambda r: -float(r["model_bytes"])):
        table.add_row(*(row[name] for name in columns))
    return table


def main() -> None:
    """Run what is missing, write it down row by row, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    done = {
        (float(r["flash_weight"]), float(r["latency_weight"]))
        for r in read_rows(options.out)
        if int(r["seed"]) == options.seed
    }
    missing = [pair for pair in PAIRS if pair not in done]
    if missing:
        for row in run(load_gestures("magic-wand"), options.seed, missing):
            append_row(options.out, asdict(row), COMMAND)
    Console().print(show(read_rows(options.out)))


if __name__ == "__main__":
    main()
