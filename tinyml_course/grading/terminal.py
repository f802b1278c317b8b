"""`tinyml check`: the verdicts on a notebook, in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tinyml_course.grading.marker import mark_submission
from tinyml_course.grading.paper import public_paper
from tinyml_course.grading.sandbox import Sandbox
from tinyml_course.grading.tasks import find_task, tasks_of
from tinyml_course.grading.verdict import Verdict
from tinyml_course.launch import course_folder


def check_notebook(path: Path, *, task: str | None = None) -> tuple[Verdict, ...]:
    """Return the verdict on each task of a notebook, on public inputs.

    Parameters
    ----------
    path : Path
        The learner's copy of an exercise, under its own name.
    task : str, optional
        Id of the one task to check.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    UnknownTask
        If the file has no exercise's name, or the notebook no such task.
    SandboxUnavailable
        If this machine can't judge; the Check button works everywhere.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file; name a notebook such as exercises/...ipynb")
    if not tasks_of(path.name):
        raise ValueError(f"{path.name} has no graded tasks yet")
    if task is not None and find_task(task) not in tasks_of(path.name):
        raise ValueError(f"{path.name} has no task {task}")
    exercise = course_folder() / "exercises" / path.name
    with Sandbox() as sandbox:
        paper = public_paper(exercise)
        return mark_submission(path, paper, sandbox, only=None if task is None else {task})


def print_verdicts(verdicts: Sequence[Verdict]) -> None:
    """Print one line a task, and one a part that does not hold."""
    for verdict in verdicts:
        earned = f"{verdict.points:g} of {verdict.max_points:g} points"
        print(f"{verdict.task}  {verdict.status:13} {earned:18} {find_task(verdict.task).title}")
        faults = [part.fault for part in verdict.parts if part.fault]
        for fault in dict.fromkeys(faults or [verdict.reason]):
            if fault and verdict.status != "not attempted":
                print(f"     {fault}")
        if verdict.pending_points:
            print(f"     {verdict.pending_points:g} more points are judged when you hand it in")
    points = sum(verdict.points for verdict in verdicts)
    print(f"{points:g} of {sum(verdict.max_points for verdict in verdicts):g} points so far")
