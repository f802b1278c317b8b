"""The tasks of chapter 1: what is asked, what it counts, which properties are checked in public."""

from __future__ import annotations

from tinyml_course.grading.tasks.quantization_codes import BEST_LIMIT, DENSE, FIXED_POINT, PACK
from tinyml_course.grading.tasks.quantization_plans import BEST_PLAN, DIGIT_MODEL
from tinyml_course.grading.tasks.quantization_training import (
    BITS_NOW,
    CHANNEL_SCALES,
    FOLD,
    STEP_GRADIENT,
    STRAIGHT_THROUGH,
)

TASKS = (
    CHANNEL_SCALES,
    STRAIGHT_THROUGH,
    STEP_GRADIENT,
    FOLD,
    BEST_LIMIT,
    BITS_NOW,
    PACK,
    FIXED_POINT,
    DENSE,
    BEST_PLAN,
    DIGIT_MODEL,
)
