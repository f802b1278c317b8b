"""Progress to look at: a table for the terminal and for the chapter list."""

from __future__ import annotations

import html
import itertools
from dataclasses import dataclass

from tinyml_course.grading.progress import Progress, TaskProgress, next_step
from tinyml_course.grading.tasks import notebook_of


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a learner is; shows itself in a notebook and in a terminal.

    Attributes
    ----------
    tasks : tuple of TaskProgress
        In the course's order.
    """

    tasks: tuple[TaskProgress, ...]

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return exercise, tasks done, points so far and hints for each exercise."""
        groups = itertools.groupby(self.tasks, key=lambda done: notebook_of(done.task.id))
        return [_row(name, list(group)) for name, group in groups]

    def __str__(self) -> str:
        """Return one line for each exercise, then the next step."""
        lines = [
            f"{name:<24} {done} done, {points} points, {hints} hints"
            for name, done, points, hints in self.rows()
        ]
        return "\n".join([*lines, next_step(self.tasks)])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("exercise", "tasks done", "points", "hints"))
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.rows()
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"{table}<p>{html.escape(next_step(self.tasks))}</p>"


def my_progress() -> Standing:
    """Return your progress on every graded task of the course.

    Raises
    ------
    ProgressUnavailable
        If the progress file exists and can't be read.
    """
    return Standing(Progress().standing())


def _row(name: str, tasks: list[TaskProgress]) -> tuple[str, str, str, str]:
    points = sum(done.points for done in tasks)
    most = sum(done.task.points for done in tasks)
    return (
        name,
        f"{sum(done.passed for done in tasks)} of {len(tasks)}",
        f"{points:g} of {most:g}",
        f"{sum(done.hints for done in tasks)}",
    )
