"""Chapter 2, a product: a network that was searched for a small chip, trained and handed in."""

from __future__ import annotations

from typing import Any

from tinyml_course.data import DIGITS, draw_gestures
from tinyml_course.grading.product import ProductReport, at_least, at_most, fits_board
from tinyml_course.grading.task import Inputs, Part, Task

Args = tuple[Any, ...]

MODEL_BYTES = 5_500
ARENA_BYTES = 4_000
"""What earns all points; nothing is left from one and a half times that on."""
WORST = 1.5
ACCURACY = 0.9
LEAST = 0.5
"""Guessing gets a tenth of the ten digits right; from here on, something was learnt."""


def _public_gestures() -> Inputs:
    gestures = draw_gestures(DIGITS, samples_per_class=20, people=10, seed=2600)
    return ((gestures.images, gestures.labels),)


def _learnt(args: Args, result: ProductReport) -> str | None:
    del args
    if result.accuracy >= LEAST:
        return None
    return f"{result.accuracy:.0%} of the digits are right, guessing gets a tenth"


SEARCHED_MODEL = Task(
    id="2.12",
    title="A network for a narrow place",
    function="",
    product="2.12.tflite",
    public_inputs=_public_gestures,
    parts=(
        Part("learnt", 2, f"It gets at least {LEAST:.0%} of digits by strangers right.", _learnt),
        Part("fits", 1, "The ESP32's largest free block holds its arena.", fits_board,
             after=("learnt",)),
        Part(
            "little RAM",
            3,
            f"The arena takes at most {ARENA_BYTES:,} bytes; up to {WORST:g} times that earns a "
            "part.",
            at_most("arena_bytes", ARENA_BYTES, zero=WORST * ARENA_BYTES),
            after=("learnt",),
        ),
        Part(
            "little flash",
            3,
            f"The file takes at most {MODEL_BYTES:,} bytes; up to {WORST:g} times that earns a "
            "part.",
            at_most("model_bytes", MODEL_BYTES, zero=WORST * MODEL_BYTES),
            after=("learnt",),
        ),
        Part(
            "accurate",
            3,
            f"It gets at least {ACCURACY:.0%} right; above {LEAST:.0%} earns a part.",
            at_least("accuracy", ACCURACY, zero=LEAST),
        ),
    ),
    hints=(
        "What a network costs is known before it is trained: look at many, train few.",
        "The arena is the image and the widest maps behind it; a file spends hundreds of bytes "
        "on each operator. Among equally large networks, those that see the whole picture learn.",
        "Write out a small space, keep what `Constraints` let pass, take one with many parameters "
        "and three halvings, and train it on many people.",
    ),
)  # fmt: skip
