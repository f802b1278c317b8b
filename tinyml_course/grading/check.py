"""What the cells of an exercise call: `check` and `attempted`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tinyml_course.grading.public import check_function
from tinyml_course.grading.tasks import find_task


def check(task_id: str, function: Callable[..., Any] | None = None) -> None:
    """Print the verdict on `function` for the task's public inputs."""
    task = find_task(task_id)
    if function is None:
        print(f"{task_id}: run `tinyml check` to have {task.product} judged")
        return
    verdict = check_function(task, function)
    print(f"{task_id}: {verdict.status}, {verdict.points:g} of {verdict.max_points:g} points")
    for part in verdict.parts:
        print(f"  {part.points:g} of {part.max_points:g}  {part.fault or part.says}")


@contextmanager
def attempted(task_id: str) -> Iterator[None]:
    """Let a cell that needs an answer say so where there is none yet."""
    try:
        yield
    except NotImplementedError:
        print(f"{task_id}: not attempted yet")
