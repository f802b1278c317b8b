"""Architectures evaluated a minute: each trained in turn, against one supernet.

Run from the repository's root:

    python benchmarks/bench_supernet.py

The first method is the one that tutorials show, repaired only enough to run: random networks of 2
to 6 convolutions with 8 to 64 filters, each trained for 10 epochs with a patience of 3, its best
validation accuracy kept. The second trains one supernet and evolves a front on its estimates, all
under limits of arena and flash; the supernet's training, its tracing and the search's own work
are counted in. Both run in this process, one after the other, on the same samples; rates are given
by the clock and by CPU time, which other work on the machine disturbs less. Writes
`supernet_speed.csv`.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.data import load_gestures, split
from tinyml_course.nas.catalog import Samples, make_problem, split_samples
from tinyml_course.nas.costs import Constraints
from tinyml_course.nas.nsga2 import NSGA2
from tinyml_course.nas.one_shot import search_estimates
from tinyml_course.nas.recalibrate import Scorer
from tinyml_course.nas.supernet_training import Schedule, train_supernet

OUT = Path(__file__).parents[1] / "chapters" / "02_nas" / "data"
LIMITS = Constraints(max_arena=16 * 1024, max_flash=12 * 1024)
OPERATIONS = ("conv", "separable", "depthwise")


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds that something took, by the clock and of CPU."""

    wall: float
    cpu: float


def measure(work: Callable[[], Any]) -> tuple[Any, Spent]:
    """Return what `work` returns, and the time that it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, Spent(time.perf_counter() - wall, time.process_time() - cpu)


def random_candidate(rng: np.random.Generator, classes: int) -> Any:
    """Return a random Keras network of the tutorials' kind, for 32 x 32 images."""
    layers = load_keras().layers
    stack: list[Any] = [layers.Input((32, 32, 1))]
    count = int(rng.integers(2, 7))
    for number in range(count):
        operation = str(rng.choice(OPERATIONS))
        options = {
            "kernel_size": int(rng.choice((3, 5))),
            "activation": str(rng.choice(("relu", "relu6"))),
            "padding": "same",
        }
        filters = int(rng.choice((8, 16, 32, 64)))
        if operation == "conv":
            stack.append(layers.Conv2D(filters, **options))
        elif operation == "separable":
            stack.append(layers.SeparableConv2D(filters, **options))
        else:
            stack.append(layers.DepthwiseConv2D(**options))
        if number % 2 and number < count - 1:
            stack.append(layers.MaxPooling2D(2))
    dense = layers.Dense(int(rng.choice((16, 32, 64))), activation="relu")
    head = [dense, layers.Dropout(0.5), layers.Dense(classes, activation="softmax")]
    return load_keras().Sequential([*stack, layers.GlobalAveragePooling2D(), *head])


def train_in_turn(samples: Samples, count: int, seed: int) -> list[float]:
    """Return the best validation accuracy of each of `count` candidates."""
    keras, rng = load_keras(), np.random.default_rng(seed)
    classes = len(samples.train.class_names)
    targets = [np.eye(classes)[part.labels] for part in (samples.train, samples.validation)]
    found = []
    for number in range(count):
        keras.backend.clear_session()
        seed_everything(seed + number)
        model = random_candidate(rng, classes)
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
        log = model.fit(
            samples.train.images, targets[0], batch_size=32, epochs=10, verbose=0,
            validation_data=(samples.validation.images, targets[1]),
            callbacks=[keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)],
        ).history  # fmt: skip
        found.append(float(max(log["val_accuracy"])))
        print(f"candidate {number}: {model.count_params():,} parameters, {found[-1]:.1%}",
              flush=True)  # fmt: skip
    return found


def parse_options() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="magic-wand")
    parser.add_argument("--candidates", type=int, default=6, help="that are trained in turn")
    parser.add_argument("--networks", type=int, default=2000, help="of the supernet's search")
    parser.add_argument("--epochs", type=int, default=Schedule().epochs, help="of the supernet")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


def main() -> None:
    """Measure both methods, print their rates and the ratio, and write the table."""
    options = parse_options()
    rest, _ = split(load_gestures(options.data), test_fraction=0.2, seed=options.seed)
    samples = split_samples(rest, seed=options.seed)
    problem = make_problem(LIMITS, classes=len(samples.train.class_names))
    train_in_turn(samples, 1, options.seed + 1000)  # imports and the first kernels are no one's
    _, turn = measure(lambda: train_in_turn(samples, options.candidates, options.seed))
    schedule = Schedule(epochs=options.epochs, seed=options.seed)
    trained, training = measure(lambda: train_supernet(problem, samples.train, schedule))
    scorer = Scorer(trained.supernet, samples.train, samples.validation)
    strategy = NSGA2(problem, seed=options.seed)
    scored, searching = measure(
        lambda: search_estimates(strategy, problem, scorer, options.networks)
    )
    shot = Spent(training.wall + searching.wall, training.cpu + searching.cpu)
    rows = [
        ("each trained in turn", options.candidates, turn),
        ("supernet: training", 0, training),
        ("supernet: search", len(scored), searching),
        ("supernet: both", len(scored), shot),
    ]
    write_rows(options, rows)
    ratios = [len(scored) / s / (options.candidates / t)
              for s, t in ((shot.wall, turn.wall), (shot.cpu, turn.cpu))]  # fmt: skip
    print(f"ratio: {ratios[0]:.0f} by the clock, {ratios[1]:.0f} by CPU time (target: 100)")


def write_rows(options: argparse.Namespace, rows: list[tuple[str, int, Spent]]) -> None:
    """Print the table and write it."""
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "supernet_speed.csv").open("w", newline="") as file:
        file.write(
            f"# python benchmarks/bench_supernet.py --candidates {options.candidates} --networks "
            f"{options.networks} --epochs {options.epochs} --seed {options.seed}\n"
        )
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("method", "networks", "wall_seconds", "cpu_seconds"))
        for name, count, spent in rows:
            writer.writerow((name, count, round(spent.wall, 1), round(spent.cpu, 1)))
            rate = f"{60 * count / spent.wall:8.1f}{60 * count / spent.cpu:10.1f}" if count else ""
            print(f"{name:<22}{count:>6}{spent.wall:>9.1f} s{spent.cpu:>9.1f} s  {rate}")


if __name__ == "__main__":
    main()
