"""Measure mixed precision on the real digits, from sensitivities to the bytes on the device.

Run from the repository's root:

    python benchmarks/study_mixed_precision.py

For each seed: train in float, measure each layer's sensitivity on validation samples, choose the
best plan of 8 and 4 bits within 60 % of the int8 weights' bytes, train on at its widths, store
4-bit weights in four bits, and run the bytes on the device's runtime. The same with all weights
at 8 and at 4 bits, and with the plan of the same budget that was predicted to be worst. Writes
`mixed_results.csv`, `mixed_sensitivity.csv` and `mixed_plans.csv` (every plan without training,
first seed) to `chapters/01_quantization/data`; seeds that the tables already hold are kept.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyml_course.core.environment import seed_everything
from tinyml_course.core.statistics import mean_interval
from tinyml_course.core.types import GestureSet, ModelArtifact, QuantPlan
from tinyml_course.cost.estimate import estimate_cost
from tinyml_course.data import load_gestures, split
from tinyml_course.device.convert import convert_float32
from tinyml_course.device.emulate import Device
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.int4 import filter_bytes
from tinyml_course.device.slim import slim
from tinyml_course.quantization.allocation import LayerOptions, allocate_bits, make_plan
from tinyml_course.quantization.curvature import HessianTrace, estimate_traces
from tinyml_course.quantization.mixed_precision import loss_options, train_plan
from tinyml_course.quantization.mixed_results import (
    PlanResult,
    SensitivityRow,
    UntrainedPlan,
    read_rows,
    select,
    write_rows,
)
from tinyml_course.quantization.sensitivity import (
    LayerSensitivity,
    measure_score,
    measure_sensitivity,
    measure_widths,
)
from tinyml_course.training.build import small_cnn
from tinyml_course.training.fit import fit

OUT = Path(__file__).parents[1] / "chapters" / "01_quantization" / "data"
BUDGET = 0.6
"""Share of the int8 model's weight bytes that a plan may take."""

WIDTHS = (8, 4)


def load_split(seed: int) -> tuple[GestureSet, GestureSet, GestureSet]:
    """Return training, validation and test samples of the real digits."""
    rest, test = split(load_gestures("magic-wand", seed=seed), test_fraction=0.2, seed=seed)
    train, validation = split(rest, test_fraction=0.2, seed=seed)
    return train, validation, test


def emulate(model: str, plan: QuantPlan | None, artifact: ModelArtifact, test: GestureSet,
            seed: int) -> PlanResult:  # fmt: skip
    """Return the figures of one artefact's bytes on the ESP32."""
    data = artifact.tflite
    report = Device("esp32").emulate(data, test.images, test.labels)
    return PlanResult(
        seed=seed,
        model=model,
        bits="".join(map(str, plan.bits)) if plan else "",
        weight_bytes=filter_bytes(data),
        constant_bytes=estimate_cost(read_model(data).subgraphs[0]).weight_bytes,
        file_bytes=len(data),
        slim_bytes=len(slim(data)),
        arena_bytes=report.plan.required_bytes,
        latency_ms=round(report.latency.milliseconds, 4),
        accuracy=report.accuracy or 0.0,
    )


def all_plans(options: Sequence[LayerOptions]) -> list[QuantPlan]:
    """Return every combination of widths."""
    return [make_plan(options, bits) for bits in itertools.product(WIDTHS, repeat=len(options))]


def choose_plans(rows: Sequence[LayerSensitivity]) -> dict[str, QuantPlan]:
    """Return the plans to train by the names of their models."""
    measured = loss_options(rows)
    int8 = make_plan(measured, [8] * len(measured))
    budget = int(BUDGET * int8.weight_bytes)
    mixed = allocate_bits(measured, budget)
    rivals = [p for p in all_plans(measured) if mixed.weight_bytes <= p.weight_bytes <= budget]
    return {
        "int8": int8,
        "mixed": mixed,
        "same bytes, worst plan": max(rivals, key=lambda plan: plan.damage),
        "int4": make_plan(measured, [4] * len(measured)),
    }


def run_seed(seed: int, options: argparse.Namespace) -> tuple[list[Any], list[Any], list[Any]]:
    """Return the seed's results, its sensitivities, and its untrained plans."""
    train, validation, test = load_split(seed)
    seed_everything(seed)
    model = small_cnn(len(train.class_names))
    fit(
        model, train, epochs=options.float_epochs, seed=seed, learning_rate=4e-3, copies=3,
        description=f"seed {seed}, float32",
    )  # fmt: skip
    rows = measure_sensitivity(model, validation, bits=WIDTHS)
    traces = estimate_traces(model, train, seed=seed)
    results = [emulate("float32", None, convert_float32(model), test, seed)]
    trained: dict[tuple[int, ...], ModelArtifact] = {}
    for name, plan in choose_plans(rows).items():
        if plan.bits not in trained:
            seed_everything(seed)
            trained[plan.bits] = train_plan(
                model, plan, train, epochs=options.aware_epochs, seed=seed, copies=3,
                learning_rate=options.aware_learning_rate,
            )  # fmt: skip
        results.append(emulate(name, plan, trained[plan.bits], test, seed))
    base = measure_score(model, validation)
    sensitivities = [_row(seed, row, traces, base.accuracy) for row in rows]
    plans = (
        [] if seed else [_untrained(model, p, validation) for p in all_plans(loss_options(rows))]
    )
    return results, sensitivities, plans


def _row(
    seed: int, row: LayerSensitivity, traces: Sequence[HessianTrace], base: float
) -> SensitivityRow:
    trace = next(trace for trace in traces if trace.layer == row.layer)
    return SensitivityRow(
        seed=seed, layer=row.layer, bits=row.bits, weights=row.weights,
        loss_increase=round(row.loss_increase, 6), accuracy_drop=round(row.accuracy_drop, 6),
        squared_error=round(row.squared_error, 6), trace=round(trace.trace, 4),
        trace_error=round(trace.standard_error, 4), base_accuracy=round(base, 6),
    )  # fmt: skip


def _untrained(model: Any, plan: QuantPlan, validation: GestureSet) -> UntrainedPlan:
    base, score = measure_score(model, validation), measure_widths(model, plan.by_layer, validation)
    return UntrainedPlan(
        bits="".join(map(str, plan.bits)),
        weight_bytes=plan.weight_bytes,
        loss_increase=round(score.loss - base.loss, 6),
        accuracy=round(score.accuracy, 6),
    )


def print_summary(results: Sequence[PlanResult]) -> None:
    """Print each model's means with their 95 % intervals, and the differences from int8."""
    int8 = select(results, "int8")
    print(f"{'model':<24}{'weights':>9}{'of int8':>9}{'file':>8}{'accuracy':>16}  against int8")
    for model in dict.fromkeys(result.model for result in results):
        found = select(results, model)
        weights = np.mean([r.weight_bytes for r in found.values()])
        share = np.mean([r.weight_bytes / int8[s].weight_bytes for s, r in found.items()])
        size = np.mean([r.file_bytes for r in found.values()])
        gain = [r.accuracy - int8[s].accuracy for s, r in found.items()]
        line = f"{model:<24}{weights:>7,.0f} B{share:>9.1%}{size:>6,.0f} B"
        if len(found) > 1:
            accuracy = mean_interval([r.accuracy for r in found.values()]).percent()
            line += f"{accuracy:>16}  {mean_interval(gain).points()}"
        print(line)


def main() -> None:
    """Run the seeds that are missing and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--float-epochs", type=int, default=60)
    parser.add_argument("--aware-epochs", type=int, default=15)
    parser.add_argument("--aware-learning-rate", type=float, default=2e-3)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    kinds = {"results": PlanResult, "sensitivity": SensitivityRow, "plans": UntrainedPlan}
    paths = {name: options.out / f"mixed_{name}.csv" for name in kinds}
    tables: dict[str, list[Any]] = {
        name: [*read_rows(paths[name], kind)] if paths[name].exists() else []
        for name, kind in kinds.items()
    }
    for seed in options.seeds:
        if any(result.seed == seed for result in tables["results"]):
            continue
        started = time.process_time()
        for name, rows in zip(kinds, run_seed(seed, options), strict=True):
            tables[name] += rows
            if tables[name]:
                write_rows(paths[name], tables[name])
        print(f"seed {seed}: {time.process_time() - started:.0f} s of CPU")
    print_summary(tables["results"])


if __name__ == "__main__":
    main()
