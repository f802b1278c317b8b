"""The exam paper: an exercise as it was given out, with the inputs of its tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinyml_course.grading.notebook import Cell, read_notebook
from tinyml_course.grading.task import Inputs, Task, Test
from tinyml_course.grading.tasks import tasks_of


@dataclass(frozen=True, slots=True)
class Question:
    """One task of a paper.

    Attributes
    ----------
    task : Task
        What is asked.
    public, hidden : argument tuples
        Its inputs; without a judge there are no hidden ones.
    also : mapping of part name to Test, or None
        The judge's tests; None without a judge.
    """

    task: Task
    public: Inputs
    hidden: Inputs = ()
    also: Mapping[str, Test] | None = None


@dataclass(frozen=True, slots=True)
class Paper:
    """An exercise, ready to judge any number of submissions.

    Attributes
    ----------
    name : str
        File name of the notebook.
    questions : tuple of Question
        Its tasks, in order.
    cells : mapping of id to cell
        The exercise as it was given out.
    """

    name: str
    questions: tuple[Question, ...]
    cells: Mapping[str, Cell]


def public_paper(exercise: Path) -> Paper:
    """Return the paper of an exercise with public inputs only.

    Raises
    ------
    InvalidNotebook, UnknownTask
        If it is no exercise of the course.
    """
    questions = tuple(Question(task, task.inputs) for task in tasks_of(exercise.name))
    cells = {cell["id"]: cell for cell in read_notebook(exercise)["cells"]}
    return Paper(exercise.name, questions, cells)
