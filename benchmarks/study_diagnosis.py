"""Measure what healthy quantized models look like, and record the cases of the guessing game.

Run from the repository's root:

    python benchmarks/study_diagnosis.py healthy
    python benchmarks/study_diagnosis.py game

`healthy` trains several networks over seeds, on the real digits where they are at hand, else on
synthetic ones, quantizes each with care, and writes the extremes of every figure that the
diagnosis judges to `chapters/01_quantization/data/diagnosis_healthy.csv`, one row a model.
`game` plants a fault in one synthetic gesture model at a time, diagnoses it and writes
`chapters/01_quantization/data/diagnosis_cases.json`.
"""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.core.types import GestureSet
from tinyml_course.data import draw_gestures, load_gestures, split
from tinyml_course.data.magic_wand import find_recordings
from tinyml_course.device.convert import convert_int8
from tinyml_course.quantization import planted
from tinyml_course.quantization.diagnosis import diagnose, float_twin
from tinyml_course.quantization.findings import Diagnosis
from tinyml_course.quantization.qat import quantize_aware
from tinyml_course.training.build import small_cnn
from tinyml_course.training.fit import evaluate, fit
from tinyml_course.widgets.diagnosis import make_case, write_cases

OUT = Path(__file__).parents[1] / "chapters" / "01_quantization" / "data"
NETS = ("relu6", "relu", "narrow", "no normalisation")
AWARE_RATES = {"aware, same rate": 1.0, "aware, tenth of the rate": 0.1}
RATE = 4e-3


def make_net(name: str, classes: int) -> Any:
    """Return an untrained variant of the course's network."""
    keras = load_keras()
    model = small_cnn(classes, width=4 if name == "narrow" else 8)
    if name in ("relu6", "narrow"):
        return model
    layers = [keras.layers.Input(model.input_shape[1:], name="x")]
    for layer in model.layers:
        settings = layer.get_config()
        if name == "relu" and isinstance(layer, keras.layers.ReLU):
            settings["max_value"] = None
        if name == "no normalisation":
            if isinstance(layer, keras.layers.BatchNormalization):
                continue
            if "use_bias" in settings:
                settings["use_bias"] = True
        layers.append(type(layer).from_config(settings))
    return keras.Sequential(layers, name="m")


def summarise(diagnosis: Diagnosis) -> dict[str, float | int | str]:
    """Return the extremes of a diagnosis over the layers."""
    layers = [x for x in diagnosis.layers if not x.fixed_range]
    return {
        "findings": ";".join(finding.kind for finding in diagnosis.findings),
        "lowest_sqnr_db": round(min(x.sqnr_db for x in layers), 2),
        "output_sqnr_db": round(diagnosis.layers[-1].sqnr_db, 2),
        "largest_drop_db": round(max(x.drop_db for x in layers[1:]), 2),
        "lowest_cut_db": round(min(x.cut_db for x in layers), 2),
        "most_wasted_bits": round(max(x.wasted_bits for x in layers[1:]), 2),
        "most_weak_channels": round(max(len(x.weak_channels) / x.channels for x in layers), 3),
        "dead_channels": sum(len(x.dead) for x in layers),
        "most_weight_steps": round(max(x.weight_steps for x in layers), 3),
        "largest_bias_bits": round(math.log2(max(1, *(x.bias_code for x in layers))), 1),
    }


def measure(
    net: str, train: GestureSet, test: GestureSet, *, seed: int, options: argparse.Namespace
) -> list[dict[str, float | int | str]]:
    """Return one row for each way in which one trained network is quantized."""
    seed_everything(seed)
    model = make_net(net, len(train.class_names))
    common = {"seed": seed, "copies": 2, "progress": False}
    fit(model, train, epochs=options.epochs, learning_rate=RATE, **common)
    artifact = convert_int8(model, train.images)
    found = [("post-training", model, artifact)]
    for way, factor in AWARE_RATES.items() if seed < options.aware_seeds and net == "relu6" else ():
        aware = quantize_aware(model, calibration=train.images)
        fit(aware, train, epochs=options.aware_epochs, learning_rate=RATE * factor, **common)
        found.append((way, float_twin(model, aware), convert_int8(aware, train.images)))
    rows = []
    for way, twin, artifact in found:
        diagnosis = diagnose(twin, artifact, test.images, test.labels)
        rows.append(
            {
                "net": net, "way": way, "seed": seed,
                "accuracy_float": round(evaluate(model, test), 5),
                "accuracy_int8": round(diagnosis.accuracy_quantized or 0.0, 5),
                "test_samples": diagnosis.samples,
                **summarise(diagnosis),
            }
        )  # fmt: skip
    return rows


def study_healthy(options: argparse.Namespace) -> None:
    """Train, quantize and measure every network, and write the table."""
    real = find_recordings() is not None
    gestures = load_gestures("magic-wand" if real else "synthetic:digits")
    train, test = split(gestures, test_fraction=0.3, seed=0)
    runs = [(net, seed) for net in NETS for seed in range(options.seeds)]
    rows = []
    for net, seed in tqdm(runs, desc="networks", unit="network"):
        rows += measure(net, train, test, seed=seed, options=options)
    data = "magic-wand digits" if real else "synthetic digits"
    with (OUT / "diagnosis_healthy.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["data", *rows[0]], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"data": data, **row} for row in rows)


PATIENTS = (
    ("A", planted.plant_vanished_filter),
    ("B", planted.plant_narrow_range),
    ("C", planted.plant_dead_channels),
    ("D", planted.plant_nothing),
    ("E", planted.plant_outlier),
    ("F", planted.plant_faint_calibration),
)


def record_game() -> None:
    """Plant each fault in one trained model and write what the diagnosis sees."""
    gestures = draw_gestures(samples_per_class=120, people=8, seed=0)
    train, test = split(gestures, test_fraction=0.4, seed=0)
    seed_everything(0)
    model = small_cnn(len(train.class_names))
    fit(model, train, epochs=12, learning_rate=1e-2, seed=0)
    cases = []
    for letter, plant in tqdm(PATIENTS, desc="patients", unit="patient"):
        patient = plant(model, train.images)
        diagnosis = diagnose(patient.float_model, patient.tflite, test.images, test.labels)
        cases.append(make_case(letter, patient.story, diagnosis))
    write_cases(OUT / "diagnosis_cases.json", cases)


def main() -> None:
    """Run the part that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("healthy", "game"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--aware-seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--aware-epochs", type=int, default=5)
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    if options.part == "game":
        record_game()
    else:
        study_healthy(options)


if __name__ == "__main__":
    main()
