"""How small does the pipeline make a network, and what does it cost? On the real digits.

Run from the repository's root, with the recorded digits (fetched once) or a copy of them named
by TINYML_COURSE_DATA:

    python benchmarks/study_pipeline.py --seeds 0 1 2 3 4

Each seed draws a split, trains the baseline in the style of the published magic wand (three
strided convolutions of 16, 32 and 64 channels), and runs the stages of `tinyml optimize` as they
are by default, for two sets of limits: 6 KB of flash and of arena at 95 %, and 4 KB of both at
99 %. Accuracies are of test strokes that no stage has seen. Beside the pipeline stands what one
gets at once: the same small network trained from new weights, for as many epochs as the pipeline
took in all, quantized and slimmed.

Writes `chapters/03_pipeline/data/pipeline.csv`, row by row; what it holds is not run again.
About a quarter of an hour a seed on one core.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from study_tables import append_row, read_rows

from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.statistics import mean_interval
from tinyml_course.core.types import GestureSet
from tinyml_course.data import load_gestures, split
from tinyml_course.nas.catalog import Samples, split_samples
from tinyml_course.nas.costs import measure_cost
from tinyml_course.pipeline.catalog import (
    DEFAULT_STAGES,
    FULL,
    QUICK,
    Stages,
    baseline_net,
    make_stages,
)
from tinyml_course.pipeline.measure import file_accuracy, network_accuracy
from tinyml_course.pipeline.plan import Outcome, Plan
from tinyml_course.pipeline.requirements import Requirements
from tinyml_course.pipeline.run import run_pipeline
from tinyml_course.pipeline.store import Store

OUT = Path(__file__).parents[1] / "chapters" / "03_pipeline" / "data" / "pipeline.csv"
KB = 1024
LIMITS = {
    "6KB": Requirements(max_flash=6 * KB, max_arena=6 * KB, min_accuracy=0.95),
    "4KB": Requirements(max_flash=4 * KB, max_arena=4 * KB, min_accuracy=0.99),
}
METHODS = ("pipeline", "at once")


def load_task(seed: int) -> tuple[Samples, GestureSet]:
    """Return what the stages may see, and the test strokes; as `tinyml optimize` splits them."""
    rest, test = split(load_gestures("magic-wand", seed=seed), test_fraction=0.2, seed=seed)
    return split_samples(rest, seed=seed), test


def run(plan: Plan) -> Outcome:
    """Return the outcome of a run whose artefacts nobody needs afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        return run_pipeline(
            plan, Store(Path(folder) / "stages"), progress=False,
            on_step=lambda step: print("   ", *step.row(), flush=True),
        )  # fmt: skip


def make_plan(seed: int, limit: str, spec: ArchSpec, stages: Sequence[Any]) -> Plan:
    """Return the plan of one run."""
    return Plan(
        stages=tuple(stages), spec=spec, samples=load_task(seed)[0], requirements=LIMITS[limit],
        seed=seed,
    )  # fmt: skip


def measure_pipeline(seed: int, limit: str, settings: Stages) -> Iterator[dict[str, Any]]:
    """Yield the row of the pipeline, and the row of its network trained at once."""
    _, test = load_task(seed)
    outcome = run(make_plan(seed, limit, baseline_net(10), make_stages(DEFAULT_STAGES, settings)))
    yield describe(outcome, seed, limit, test)
    epochs = sum(trained_epochs(settings[step.stage]) for step in outcome.history.steps)
    longer = replace(settings["train"], epochs=max(1, epochs - settings["quantize"].epochs))
    stages = longer, *make_stages(("quantize", "convert", "slim"), settings)
    alone = run(make_plan(seed, limit, outcome.state.spec, stages))
    yield {**describe(alone, seed, limit, test), "method": "at once"}


def trained_epochs(stage: Any) -> int:
    """Return the epochs of a stage, all its trainings together."""
    steps = getattr(stage, "steps", 1)
    return steps * getattr(stage, "epochs", 0) + getattr(stage, "final_epochs", 0)


def describe(outcome: Outcome, seed: int, limit: str, test: GestureSet) -> dict[str, Any]:
    """Return one run as a row."""
    measured, steps = outcome.measurement, outcome.history.measured()
    train = next(step.measurement for step in steps if step.stage == "train")
    float_accuracy = network_accuracy(outcome.baseline, test)
    accuracy = file_accuracy(outcome.state.artifact.tflite, test, "esp32")
    int8 = measure_cost(outcome.baseline.spec, form="aware").model_bytes
    return {
        "limits": limit, "method": "pipeline", "seed": seed,
        "float_accuracy": round(float_accuracy, 4), "accuracy": round(accuracy, 4),
        "lost": round(float_accuracy - accuracy, 4), "float_bytes": train.model_bytes,
        "int8_bytes": int8, "model_bytes": measured.model_bytes,
        "arena_bytes": measured.arena_bytes, "latency_ms": round(measured.latency_ms, 3),
        "parameters": measured.parameters,
        "times_float": round(train.model_bytes / measured.model_bytes, 2),
        "times_int8": round(int8 / measured.model_bytes, 2),
        "widths": "-".join(str(layer.filters) for layer in outcome.state.spec.layers),
        "not_kept": " ".join(step.stage for step in steps if not step.kept),
        "seconds": round(sum(step.measurement.seconds for step in steps)),
    }  # fmt: skip


def print_summary(rows: Sequence[dict[str, str]]) -> None:
    """Print the means over seeds with their 95 % intervals, for each set of limits."""
    for limit in LIMITS:
        for method in METHODS:
            own = [r for r in rows if (r["limits"], r["method"]) == (limit, method)]
            if len(own) < 2:
                continue
            print(f"{limit}, {method}, {len(own)} seeds")
            for name in ("float_accuracy", "accuracy"):
                print(f"  {name}: {mean_interval([float(r[name]) for r in own]).percent()}")
            print(f"  lost: {mean_interval([float(r['lost']) for r in own]).points()}")
            for name in ("model_bytes", "arena_bytes", "times_float", "times_int8", "seconds"):
                found = mean_interval([float(r[name]) for r in own])
                most = max(float(r[name]) for r in own)
                print(f"  {name}: {found.mean:,.5g} ± {found.half_width:,.3g}, most {most:,.5g}")


def parse_options() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--limits", nargs="+", choices=LIMITS, default=list(LIMITS))
    parser.add_argument("--quick", action="store_true", help="short trainings, to try it out")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


def main() -> None:
    """Run what the table lacks, and print it."""
    options = parse_options()
    quick = " --quick" if options.quick else ""
    note = f"python benchmarks/study_pipeline.py --seeds 0 1 2 3 4{quick}"
    for seed in options.seeds:
        for limit in options.limits:
            known = [
                r["method"]
                for r in read_rows(options.out)
                if (r["limits"], int(r["seed"])) == (limit, seed)
            ]
            if set(METHODS) <= set(known):
                continue
            print(f"seed {seed}, {limit}", flush=True)
            for row in measure_pipeline(seed, limit, QUICK if options.quick else FULL):
                if row["method"] not in known:
                    append_row(options.out, row, note)
    print_summary(read_rows(options.out))


if __name__ == "__main__":
    main()
