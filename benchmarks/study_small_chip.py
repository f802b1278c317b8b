"""The best network for 8 KB of arena and 8 KB of flash: its bytes on held-out digits.

Run from the repository's root, with the recorded digits (fetched once) or a copy of them named
by TINYML_COURSE_DATA:

    python benchmarks/study_small_chip.py --work FOLDER

First way, for each seed what this command does:

    tinyml search --data magic-wand --max-arena 8KB --max-flash 8KB --strategy supernet
                  --budget 12 --seed SEED --jobs 1

a fifth of the strokes held out, a quarter of the rest to select by, the most accurate network
trained fully on all but the held-out strokes, with quantization in the loop, and its bytes run
on the emulated chip. Second way, for the same networks: a longer training, and a longer training
that also learns from what a larger network says (`RECIPES`); one of them is chosen on the
validation strokes, averaged over the seeds, and then trained like the first way's.

Writes `small_chip.csv` (held-out accuracies, a row a seed and way) and `small_chip_choice.csv`
(validation accuracies of the recipes). What the tables hold is not run again; FOLDER keeps
searches and networks, so that an interrupted study goes on.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from study_tables import append_row, read_rows

from tinyml_course.core.arch import ArchSpec, gesture_net
from tinyml_course.core.arch_json import from_fields
from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.core.statistics import mean_interval
from tinyml_course.core.types import GestureSet, ModelArtifact
from tinyml_course.device.report import DeviceReport
from tinyml_course.nas.budget import Budget
from tinyml_course.nas.catalog import Settings, split_samples
from tinyml_course.nas.code import to_code
from tinyml_course.pipeline.job import FULL, Job, Schedule, load_job_data
from tinyml_course.pipeline.search_job import SearchJob, run_search_job

OUT = Path(__file__).parents[1] / "chapters" / "02_nas" / "data"
LIMIT = 8 * 1024
"""Bytes of arena, and of the file."""
TEACHER_WIDTH = 16
"""Of the gesture network that teaches: 13,000 parameters, twice the usual width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a found network is trained.

    Attributes
    ----------
    schedule : Schedule
        Epochs and rates.
    soft_share : float
        Weight of the teacher's probabilities in the targets; 0 for no teacher.
    """

    schedule: Schedule
    soft_share: float = 0.0


LONG = replace(FULL, float_epochs=240, aware_epochs=40)
RECIPES = {
    "search": Recipe(schedule=FULL),
    "long": Recipe(schedule=LONG),
    "distilled": Recipe(schedule=LONG, soft_share=0.5),
}
"""By name; the first is the first way's own."""


def search_network(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return the first way's row: the search, and what it leaves in the work folder."""
    began = time.perf_counter()
    job = SearchJob(
        data="magic-wand", max_arena=LIMIT, max_flash=LIMIT, strategy="supernet",
        budget=Budget(evaluations=options.budget), journal=options.work / f"{seed}.journal",
        settings=Settings(seed=seed, epochs=options.epochs), jobs=1,
    )  # fmt: skip
    outcome = run_search_job(job, options.work / f"search-{seed}")
    best = outcome.result.front[0]
    return {
        **describe("search", seed, best.spec, outcome.report),
        "validation": round(best.accuracy, 4), "evaluations": outcome.result.evaluations,
        "wall_seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip


def describe(way: str, seed: int, spec: ArchSpec, report: DeviceReport) -> dict[str, Any]:
    """Return what a report says of a network's bytes on the held-out strokes."""
    return {
        "way": way, "seed": seed, "network": to_code(spec), "fits": report.fits,
        "accuracy": round(report.accuracy, 4), "arena_bytes": report.plan.required_bytes,
        "model_bytes": report.model_bytes,
    }  # fmt: skip


def train_by(
    recipe: Recipe, spec: ArchSpec, train: GestureSet, seed: int
) -> tuple[ModelArtifact, Any]:
    """Return the slimmed int8 artefact of `spec`, and the model that it was converted from."""
    from tinyml_course.device.convert import convert_int8
    from tinyml_course.device.slim import slim
    from tinyml_course.quantization.qat import quantize_aware
    from tinyml_course.training.build import build

    load_keras().backend.clear_session()
    gc.collect()
    schedule = recipe.schedule
    seed_everything(seed)
    teacher = train_teacher(train, seed) if recipe.soft_share else None
    model = build(spec)
    teach(model, teacher, train, recipe, seed=seed)
    aware = quantize_aware(model, calibration=train.images)
    late = replace(
        schedule, float_epochs=schedule.aware_epochs, learning_rate=schedule.aware_learning_rate
    )
    teach(aware, teacher, train, replace(recipe, schedule=late), seed=seed)
    artifact = convert_int8(
        aware, train.images, class_names=train.class_names, seed=seed,
        data_fingerprint=train.fingerprint,
    )  # fmt: skip
    return replace(artifact, tflite=slim(artifact.tflite)), aware


def train_teacher(train: GestureSet, seed: int) -> Any:
    """Return the wider gesture network, trained as the main job trains."""
    from tinyml_course.training.build import build

    teacher = build(gesture_net(len(train.class_names), width=TEACHER_WIDTH))
    teach(teacher, None, train, RECIPES["search"], seed=seed)
    return teacher


def teach(model: Any, teacher: Any | None, train: GestureSet, recipe: Recipe, *, seed: int) -> None:
    """Train `model` in place on labels mixed with what the teacher says of the same images."""
    from tinyml_course.training.batches import EpochImages
    from tinyml_course.training.fit import predict, warmup_cosine

    keras, schedule = load_keras(), recipe.schedule
    steps = math.ceil(len(train) * schedule.copies / schedule.batch_size)
    rates = warmup_cosine(schedule.learning_rate, steps, schedule.float_epochs)
    model.compile(
        optimizer=keras.optimizers.Adam(rates), loss="categorical_crossentropy",
        steps_per_execution=steps,
    )  # fmt: skip
    images, rng = EpochImages(train, seed=seed, strength=1.0), np.random.default_rng([seed, 1])
    hot = np.eye(len(train.class_names), dtype=np.float32)[np.tile(train.labels, schedule.copies)]
    for _ in range(schedule.float_epochs):
        x = np.concatenate([images.draw() for _ in range(schedule.copies)])
        y = hot
        if teacher is not None:
            y = (1 - recipe.soft_share) * hot + recipe.soft_share * predict(teacher, x)
        order = rng.permutation(len(x))
        model.fit(x[order], y[order], batch_size=schedule.batch_size, shuffle=False, verbose=0)


def best_of(seed: int, options: argparse.Namespace) -> ArchSpec:
    """Return the network that the search of a seed found most accurate."""
    front = json.loads((options.work / f"search-{seed}" / "front.json").read_text())
    return from_fields(front[0]["arch"])


def validate(recipe: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return the int8 accuracy of one recipe on the validation strokes."""
    from tinyml_course.device.emulate import Device

    began = time.process_time()
    rest, _ = load_job_data(Job(data="magic-wand", seed=seed))
    samples, spec = split_samples(rest, seed=seed), best_of(seed, options)
    artifact, _ = train_by(RECIPES[recipe], spec, samples.train, seed)
    held = samples.validation
    report = Device("esp32", arena_bytes=LIMIT).emulate(artifact, held.images, held.labels)
    return {
        "recipe": recipe, "seed": seed, "network": to_code(spec),
        "validation": round(report.accuracy, 4),
        "cpu_seconds": round(time.process_time() - began, 1),
    }  # fmt: skip


def retrain(recipe: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return the second way's row: the same network, trained by the chosen recipe."""
    from tinyml_course.device.emulate import Device

    began = time.perf_counter()
    rest, test = load_job_data(Job(data="magic-wand", seed=seed))
    spec = best_of(seed, options)
    artifact, _ = train_by(RECIPES[recipe], spec, rest, seed)
    report = Device("esp32", arena_bytes=LIMIT).emulate(artifact, test.images, test.labels)
    return {
        **describe(recipe, seed, spec, report), "validation": "", "evaluations": 0,
        "wall_seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip


def choose_recipe(rows: list[dict[str, str]], seeds: list[int]) -> str | None:
    """Return the recipe with the best mean validation accuracy; None unless all are measured."""
    means = {}
    for name in RECIPES:
        found = [float(r["validation"]) for r in rows
                 if r["recipe"] == name and int(r["seed"]) in seeds]  # fmt: skip
        if len(found) < len(seeds):
            return None
        means[name] = np.mean(found)
    return max(means, key=means.__getitem__)


def missing(path: Path, column: str, name: str, seeds: list[int]) -> Iterator[int]:
    """Yield each seed for which the table has no row of this name."""
    known = {(row[column], int(row["seed"])) for row in read_rows(path)}
    yield from (seed for seed in seeds if (name, seed) not in known)


def parse_options() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="keeps searches and networks")
    parser.add_argument("--budget", type=int, default=12, help="networks that are trained")
    parser.add_argument("--epochs", type=int, default=20, help="of each, as in tinyml search")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--first-way-only", action="store_true")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


def main() -> None:
    """Run what the tables lack, and print the means over the seeds."""
    options = parse_options()
    options.work.mkdir(parents=True, exist_ok=True)
    note = (
        f"python benchmarks/study_small_chip.py --budget {options.budget} --epochs {options.epochs}"
    )
    table, choice = options.out / "small_chip.csv", options.out / "small_chip_choice.csv"
    for seed in missing(table, "way", "search", options.seeds):
        append_row(table, search_network(seed, options), note)
    if not options.first_way_only:
        for recipe in RECIPES:
            for seed in missing(choice, "recipe", recipe, options.seeds):
                append_row(choice, validate(recipe, seed, options), note)
        chosen = choose_recipe(read_rows(choice), options.seeds)
        print(f"chosen on the validation strokes: {chosen}")
        for seed in missing(table, "way", chosen, options.seeds) if chosen else ():
            append_row(table, retrain(chosen, seed, options), note)
    rows = read_rows(table)
    for way in dict.fromkeys(row["way"] for row in rows):
        found = [float(row["accuracy"]) for row in rows if row["way"] == way]
        if len(found) > 1:
            print(f"{way}: {mean_interval(found).percent()} of the held-out strokes")


if __name__ == "__main__":
    main()
