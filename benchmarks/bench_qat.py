"""What quantization-aware training costs and what it promises: `python benchmarks/bench_qat.py`.

For three networks: the CPU time of a QAT epoch over that of a float32 epoch, taken in turns in
this run (median over epochs, first one left out), and how often the converted bytes on the
device runtime choose the class that the QAT model chooses.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.core.types import GestureSet
from tinyml_course.data import DIGITS, draw_gestures, split
from tinyml_course.device.convert import convert_int8
from tinyml_course.device.runtime import DeviceRuntime
from tinyml_course.quantization.qat import quantize_aware
from tinyml_course.training.build import small_cnn
from tinyml_course.training.fit import fit, predict


def separable_net(classes: int) -> Any:
    """Return a network of Keras' separable convolutions, without bias."""
    keras = load_keras()
    k = keras.layers
    stack = [k.Input((32, 32, 1))]
    for filters in (16, 32, 56):
        stack += [
            k.SeparableConv2D(filters, 3, strides=2, padding="same", use_bias=False),
            k.BatchNormalization(momentum=0.9),
            k.ReLU(6.0),
        ]
    stack += [k.GlobalAveragePooling2D(), k.Dense(classes, activation="softmax")]
    return keras.Sequential(stack)


def residual_net(classes: int) -> Any:
    """Return a Functional network with two residual blocks."""
    keras = load_keras()
    k = keras.layers
    x = k.Input((32, 32, 1))
    y = k.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)
    y = k.ReLU()(k.BatchNormalization(momentum=0.9)(y))
    for _ in range(2):
        z = k.Conv2D(16, 3, padding="same", use_bias=False)(y)
        y = k.ReLU()(k.Add()([y, k.BatchNormalization(momentum=0.9)(z)]))
        y = k.MaxPooling2D(2)(y)
    y = k.GlobalAveragePooling2D()(y)
    return keras.Model(x, k.Dense(classes, activation="softmax")(y))


NETS = {"gesture_net": small_cnn, "separable": separable_net, "residual": residual_net}


def epoch_seconds(models: tuple[Any, ...], train: GestureSet, *, epochs: int) -> list[float]:
    """Return each model's median CPU time of an epoch, in seconds.

    Their epochs alternate, so that a busy machine slows all alike; the first, which traces, is
    left out.
    """
    for model in models:
        model.compile(
            load_keras().optimizers.Adam(5e-4),
            "sparse_categorical_crossentropy",
            steps_per_execution=len(train) // 32,
        )
    times: list[list[float]] = [[] for _ in models]
    for _ in range(epochs + 1):
        for model, taken in zip(models, times, strict=True):
            started = time.process_time()
            model.fit(train.images, train.labels, batch_size=32, verbose=0)
            taken.append(time.process_time() - started)
    return [statistics.median(taken[1:]) for taken in times]


def agreement(aware: Any, train: GestureSet, test: GestureSet) -> tuple[float, float]:
    """Return accuracy of the bytes and the share of samples on which model and bytes agree."""
    with DeviceRuntime(convert_int8(aware, train.images).tflite) as device:
        answers = device.run(test.images).argmax(axis=1)
    predicted = predict(aware, test.images).argmax(axis=1)
    return float(np.mean(answers == test.labels)), float(np.mean(answers == predicted))


def main() -> None:
    """Train, time and convert each network and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5, help="timed epochs of each kind")
    parser.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    gestures = draw_gestures(DIGITS, samples_per_class=200, seed=options.seed)
    train, test = split(gestures, test_fraction=0.5, seed=options.seed)
    table = Table("network", "weights", "float32 epoch", "QAT epoch", "ratio", "bytes", "agree")
    for name in options.nets:
        seed_everything(options.seed)
        model = NETS[name](len(train.class_names))
        fit(model, train, epochs=15, seed=options.seed, learning_rate=4e-3, progress=False)
        copies = [
            quantize_aware(model, weight_bits=bits, calibration=train.images) for bits in (8, 4)
        ]
        plain, *slower = epoch_seconds((model, *copies), train, epochs=options.epochs)
        for bits, aware, aware_s in zip((8, 4), copies, slower, strict=True):
            accuracy, agreed = agreement(aware, train, test)
            table.add_row(
                name, f"{bits} bits", f"{1000 * plain:.0f} ms", f"{1000 * aware_s:.0f} ms",
                f"{aware_s / plain:.2f}", f"{accuracy:.1%}", f"{agreed:.2%} of {len(test)}",
            )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
