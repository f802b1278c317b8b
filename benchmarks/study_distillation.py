"""Does a strong teacher help a network of 6 KB? Soft targets and attention against labels alone.

Run from the repository's root, with the recorded digits (fetched once) or a copy of them named
by TINYML_COURSE_DATA:

    python benchmarks/study_distillation.py

Appends to `chapters/03_pipeline/data/distillation.csv` one row a seed, method and kind of student:
the accuracy on the held-out fifth. What is already there is not run again. Every student of a
seed starts from the same weights and sees the same images for the same number of epochs; the
quantization-aware one goes on from the float one with the same method. The temperature and the
shares were set beforehand, not by these accuracies. About four minutes a seed on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from study_tables import append_row, read_rows

from tinyml_course.compression.attention import Attention, pair_layers
from tinyml_course.compression.distillation import distill
from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.environment import seed_everything
from tinyml_course.core.statistics import mean_interval
from tinyml_course.core.types import GestureSet
from tinyml_course.data import load_gestures, split
from tinyml_course.quantization.qat import quantize_aware
from tinyml_course.training.build import build
from tinyml_course.training.fit import evaluate, fit

OUT = Path(__file__).parents[1] / "chapters" / "03_pipeline" / "data" / "distillation.csv"
COMMAND = "python benchmarks/study_distillation.py"
METHODS = ("labels", "soft targets", "soft targets + attention")
TEACHER_WIDTHS, STUDENT_WIDTHS = (16, 32, 64), (6, 12, 20)
TEACHER_EPOCHS, FLOAT_EPOCHS, AWARE_EPOCHS = 60, 60, 15
FLOAT_RATE, AWARE_RATE = 1e-2, 1e-3
TEMPERATURE, HARD_WEIGHT, ATTENTION_WEIGHT = 4.0, 0.1, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One student, float or aware, after so many epochs in all; accuracies are shares of 1."""

    seed: int
    student: str
    method: str
    epochs: int
    accuracy_teacher: float
    accuracy: float


def strided(widths: tuple[int, ...], classes: int) -> ArchSpec:
    """Return convolutions of these widths, each of which halves the image."""
    layers = tuple(LayerSpec(op="conv", filters=width, stride=2) for width in widths)
    return ArchSpec(layers=layers, classes=classes)


def train_with(method: str, train: GestureSet, seed: int) -> Callable[..., Any]:
    """Return the training function of a method: of student, teacher, epochs and rate."""

    def run(student: Any, teacher: Any, epochs: int, rate: float) -> None:
        seed_everything(seed)
        options = {
            "epochs": epochs, "seed": seed, "learning_rate": rate,
            "description": f"seed {seed}, {method}",
        }  # fmt: skip
        if method == "labels":
            fit(student, train, **options)
            return
        attention = None
        if method.endswith("attention"):
            attention = Attention(pairs=pair_layers(student, teacher), weight=ATTENTION_WEIGHT)
        distill(
            student, teacher, train, temperature=TEMPERATURE, hard_weight=HARD_WEIGHT,
            attention=attention, **options,
        )  # fmt: skip

    return run


def run_seed(gestures: GestureSet, seed: int, done: set[tuple[str, ...]]) -> Iterator[Row]:
    """Yield the missing rows of one seed; it draws the split, first weights and augmentation."""
    train, test = split(gestures, test_fraction=0.2, seed=seed)
    classes = len(train.class_names)

    @cache
    def teacher() -> Any:
        seed_everything(seed)
        model = build(strided(TEACHER_WIDTHS, classes))
        train_with("labels", train, seed)(model, None, TEACHER_EPOCHS, FLOAT_RATE)
        return model

    for method in METHODS:
        if {(str(seed), kind, method) for kind in ("float", "aware")} <= done:
            continue
        seed_everything(seed)
        student, run = build(strided(STUDENT_WIDTHS, classes)), train_with(method, train, seed)
        run(student, teacher(), FLOAT_EPOCHS, FLOAT_RATE)
        aware = quantize_aware(student, calibration=train.images)
        run(aware, teacher(), AWARE_EPOCHS, AWARE_RATE)
        for kind, model, epochs in (
            ("float", student, FLOAT_EPOCHS),
            ("aware", aware, FLOAT_EPOCHS + AWARE_EPOCHS),
        ):
            yield Row(
                seed=seed,
                student=kind,
                method=method,
                epochs=epochs,
                accuracy_teacher=round(evaluate(teacher(), test), 4),
                accuracy=round(evaluate(model, test), 4),
            )


def summarise(rows: list[dict[str, str]]) -> Table:
    """Return each method's mean accuracy and its gain over labels alone, seed by seed."""
    table = Table("student", "method", "seeds", "accuracy", "against labels alone")
    teachers = {r["seed"]: float(r["accuracy_teacher"]) for r in rows}
    if len(teachers) < 2:
        return table
    percent = mean_interval(list(teachers.values())).percent()
    table.add_row("teacher", METHODS[0], str(len(teachers)), percent, "")
    for kind in ("float", "aware"):
        alone = accuracies(rows, kind, METHODS[0])
        for method in METHODS:
            own = accuracies(rows, kind, method)
            seeds = sorted(own.keys() & alone.keys())
            if len(seeds) < 2:
                continue
            gain = mean_interval([own[seed] - alone[seed] for seed in seeds]).points()
            mean = mean_interval([own[seed] for seed in seeds]).percent()
            table.add_row(kind, method, str(len(seeds)), mean, gain if own != alone else "")
    return table


def accuracies(rows: list[dict[str, str]], student: str, method: str) -> dict[str, float]:
    """Return the accuracies of one kind of student and method by seed."""
    return {
        row["seed"]: float(row["accuracy"])
        for row in rows
        if (row["student"], row["method"]) == (student, method)
    }


def main() -> None:
    """Run what is missing, write it down row by row, and print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2, 3, 4])
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    gestures = load_gestures("magic-wand")
    done = {(r["seed"], r["student"], r["method"]) for r in read_rows(options.out)}
    for seed in options.seeds:
        for row in run_seed(gestures, seed, done):
            append_row(options.out, asdict(row), COMMAND)
    Console().print(summarise(read_rows(options.out)))


if __name__ == "__main__":
    main()
