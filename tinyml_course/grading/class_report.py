"""The files of a graded class: tables for the office, a page for each student, item statistics."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any

from tinyml_course.grading.gradebook import Grade
from tinyml_course.grading.items import Item, summarise
from tinyml_course.grading.tasks import UnknownTask, find_task
from tinyml_course.grading.words import MARKS, part_state

GRADE_COLUMNS = ("student", "notebook", "task", "points", "max_points", "reason")
ITEM_COLUMNS = (
    "notebook", "task", "title", "students", "attempted", "pass_rate", "mean_share",
    "commonest_failure", "median_seconds", "discrimination",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet compute a cell instead of showing it."""


def class_files(grades: Sequence[Grade], *, protections: str = "") -> dict[str, bytes]:
    """Return every file of the report, by name.

    Parameters
    ----------
    grades : sequence of Grade
        The newest verdict on each task of each student.
    protections : str
        The walls that stood around the learners' code.
    """
    items = summarise(grades)
    files = {"grades.csv": grades_csv(grades), "items.csv": items_csv(items)}
    titles = {item.task: title_of(item.task) for item in items}
    files["items.html"] = _render(
        "items.html.jinja", items=items, titles=titles, protections=protections
    )
    for student, theirs in itertools.groupby(grades, key=lambda grade: grade.student):
        files[f"feedback/{page_name(student)}.html"] = feedback_page(student, list(theirs), titles)
    return files


def grades_csv(grades: Iterable[Grade]) -> bytes:
    """Return the table of all grades; no cell can be taken for a formula."""
    rows = (
        (
            g.student, g.notebook, g.verdict.task, f"{g.verdict.points:g}",
            f"{g.verdict.max_points:g}", g.verdict.reason,
        )
        for g in grades
    )  # fmt: skip
    return _csv(GRADE_COLUMNS, rows)


def items_csv(items: Iterable[Item]) -> bytes:
    """Return the table of item statistics; rates as shares in [0, 1]."""
    rows = (
        (
            i.notebook, i.task, title_of(i.task), i.students, i.attempted, f"{i.pass_rate:.4f}",
            f"{i.mean_share:.4f}", i.commonest_failure, f"{i.median_seconds:.3f}",
            "" if i.discrimination is None else f"{i.discrimination:.3f}",
        )
        for i in items
    )  # fmt: skip
    return _csv(ITEM_COLUMNS, rows)


def feedback_page(student: str, grades: Sequence[Grade], titles: dict[str, str]) -> bytes:
    """Return a student's page: points, and what failed on which public input."""
    notebooks = [
        (name, list(group)) for name, group in itertools.groupby(grades, key=lambda g: g.notebook)
    ]
    return _render(
        "feedback.html.jinja",
        student=student,
        notebooks=notebooks,
        titles=titles,
        marks=MARKS,
        part_state=part_state,
    )


def page_name(student: str) -> str:
    """Return a file name for a student's page: safe on any system, different for each student.

    Examples
    --------
    >>> page_name("ada")
    'ada'
    >>> page_name("../ada") == page_name("__ada")
    False
    """
    safe = re.sub(r"[^a-z0-9_-]", "_", student.lower())[:60]
    if safe == student and safe[0] not in "-_":
        return safe
    digest = hashlib.sha256(student.encode(errors="surrogateescape")).hexdigest()[:10]
    return f"{safe.lstrip('-_') or 'student'}-{digest}"


def title_of(task_id: str) -> str:
    """Return a task's title; empty where the course no longer has the task."""
    try:
        return find_task(task_id).title
    except UnknownTask:
        return ""


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(columns)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return table.getvalue().encode()


def _harmless(cell: Any) -> Any:
    """Return a text with an apostrophe before what a spreadsheet would compute."""
    if isinstance(cell, str) and cell.startswith(FORMULA) and not _is_number(cell):
        return f"'{cell}"
    return cell


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", text) is not None


def _render(template: str, **values: Any) -> bytes:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("tinyml_course.grading", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template(template).render(**values).encode()
