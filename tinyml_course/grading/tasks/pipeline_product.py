"""Chapter 3, a product: a network that stages made small, handed in."""

from __future__ import annotations

from functools import partial

from tinyml_course.data import DIGITS
from tinyml_course.grading.task import Task
from tinyml_course.grading.tasks import product_parts

MODEL_BYTES = 3_500
ARENA_BYTES = 3_200
"""What earns all points; nothing is left from one and a half times that on."""
WORST = 1.5
ACCURACY = 0.91
LEAST = 0.6
"""Guessing gets a tenth of the ten digits right; from here on, something was learnt."""


SMALL_MODEL = Task(
    id="3.12",
    title="Ten digits in three and a half thousand bytes",
    function="",
    product="3.12.tflite",
    public_inputs=partial(
        product_parts.draw_public, DIGITS, samples_per_class=20, seed=3600
    ),
    parts=(
        product_parts.learnt(2, LEAST, things="digits", guessing="a tenth"),
        product_parts.fits(1),
        product_parts.little_ram(3, ARENA_BYTES, worst=WORST),
        product_parts.little_flash(3, MODEL_BYTES, worst=WORST),
        product_parts.accurate(3, ACCURACY, least=LEAST),
    ),
    hints=(
        "Begin with more channels than fit, and let the training say which of them matter.",
        "Each stage has its place: channels first, then whole numbers, then the file. A network "
        "that lost channels wants to be trained again.",
        "Train, prune within `ByteLimits` in a few steps, train aware of the rounding, convert, "
        "slim.",
    ),
)  # fmt: skip
