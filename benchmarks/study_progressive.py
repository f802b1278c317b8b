"""Compare lowering the weights' width in stages with going to the last width at once.

Run from the repository's root, with the recorded digits (fetched once) or a copy of them named
by TINYML_COURSE_DATA:

    python benchmarks/study_progressive.py

Writes `chapters/01_quantization/data/progressive.csv`: one row a seed, width and schedule, the
accuracy on held-out digits. All runs of a seed start from the same float weights, see the same
number of epochs under the same learning rates, and are judged after the last one. About ten
minutes on one core.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinyml_course.core.environment import seed_everything
from tinyml_course.core.types import GestureSet
from tinyml_course.data import load_gestures, split
from tinyml_course.quantization.schedule import ByEpoch, count_values, lower_bits
from tinyml_course.quantization.simulate import simulate
from tinyml_course.training.build import small_cnn
from tinyml_course.training.fit import evaluate, fit

OUT = Path(__file__).parents[1] / "chapters" / "01_quantization" / "data" / "progressive.csv"
FLOAT_EPOCHS, AWARE_EPOCHS = 40, 20
FLOAT_RATE, AWARE_RATE = 1e-2, 2e-3
STAGES = {4: (32, 16, 8, 6, 4), 2: (32, 16, 8, 6, 4, 2)}
"""Widths of the progressive runs, by the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One run: `schedule` is at_once, even_stages or short_stages; accuracies are shares."""

    seed: int
    bits: int
    schedule: str
    estimator: str
    epochs_at_bits: int
    values_per_channel: int
    accuracy_float: float
    accuracy_untrained: float
    accuracy: float


def plans(bits: int) -> Iterator[tuple[str, str, ByEpoch]]:
    """Yield the name, the estimator and the schedule of each run that ends at `bits`."""
    stages = STAGES[bits]
    early = len(stages) - 1
    even = AWARE_EPOCHS // len(stages)
    yield "at_once", "ste", ByEpoch(epochs=(), widths=(bits,))
    yield "even_stages", "ste", ByEpoch(epochs=(even,) * early, widths=stages)
    yield "short_stages", "ste", ByEpoch(epochs=(1,) * early, widths=stages)
    yield "at_once", "lsq", ByEpoch(epochs=(), widths=(bits,))


def run_seed(gestures: GestureSet, seed: int) -> Iterator[Row]:
    """Yield the rows of one seed; it draws the split, the first weights and the augmentation."""
    train, test = split(gestures, test_fraction=0.3, seed=seed)
    seed_everything(seed)
    model = small_cnn(len(train.class_names))
    fit(
        model, train, epochs=FLOAT_EPOCHS, seed=seed, copies=2, learning_rate=FLOAT_RATE,
        description=f"seed {seed}, float",
    )  # fmt: skip
    accuracy_float = evaluate(model, test)
    for bits in STAGES:
        for name, estimator, plan in plans(bits):
            untrained = simulate(model, train.images, weight_bits=bits, estimator=estimator)
            first = plan.width([])
            ready = simulate(model, train.images, weight_bits=first, estimator=estimator)
            widths = train_lower(ready, train, plan, seed=seed, title=f"{bits} bits, {name}")
            yield Row(
                seed=seed,
                bits=bits,
                schedule=name,
                estimator=estimator,
                epochs_at_bits=widths.count(bits),
                values_per_channel=max(count_values(ready).values()),
                accuracy_float=round(accuracy_float, 4),
                accuracy_untrained=round(evaluate(untrained, test), 4),
                accuracy=round(evaluate(ready, test), 4),
            )


def train_lower(
    model: Any, train: GestureSet, plan: ByEpoch, *, seed: int, title: str
) -> list[int]:
    """Train a simulated model under `plan` in place and return the width of each epoch."""
    seed_everything(seed)
    lower = lower_bits(plan)
    fit(
        model, train, epochs=AWARE_EPOCHS, seed=seed, learning_rate=AWARE_RATE,
        callbacks=[lower], description=f"seed {seed}, {title}",
    )  # fmt: skip
    return list(lower.widths)


def main() -> None:
    """Run every seed and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    gestures = load_gestures("magic-wand")
    rows = [asdict(row) for seed in options.seeds for row in run_seed(gestures, seed)]
    with options.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
