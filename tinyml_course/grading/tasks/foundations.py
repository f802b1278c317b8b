"""The tasks of chapter 0: what is asked, what it counts, which properties are checked in public."""

from __future__ import annotations

from tinyml_course.grading.tasks.foundations_choices import DISTILLATION, PARETO, ROOFLINE
from tinyml_course.grading.tasks.foundations_memory import (
    GESTURE_MODEL,
    LIVE_BYTES,
    PLAN_OFFSETS,
    WEIGHT_BYTES,
)
from tinyml_course.grading.tasks.foundations_numbers import (
    CHOOSE_QPARAMS,
    ERROR_BOUNDS,
    ROUNDTRIP,
)

TASKS = (
    WEIGHT_BYTES,
    PARETO,
    LIVE_BYTES,
    CHOOSE_QPARAMS,
    ROUNDTRIP,
    ERROR_BOUNDS,
    PLAN_OFFSETS,
    ROOFLINE,
    DISTILLATION,
    GESTURE_MODEL,
)
