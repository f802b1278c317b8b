"""What each exercise asks, chapter by chapter: public, and shipped to learners."""

from __future__ import annotations

import importlib
import re
from functools import cache
from importlib.util import find_spec

from tinyml_course.core.errors import CourseError
from tinyml_course.grading.task import Task

CHAPTERS = (
    "00_foundations.ipynb",
    "01_quantization.ipynb",
    "02_nas.ipynb",
    "03_pipeline.ipynb",
    "04_production.ipynb",
)
"""Names of the exercise notebooks, by chapter number."""


class UnknownTask(CourseError, LookupError):
    """A task or an exercise that the course does not have."""


def chapter_name(notebook: str) -> str:
    """Return the name that a notebook's tasks and judges go by.

    Examples
    --------
    >>> chapter_name("00_foundations.ipynb")
    'foundations'
    """
    found = re.fullmatch(r"\d\d_([a-z_]+)\.ipynb", notebook)
    if notebook not in CHAPTERS or found is None:
        raise UnknownTask(f"no exercise is called {notebook!r}; there are {', '.join(CHAPTERS)}")
    return found[1]


@cache
def tasks_of(notebook: str) -> tuple[Task, ...]:
    """Return the tasks of an exercise notebook in order; empty if its chapter has none yet.

    Raises
    ------
    UnknownTask
        If the course has no such notebook.
    """
    module = f"{__name__}.{chapter_name(notebook)}"
    if find_spec(module) is None:
        return ()
    return tuple(importlib.import_module(module).TASKS)


def find_task(task_id: str) -> Task:
    """Return a task by its id.

    Raises
    ------
    UnknownTask
        If there is none.
    """
    number = task_id.partition(".")[0]
    if number.isdigit() and int(number) < len(CHAPTERS):
        for task in tasks_of(CHAPTERS[int(number)]):
            if task.id == task_id:
                return task
    raise UnknownTask(f"there is no task {task_id!r}; ids look like 0.1")


def notebook_of(task_id: str) -> str:
    """Return the name of the exercise notebook that holds a task."""
    find_task(task_id)
    return CHAPTERS[int(task_id.partition(".")[0])]
