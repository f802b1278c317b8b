"""From the one source in ``solutions/`` to what learners get in ``exercises/``.

The id of a cell says what it is, ``0-3-hole``; everything else follows from it and the `Task`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinyml_course.core.errors import CourseError
from tinyml_course.core.files import write_atomically
from tinyml_course.grading.notebook import Cell, Notebook, canonical_text, read_notebook
from tinyml_course.grading.task import Task
from tinyml_course.grading.tasks import tasks_of
from tinyml_course.launch import course_folder

MARKER = "# solution"
REQUIRED = ("spec", "hole", "check")
OPTIONAL = ("prediction", "make", "picture", "answer")
FREE = ("title", "setup", "summary")


class InvalidSource(CourseError, ValueError):
    """A solution notebook that breaks the format; names the cell and the remedy."""


def make_exercise(source: Notebook, tasks: Sequence[Task]) -> Notebook:
    """Return the exercise that a solution notebook holds.

    Holes lose what follows the line ``# solution``, answers are left out, and every cell gets
    the metadata of nbgrader's schema 3.

    Raises
    ------
    InvalidSource
        If a cell breaks the format.
    """
    roles = find_roles(source, tasks)
    cells = []
    for cell in source["cells"]:
        task, role = roles[cell["id"]]
        if role == "answer":
            continue
        text = stub(cell["source"], task) if task and role == "hole" else cell["source"]
        metadata = _metadata(cell, task, role)
        cells.append({**cell, "source": text.strip("\n"), "metadata": metadata})
    return {**source, "cells": cells}


def find_roles(source: Notebook, tasks: Sequence[Task]) -> dict[str, tuple[Task | None, str]]:
    """Return task and role of each cell, by id, after checking that the source is well-formed.

    Raises
    ------
    InvalidSource
        If ids are missing, double or unknown, or a task lacks a cell.
    """
    known = {task.cell_id(role): (task, role) for task in tasks for role in (*REQUIRED, *OPTIONAL)}
    roles: dict[str, tuple[Task | None, str]] = {}
    for cell in source["cells"]:
        name = cell.get("id", "")
        if name in roles:
            raise InvalidSource(f"two cells have the id {name!r}")
        if name not in known and name not in FREE and not name.startswith("text-"):
            raise InvalidSource(
                f"the id {name!r} names no role; use text-..., {', '.join(FREE)} or e.g. 0-1-hole"
            )
        roles[name] = known.get(name, (None, name.partition("-")[0]))
    for task in tasks:
        for role in REQUIRED:
            if task.cell_id(role) not in roles:
                raise InvalidSource(f"task {task.id} has no cell {task.cell_id(role)!r}")
    for cell in source["cells"]:
        _check_cell(cell, *roles[cell["id"]])
    return roles


def stub(text: str, task: Task) -> str:
    """Return a hole's source with what follows the marker replaced by an error.

    Raises
    ------
    InvalidSource
        If it has no marker, or more than one.
    """
    before, _, rest = text.partition(MARKER)
    if text.count(MARKER) != 1 or rest.partition("\n")[0].strip():
        raise InvalidSource(f"task {task.id}: the hole needs exactly one line {MARKER!r}")
    kept, _, indent = before.rpartition("\n")
    return f'{kept}\n{indent}raise NotImplementedError("{task.id}: {task.title}")'


def spec_heading(task: Task) -> str:
    """Return the first line that a task's specification must have."""
    return f"## {task.id} {task.title} ({task.points:g} points)"


def check_call(task: Task) -> str:
    """Return the source that a task's check cell must have."""
    return f'check("{task.id}", {task.function})' if task.function else f'check("{task.id}")'


def write_exercises(solutions: Path, exercises: Path) -> tuple[str, ...]:
    """Write every exercise whose text differs from what its solution gives; return their names.

    Files in `exercises` that no solution makes are left alone, and reported by
    `differing_exercises`.
    """
    texts = exercise_texts(solutions)
    changed = [name for name in texts if not _holds(exercises / name, texts[name])]
    write_atomically(exercises, {name: texts[name].encode() for name in changed})
    return tuple(changed)


def differing_exercises(solutions: Path, exercises: Path) -> tuple[str, ...]:
    """Return the names of exercises that are missing, edited by hand, or made by no solution."""
    texts = exercise_texts(solutions)
    differing = {name for name in texts if not _holds(exercises / name, texts[name])}
    present = {path.name for path in exercises.glob("*.ipynb")} if exercises.is_dir() else set()
    return tuple(sorted(differing | (present - texts.keys())))


def exercise_texts(solutions: Path) -> dict[str, str]:
    """Return the canonical text of every exercise, by file name.

    Raises
    ------
    InvalidSource, InvalidNotebook
        If a solution notebook breaks the format; names it.
    """
    texts = {}
    for path in sorted(solutions.glob("*.ipynb")):
        try:
            exercise = make_exercise(read_notebook(path), tasks_of(path.name))
        except InvalidSource as fault:
            raise InvalidSource(f"{path.name}: {fault}") from None
        texts[path.name] = canonical_text(exercise)
    return texts


def _check_cell(cell: Cell, task: Task | None, role: str) -> None:
    """Raise `InvalidSource` where a cell is not what its id promises."""
    if task is None:
        return
    text = cell["source"].strip()
    kind = "markdown" if role == "spec" else "code"
    if cell["cell_type"] != kind and role != "answer":
        raise InvalidSource(f"cell {cell['id']!r} must be a {kind} cell")
    if role == "spec" and text.partition("\n")[0] != spec_heading(task):
        raise InvalidSource(f"cell {cell['id']!r} must begin with {spec_heading(task)!r}")
    if role == "check" and text != check_call(task):
        raise InvalidSource(f"cell {cell['id']!r} must be {check_call(task)!r}")
    if role == "hole":
        stub(cell["source"], task)
        _check_hole(cell["source"], task)


def _check_hole(text: str, task: Task) -> None:
    try:
        defined = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    except SyntaxError as fault:
        raise InvalidSource(f"task {task.id}: the hole does not parse: {fault}") from None
    if task.function and task.function not in defined:
        raise InvalidSource(f"task {task.id}: the hole must define {task.function}")


def _metadata(cell: Cell, task: Task | None, role: str) -> dict[str, Any]:
    """Return the cell's metadata: nbgrader's schema 3, and ours."""
    graded: dict[str, Any] = {
        "cell_type": cell["cell_type"],
        "grade": role == "check",
        "grade_id": cell["id"],
        "locked": role not in ("hole", "prediction"),
        "schema_version": 3,
        "solution": role in ("hole", "prediction"),
        "task": False,
    }
    if task is not None and role == "check":
        graded["points"] = task.points
    ours = {"role": role} if task is None else {"role": role, "task": task.id}
    kept = {"tags": cell["metadata"]["tags"]} if cell["metadata"].get("tags") else {}
    return {**kept, "nbgrader": graded, "tinyml": ours}


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def assign_exercises(*, check: bool) -> bool:
    """Write the exercises that solutions make, or with `check` compare; return whether all match.

    Raises
    ------
    FileNotFoundError
        If this copy of the course has no solutions.
    """
    folder = course_folder()
    solutions, exercises = folder / "solutions", folder / "exercises"
    if not solutions.is_dir():
        raise FileNotFoundError(f"{solutions} is missing; this copy of the course has no solutions")
    if not check:
        for name in write_exercises(solutions, exercises):
            print(f"wrote exercises/{name}")
    differing = differing_exercises(solutions, exercises)
    for name in differing:
        print(f"exercises/{name} is not what its solution makes", file=sys.stderr)
    if differing and check:
        print("run `tinyml assign` and commit what it wrote", file=sys.stderr)
    return not differing
