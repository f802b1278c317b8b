"""The tasks of chapter 3: what is asked, what it counts, which properties are checked in public."""

from __future__ import annotations

from tinyml_course.grading.tasks.pipeline_budgets import BUDGET, ZEROS
from tinyml_course.grading.tasks.pipeline_channels import RATES, TIES
from tinyml_course.grading.tasks.pipeline_product import SMALL_MODEL
from tinyml_course.grading.tasks.pipeline_removal import CONSTANTS, REMOVAL
from tinyml_course.grading.tasks.pipeline_runs import ORDERS, RUN, SEEDS
from tinyml_course.grading.tasks.pipeline_teachers import LESSON, LOOK

TASKS = (
    RATES,
    TIES,
    REMOVAL,
    CONSTANTS,
    BUDGET,
    ZEROS,
    LESSON,
    LOOK,
    ORDERS,
    RUN,
    SEEDS,
    SMALL_MODEL,
)
