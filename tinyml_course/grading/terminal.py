"""`tinyml check`: the verdicts on a notebook, in words."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tinyml_course.grading.marker import mark_submission
from tinyml_course.grading.paper import public_paper
from tinyml_course.grading.progress import Progress, ProgressUnavailable
from tinyml_course.grading.sandbox import Sandbox
from tinyml_course.grading.tasks import find_task, notebook_of, tasks_of
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


def record_verdicts(verdicts: Sequence[Verdict]) -> None:
    """Store each attempt in the learner's progress; say so where the file does not allow it."""
    try:
        for verdict in verdicts:
            Progress().record(verdict)
    except ProgressUnavailable as fault:
        print(f"Not recorded: {fault}", file=sys.stderr)


def next_hint(task_id: str) -> str:
    """Return the next rung of a task's ladder of hints, and record that it was shown.

    Raises
    ------
    UnknownTask
        If there is no such task.
    ProgressUnavailable
        If the progress file can't be used.
    """
    task, progress = find_task(task_id), Progress()
    given = next(
        done.hints for done in progress.standing(notebook_of(task_id)) if done.task == task
    )
    rung = min(given, len(task.hints) - 1)
    progress.record_hint(task_id, rung)
    again = ", again" if given > rung else ""
    return f"Hint {rung + 1} of {len(task.hints)}{again}: {task.hints[rung]}"


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
