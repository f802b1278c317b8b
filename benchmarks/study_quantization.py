"""Measure how accuracy falls with the bits of weights and activations, for PTQ and QAT.

Run from the repository's root (about half an hour on two shared cores for 5 seeds):

    python benchmarks/study_quantization.py

Adds rows to `chapters/01_quantization/data/bits.csv` as each run ends and skips the rows that
are there, so it can be stopped and started again. The first seed also writes `bits.jsonl`:
confusion matrix and one layer's weights of each state of the notebook's experiment.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.core.types import GestureSet
from tinyml_course.data import load_gestures, split
from tinyml_course.device.convert import convert_int8
from tinyml_course.device.runtime import DeviceRuntime
from tinyml_course.quantization.bit_study import (
    WIDTHS,
    BitRow,
    append_row,
    read_rows,
    study_net,
)
from tinyml_course.quantization.observers import MinMax
from tinyml_course.quantization.outliers import move_scale
from tinyml_course.quantization.ptq import (
    CALIBRATIONS,
    assign_kernels,
    folded_matrices,
    make_observer,
    replace_kernels,
    round_kernels,
)
from tinyml_course.quantization.simulate import (
    bake,
    calibrate,
    inner_layer,
    kernel_layers,
    set_weight_bits,
    simulate,
)
from tinyml_course.training.build import build
from tinyml_course.training.fit import fit, predict

FOLDER = Path(__file__).parents[1] / "chapters" / "01_quantization" / "data"
EPOCHS, MORE_EPOCHS = 20, 8
FIRST = {"learning_rate": 1e-2, "progress": False}
MORE = {"learning_rate": 2e-3, "progress": False}
SAMPLES = 128
"""Training images that calibrate."""
PLANT = {"producer": "c1n", "consumer": "d2"}
FACTORS = {"weight": 64.0, "activation": 1 / 64}
SHOWN = "d2"
"""Layer whose weights the experiment shows: the one with the planted filter."""

Array = NDArray[Any]
Twins = Callable[[], tuple[Any, Any]]
"""Makes the float models with a network's weights before and after rounding."""


class Trainee:
    """A model that `fit` may train again and again while TensorFlow traces it only once.

    Tracing takes seven times as long as eight epochs do. What `fit` would make anew at each
    call, the optimiser's state, is set back to zero instead.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.output_shape = model.output_shape
        self.fit = model.fit
        self._compiled = False

    def compile(self, **options: Any) -> None:
        """Compile the model the first time, then reset its optimiser; options stay the same."""
        if not self._compiled:
            self.model.compile(**options)
            self._compiled = True
        for variable in self.model.optimizer.variables:
            variable.assign(variable * 0)


class Seed:
    """One seed's data and its networks, trained when first needed."""

    def __init__(self, data: GestureSet, seed: int) -> None:
        self.seed = seed
        self.train, self.test = split(data, test_fraction=0.3, seed=seed)
        self.samples = self.train.images[:SAMPLES]
        self._models: dict[tuple[str, str], Any] = {}
        self._simulated: dict[tuple[str, int], Any] = {}
        self._trainees: dict[tuple[str, str, int], Trainee] = {}

    def model(self, stage: str, plant: str = "none") -> Any:
        """Return the float network after `stage` 'base' or 'more', with an outlier or none."""
        if (stage, plant) not in self._models:
            self._models[stage, plant] = self._make(stage, plant)
        return self._models[stage, plant]

    def _make(self, stage: str, plant: str) -> Any:
        if plant != "none":
            return move_scale(self.model(stage), factor=FACTORS[plant], **PLANT)
        if stage == "base":
            seed_everything(self.seed)
            model = build(study_net(len(self.train.class_names)))
            fit(model, self.train, epochs=EPOCHS, seed=self.seed, **FIRST)
            return model
        model = replace_kernels(self.model("base"), {})
        fit(model, self.train, epochs=MORE_EPOCHS, seed=self.seed + 1000, **MORE)
        return model

    def simulated(self, plant: str, activation_bits: int) -> Any:
        """Return the network with quantized activations, whose weights are to be assigned."""
        if (plant, activation_bits) not in self._simulated:
            self._simulated[plant, activation_bits] = simulate(
                self.model("more", plant), self.samples,
                weight_bits=32, activation_bits=activation_bits,
            )  # fmt: skip
        return self._simulated[plant, activation_bits]

    def after_training(self, row: BitRow) -> tuple[Any, Twins]:
        """Return the network of a PTQ row, ready to predict."""
        model, simulated = (
            self.model("more", row.plant), self.simulated(row.plant, row.activation_bits)
        )  # fmt: skip
        kernels = round_kernels(
            model, bits=row.weight_bits, per_channel=row.scheme == "channel",
            calibration=row.calibration,
        )  # fmt: skip
        assign_kernels(simulated, kernels)
        calibrate(simulated, self.samples, make_observer(row.calibration, row.activation_bits))
        return simulated, lambda: (model, replace_kernels(model, kernels))

    def aware(self, row: BitRow) -> tuple[Any, Twins]:
        """Return the network of a QAT row, trained as long as the float one was trained on."""
        trainee = self._trainee(row)
        simulated = trainee.model
        assign_weights(simulated, self.model("base", row.plant))
        set_weight_bits(simulated, row.weight_bits)
        calibrate(simulated, self.samples, MinMax())
        seed_everything(self.seed)
        fit(trainee, self.train, epochs=MORE_EPOCHS, seed=self.seed + 1000, **MORE)

        def twins() -> tuple[Any, Any]:
            rounded = bake(simulated)
            kernels = {
                name: inner_layer(layer).get_weights()[0]
                for name, layer in kernel_layers(simulated).items()
            }
            return replace_kernels(rounded, kernels), rounded

        return simulated, twins

    def _trainee(self, row: BitRow) -> Trainee:
        """Return a simulation for a row; rows that differ in bits and outliers share it."""
        key = (row.scheme, row.calibration, row.activation_bits)
        if key not in self._trainees:
            self._trainees[key] = Trainee(
                simulate(
                    self.model("base"),
                    self.samples,
                    activation_bits=row.activation_bits,
                    per_channel=row.scheme == "channel",
                    estimator=row.calibration,
                )
            )
        return self._trainees[key]

    def answers(self, row: BitRow) -> tuple[Array, Twins | None]:
        """Return the classes that a row's network predicts for the test set."""
        if row.method == "float":
            stage = "base" if row.calibration == "before" else "more"
            return predict(self.model(stage, row.plant), self.test.images).argmax(axis=1), None
        if row.method == "int8":
            artifact = convert_int8(self.model("more"), self.samples)
            with DeviceRuntime(artifact.tflite) as runtime:
                return runtime.run(self.test.images).argmax(axis=1), None
        make = self.after_training if row.method == "ptq" else self.aware
        network, twins = make(row)
        return predict(network, self.test.images).argmax(axis=1), twins


def assign_weights(simulated: Any, model: Any) -> None:
    """Assign the weights of the float `model` to the layers of a simulation of it."""
    for layer in model.layers:
        if layer.weights:
            inner_layer(simulated.get_layer(layer.name)).set_weights(layer.get_weights())


def plan_rows(seed: int) -> Iterator[BitRow]:
    """Yield every run of one seed, its results still empty."""

    def row(method: str, **options: Any) -> BitRow:
        return BitRow(seed=seed, method=method, accuracy=0.0, **options)

    yield row("float", calibration="before")
    for plant in ("none", *FACTORS):
        yield row("float", plant=plant)
    yield row("int8", weight_bits=8, activation_bits=8, scheme="channel", calibration="min-max")
    schemes = ("channel", "tensor")
    for plant, bits, scheme, how in itertools.product(
        ("none", *FACTORS), WIDTHS, schemes, CALIBRATIONS
    ):
        if plant != "none" and how not in ("min-max", "mse"):
            continue
        for activation in {8, bits} if plant == "none" else {8}:
            yield row(
                "ptq",
                weight_bits=bits,
                activation_bits=activation,
                scheme=scheme,
                calibration=how,
                plant=plant,
            )
    common: dict[str, Any] = {"activation_bits": 8, "calibration": "ste"}
    for bits, scheme in itertools.product(WIDTHS, schemes):
        yield row("qat", weight_bits=bits, scheme=scheme, **common)
    for bits in WIDTHS:
        yield row("qat", weight_bits=bits, scheme="tensor", plant="weight", **common)
    yield row("qat", weight_bits=2, scheme="channel", **(common | {"calibration": "lsq"}))
    yield row("qat", weight_bits=4, scheme="channel", **(common | {"activation_bits": 4}))


def measure(state: Seed, row: BitRow, out: Path) -> None:
    """Measure one row and write it, with the experiment's state where it is one."""
    classes, twins = state.answers(row)
    agreement = 1.0
    if row.method == "int8":
        reference = replace(row, method="ptq")
        agreement = float(np.mean(classes == state.answers(reference)[0]))
    if twins is not None and is_shown(row):
        with (out / "bits.jsonl").open("a", encoding="utf-8") as file:
            file.write(describe_state(state, row, classes, twins) + "\n")
    accuracy = float(np.mean(classes == state.test.labels))
    append_row(
        out / "bits.csv", replace(row, accuracy=round(accuracy, 6), agreement=round(agreement, 6))
    )


def is_shown(row: BitRow) -> bool:
    """Whether the notebook's experiment has a state for the row."""
    planted = row.plant == "none" or (row.plant == "weight" and row.scheme == "tensor")
    shown = row.calibration in ("min-max", "mse", "ste")
    return row.seed == 0 and planted and shown and row.activation_bits == 8


def describe_state(state: Seed, row: BitRow, classes: Array, twins: Twins) -> str:
    """Return a line of JSON: confusion matrix, weights before and after rounding."""
    count = len(state.train.class_names)
    confusion = np.zeros((count, count), int)
    np.add.at(confusion, (state.test.labels, classes), 1)
    before, after = (folded_matrices(model)[SHOWN].ravel() for model in twins())
    content = {
        "method": row.method, "bits": row.weight_bits, "scheme": row.scheme,
        "calibration": row.calibration, "plant": row.plant,
        "classes": state.train.class_names, "confusion": confusion.tolist(),
        "before": [float(f"{w:.3g}") for w in before],
        "after": [float(f"{w:.3g}") for w in after],
    }  # fmt: skip
    return json.dumps(content, separators=(",", ":"))


def main() -> None:
    """Measure all rows that are missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="magic-wand")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    table = options.out / "bits.csv"
    done = {row.key for row in read_rows(table)} if table.exists() else set()
    data = load_gestures(options.data)
    todo = [row for seed in options.seeds for row in plan_rows(seed) if row.key not in done]
    with tqdm(total=len(todo), desc="quantized networks", unit="run") as bar:
        for seed, rows in itertools.groupby(todo, key=lambda row: row.seed):
            state = Seed(data, seed)
            for row in rows:
                bar.set_postfix_str(f"seed {seed}, {row.method}, {row.weight_bits} bits")
                measure(state, row, options.out)
                bar.update()
            load_keras().backend.clear_session()


if __name__ == "__main__":
    main()
