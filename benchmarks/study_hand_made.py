"""Hand-made networks for the 8 KB chip: what a search has to beat.

Run from the repository's root, with the recorded digits (fetched once) or a copy of them named
by TINYML_COURSE_DATA:

    python benchmarks/study_hand_made.py

The course's gesture network as it is, and made narrower until its file fits 8 KB; both chosen
before any result was seen. Split, training (quantization in the loop), conversion, slimming and
emulated chip are those of `study_small_chip.py`, whose first way has a search choose the network.
Writes `hand_made.csv`; trainings that the table holds are kept.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from study_tables import append_row, read_rows

from tinyml_course.core.arch import ArchSpec, gesture_net
from tinyml_course.core.statistics import mean_interval
from tinyml_course.device.emulate import Device
from tinyml_course.device.slim import slim
from tinyml_course.nas.code import to_code
from tinyml_course.nas.costs import measure_cost
from tinyml_course.pipeline.job import FULL, Job, load_job_data, train_and_convert

OUT = Path(__file__).parents[1] / "chapters" / "02_nas" / "data" / "hand_made.csv"
LIMIT = 8 * 1024
"""Bytes of arena, and of the file."""


def narrow_until_it_fits() -> ArchSpec:
    """Return the widest gesture network whose arena and slimmed file keep to the limit."""
    for width in range(8, 1, -1):
        cost = measure_cost(gesture_net(10, width=width), form="slim")
        if max(cost.arena_bytes, cost.model_bytes) <= LIMIT:
            return gesture_net(10, width=width)
    raise ValueError(f"no gesture network fits {LIMIT:,} B")


NETWORKS = {"gesture network": gesture_net(10), "narrowed to fit": narrow_until_it_fits()}


def measure(way: str, seed: int) -> dict[str, Any]:
    """Return what the bytes of one network, trained with one seed, do on the held-out strokes."""
    began = time.process_time()
    train, test = load_job_data(Job(data="magic-wand", seed=seed))
    artifact, _ = train_and_convert(train, seed=seed, schedule=FULL, spec=NETWORKS[way])
    artifact = replace(artifact, tflite=slim(artifact.tflite))
    device = Device("esp32", arena_bytes=LIMIT)
    report = device.emulate(artifact, test.images, test.labels, strict=False)
    return {
        "way": way, "seed": seed, "network": to_code(NETWORKS[way]),
        "fits": report.fits and report.model_bytes <= LIMIT,
        "accuracy": round(report.accuracy, 4), "arena_bytes": report.plan.required_bytes,
        "model_bytes": report.model_bytes, "latency_ms": round(report.latency.milliseconds, 2),
        "cpu_seconds": round(time.process_time() - began, 1),
    }  # fmt: skip


def main() -> None:
    """Train what the table lacks, and print the means over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    for seed in options.seeds:
        for way in NETWORKS:
            rows = read_rows(options.out)
            if any((row["way"], int(row["seed"])) == (way, seed) for row in rows):
                continue
            append_row(options.out, measure(way, seed), "python benchmarks/study_hand_made.py")
    rows = read_rows(options.out)
    for way in NETWORKS:
        found = [float(row["accuracy"]) for row in rows if row["way"] == way]
        if len(found) > 1:
            print(f"{way}: {mean_interval(found).percent()} of the held-out strokes")


if __name__ == "__main__":
    main()
