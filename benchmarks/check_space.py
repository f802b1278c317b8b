"""The search space against Keras, the converter and the device runtime.

`python benchmarks/check_space.py --builds 2000` builds every network of 2,000 random walks in
Keras and trains each for one step. `python benchmarks/check_space.py --conversions 100` converts
100 random networks, compares each predicted cost with the converted file's, runs the first 30 on
the device runtime beside LiteRT's reference kernels, and appends a row each to
chapters/02_nas/data/space_costs.csv. `--aware 5` trains 5 networks for a step with
`quantize_aware` and compares their files. Network i is a function of seed i: `--first` goes on
where another run stopped.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import numpy as np

from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.environment import load_keras, load_tensorflow, seed_everything
from tinyml_course.cost.file_size import file_bytes
from tinyml_course.cost.graph import arch_graph
from tinyml_course.device.convert import convert_int8
from tinyml_course.device.runtime import DeviceRuntime
from tinyml_course.device.runtime_server import RuntimeServer
from tinyml_course.device.slim import slim
from tinyml_course.device.slim_size import slim_bytes
from tinyml_course.nas.agreement import compare_costs, convert_random, cut_at_pooling, random_model
from tinyml_course.nas.space import DEFAULT_SPACE, canonical_hash
from tinyml_course.quantization.qat import quantize_aware
from tinyml_course.training.build import build

TABLE = Path(__file__).parent.parent / "chapters" / "02_nas" / "data" / "space_costs.csv"
RUN = 30
"""Networks that run on the device runtime."""


def main() -> None:
    """Check what the options ask for and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="seed of the first network")
    parser.add_argument("--builds", type=int, default=0, help="walks to build and train a step")
    parser.add_argument("--conversions", type=int, default=0, help="networks to convert")
    parser.add_argument("--aware", type=int, default=0, help="networks to train aware and convert")
    options = parser.parse_args()
    if options.aware:
        check_aware(range(options.first, options.first + options.aware))
    if options.builds:
        check_builds(range(options.first, options.first + options.builds))
    if options.conversions:
        check_conversions(range(options.first, options.first + options.conversions))


def walk(seed: int) -> ArchSpec:
    """Return the end of a random walk: a child of a sample and a twice mutated sample."""
    rng = np.random.default_rng(seed)
    first, second = DEFAULT_SPACE.sample(rng), DEFAULT_SPACE.sample(rng)
    for _ in range(2):
        second = DEFAULT_SPACE.mutate(second, rng)
    return DEFAULT_SPACE.crossover(first, second, rng)


def check_builds(seeds: range) -> None:
    """Build the end of each walk and train it for one step; raise where a gradient is missing."""
    started, distinct = time.process_time(), set()
    for seed in seeds:
        spec = walk(seed)
        distinct.add(canonical_hash(spec))
        train_one_step(spec, seed)
        load_keras().backend.clear_session()
    seconds = time.process_time() - started
    print(f"walks {seeds.start}..{seeds.stop - 1}: {len(seeds)} built and trained a step, "
          f"{len(distinct)} distinct, {seconds:.0f} s of CPU")  # fmt: skip


def train_one_step(spec: ArchSpec, seed: int) -> None:
    """Raise unless every weight of `spec` gets a finite gradient and moves."""
    tf = load_tensorflow()
    seed_everything(seed)
    model, rng = build(spec), np.random.default_rng(seed)
    x = rng.random((4, *spec.input_shape), dtype=np.float32)
    y = rng.integers(0, spec.classes, 4)
    with tf.GradientTape() as tape:
        outputs = model(x, training=True)
        loss = tf.reduce_mean(-tf.math.log(tf.gather(outputs, y, axis=1, batch_dims=1)))
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        if gradient is None or not np.all(np.isfinite(gradient)):
            raise AssertionError(f"seed {seed}: {variable.name} has the gradient {gradient}")
        variable.assign_sub(0.01 * gradient)


def check_conversions(seeds: range) -> None:
    """Convert each network, compare and run it; append its figures to the table at once."""
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    wrong = []
    for seed in seeds:
        row = _convert(seed)
        is_new = not TABLE.exists()
        with TABLE.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row), lineterminator="\n")
            if is_new:
                writer.writeheader()
            writer.writerow(row)
        wrong += [seed] if row["wrong"] else []
    print(f"networks {seeds.start}..{seeds.stop - 1}: {len(seeds)} converted, wrong: {wrong}")


def check_aware(seeds: range) -> None:
    """Train each network for one step aware of its rounding, and print how far its file is off."""
    for seed in seeds:
        spec = DEFAULT_SPACE.sample(np.random.default_rng(seed))
        x = np.random.default_rng(seed).random((8, *spec.input_shape), dtype=np.float32)
        aware = quantize_aware(random_model(spec, seed), calibration=x)
        aware.compile("adam", "sparse_categorical_crossentropy")
        aware.fit(x, np.arange(len(x)) % spec.classes, verbose=0)
        data, graph = convert_int8(aware, x).tflite, arch_graph(spec)
        arenas = [row for row in compare_costs(spec, data) if row.what.startswith("arena")]
        file = file_bytes(spec, graph, aware=True) - len(data)
        print(f"network {seed}: file of {len(data)} B off by {file} B, arenas off by",
              *(f"{row.predicted - row.converted} B" for row in arenas))  # fmt: skip


def _convert(seed: int) -> dict[str, Any]:
    spec = DEFAULT_SPACE.sample(np.random.default_rng(seed))
    data = convert_random(spec, seed).tflite
    row: dict[str, Any] = {"seed": seed, "hash": canonical_hash(spec), "blocks": len(spec.layers)}
    comparisons = compare_costs(spec, data)
    for found in comparisons:
        row[f"{found.what}, predicted"] = found.predicted
        row[f"{found.what}, converted"] = found.converted
    row["slim bytes, predicted"] = slim_bytes(arch_graph(spec))
    row["slim bytes, converted"] = len(slim(data))
    row["wrong"] = sum(found.predicted != found.converted for found in comparisons)
    return row | (
        _run(spec, data, seed) if seed < RUN else {"feature_steps": "", "class_steps": ""}
    )


def _run(spec: ArchSpec, data: bytes, seed: int) -> dict[str, Any]:
    """Return the largest difference between TFLM and LiteRT's reference, in steps."""
    samples = np.random.default_rng(seed).integers(-128, 128, (8, *spec.input_shape))
    steps = {}
    with RuntimeServer() as device, RuntimeServer("litert-reference") as reference:
        for name, file in (("feature_steps", cut_at_pooling(data)), ("class_steps", data)):
            answers = []
            for server in (device, reference):
                with DeviceRuntime(file, server=server) as runtime:
                    answers.append(runtime.run(samples.astype(np.int8)).astype(int))
            steps[name] = int(np.abs(answers[0] - answers[1]).max())
    return steps


if __name__ == "__main__":
    main()
