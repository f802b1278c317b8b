"""Chapter 2, a product: a network that was searched for a small chip, trained and handed in."""

from __future__ import annotations

from functools import partial

from tinyml_course.data import DIGITS
from tinyml_course.grading.task import Task
from tinyml_course.grading.tasks import product_parts

MODEL_BYTES = 5_500
ARENA_BYTES = 4_000
"""What earns all points; nothing is left from one and a half times that on."""
WORST = 1.5
ACCURACY = 0.9
LEAST = 0.5
"""Guessing gets a tenth of the ten digits right; from here on, something was learnt."""


SEARCHED_MODEL = Task(
    id="2.12",
    title="A network for a narrow place",
    function="",
    product="2.12.tflite",
    public_inputs=partial(
        product_parts.draw_public, DIGITS, samples_per_class=20, seed=2600
    ),
    parts=(
        product_parts.learnt(2, LEAST, things="digits", guessing="a tenth"),
        product_parts.fits(1),
        product_parts.little_ram(3, ARENA_BYTES, worst=WORST),
        product_parts.little_flash(3, MODEL_BYTES, worst=WORST),
        product_parts.accurate(3, ACCURACY, least=LEAST),
    ),
    hints=(
        "What a network costs is known before it is trained: look at many, train few.",
        "The arena is the image and the widest maps behind it; a file spends hundreds of bytes "
        "on each operator. Among equally large networks, those that see the whole picture learn.",
        "Write out a small space, keep what `Constraints` let pass, take one with many parameters "
        "and three halvings, and train it on many people.",
    ),
)  # fmt: skip
