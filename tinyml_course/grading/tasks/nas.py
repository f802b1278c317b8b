"""The tasks of chapter 2: what is asked, what it counts, which properties are checked in public."""

from __future__ import annotations

from tinyml_course.grading.tasks.nas_breeding import GENERATION, RACE
from tinyml_course.grading.tasks.nas_estimates import EXPECTED_COST, SLICES, TAU
from tinyml_course.grading.tasks.nas_fronts import CROWDING, FRONTS, HYPERVOLUME
from tinyml_course.grading.tasks.nas_product import SEARCHED_MODEL
from tinyml_course.grading.tasks.nas_spaces import COSTS, NETWORKS, PEAK

TASKS = (
    NETWORKS,
    COSTS,
    PEAK,
    GENERATION,
    FRONTS,
    CROWDING,
    HYPERVOLUME,
    RACE,
    SLICES,
    TAU,
    EXPECTED_COST,
    SEARCHED_MODEL,
)
