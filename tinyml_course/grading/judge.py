"""What the instructor knows and learners do not: hidden inputs, oracles, wrong answers.

Not part of a release.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from types import MappingProxyType
from typing import Any

import numpy as np

from tinyml_course.core.errors import CourseError
from tinyml_course.grading.notebook import Notebook, read_notebook
from tinyml_course.grading.paper import Paper, Question
from tinyml_course.grading.task import Task, Test
from tinyml_course.grading.tasks import chapter_name, tasks_of

SELF_STUDY = "self-study"
"""The secret that hidden inputs are drawn from where no instructor keeps another one."""
LEAST_WRONG = 3


class InvalidJudge(CourseError, ValueError):
    """A judge that does not fit its task; names the fault and the remedy."""


@dataclass(frozen=True, slots=True)
class WrongAnswer:
    """A mistake that learners make, with the score that it must get under every secret.

    Attributes
    ----------
    name : str
        The mistake.
    score : float
        Points.
    source : str
        Source of the whole hole cell, indented as suits; empty for a product.
    product : callable, optional
        Returns the bytes of a wrong product.
    """

    name: str
    score: float
    source: str = ""
    product: Callable[[], bytes] | None = None

    @property
    def cell(self) -> str:
        """Source of the hole cell without the indentation of the judges' file."""
        return dedent(self.source).strip("\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """What the instructor knows about a task and learners do not.

    Attributes
    ----------
    task : str
        Id of the task.
    draw_inputs : callable
        From a generator to hidden argument tuples.
    also : mapping of part name to Test
        Further tests, with expected values; on public and hidden inputs.
    wrong : tuple of WrongAnswer
        At least three.
    """

    task: str
    draw_inputs: Callable[[np.random.Generator], Sequence[tuple[Any, ...]]]
    also: Mapping[str, Test] = field(default_factory=lambda: MappingProxyType({}))
    wrong: tuple[WrongAnswer, ...] = ()


def make_paper(exercise: Path, *, solutions: Path, secret: str = SELF_STUDY) -> Paper:
    """Return the paper of an exercise with its hidden inputs.

    Parameters
    ----------
    exercise : Path
        The notebook as it was given out.
    solutions : Path
        Folder with ``judges/``.
    secret : str
        What hidden inputs are drawn from: same secret, same inputs.

    Raises
    ------
    InvalidJudge, InvalidNotebook, UnknownTask
        If the course's own files are not in order.
    """
    tasks = tasks_of(exercise.name)
    judges = load_judges(solutions, exercise.name)
    return build_paper(exercise.name, read_notebook(exercise), tasks, judges, secret=secret)


def build_paper(
    name: str,
    exercise: Notebook,
    tasks: Sequence[Task],
    judges: Mapping[str, Judge],
    *,
    secret: str,
) -> Paper:
    """Return the paper of an exercise from its parts; `judges` by task id."""
    questions = tuple(draw_question(task, judges[task.id], secret) for task in tasks)
    return Paper(name, questions, {cell["id"]: cell for cell in exercise["cells"]})


def load_judges(solutions: Path, notebook: str) -> dict[str, Judge]:
    """Return the judges of a notebook's tasks, by task id, each fit for its task.

    They stand in ``judges/<chapter>.py`` and ``judges/<chapter>_<part>.py``, each file with a
    tuple ``JUDGES``.

    Raises
    ------
    InvalidJudge
        If there is no file, or a judge is missing or does not fit.
    """
    chapter = chapter_name(notebook)
    paths = [*solutions.glob(f"judges/{chapter}.py"), *solutions.glob(f"judges/{chapter}_*.py")]
    if not paths:
        raise InvalidJudge(
            f"{solutions / 'judges' / chapter}.py is missing; "
            "hidden inputs can't be drawn without it"
        )
    judges = {judge.task: judge for path in sorted(paths) for judge in _read_judges(path)}
    tasks = {task.id: task for task in tasks_of(notebook)}
    if judges.keys() != tasks.keys():
        raise InvalidJudge(f"{notebook}: judges of {sorted(judges)}, tasks are {sorted(tasks)}")
    for task_id, judge in judges.items():
        _check_judge(judge, tasks[task_id])
    return judges


def _read_judges(path: Path) -> tuple[Judge, ...]:
    spec = importlib.util.spec_from_file_location(f"tinyml_judges_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InvalidJudge(f"{path} can't be loaded; it must be a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return tuple(getattr(module, "JUDGES", ()))


def generator(secret: str, task_id: str) -> np.random.Generator:
    """Return the generator of a task's hidden inputs: the same for the same secret."""
    digest = hashlib.sha256(f"{secret}\0{task_id}".encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))


def draw_question(task: Task, judge: Judge, secret: str) -> Question:
    """Return a task with its public inputs, and the hidden ones that its judge draws.

    Raises
    ------
    InvalidJudge
        If the judge draws none.
    """
    hidden = tuple(tuple(args) for args in judge.draw_inputs(generator(secret, task.id)))
    if not hidden:
        raise InvalidJudge(f"task {task.id}: no hidden inputs were drawn")
    return Question(task, task.inputs, hidden, judge.also)


def _check_judge(judge: Judge, task: Task) -> None:
    names = {part.name for part in task.parts}
    if not judge.also.keys() <= names:
        raise InvalidJudge(f"task {task.id}: `also` names {set(judge.also) - names}, not a part")
    untested = [p.name for p in task.parts if p.test is None and p.name not in judge.also]
    if untested:
        raise InvalidJudge(f"task {task.id}: nothing tests {untested}; add them to `also`")
    if len({wrong.name for wrong in judge.wrong}) < LEAST_WRONG:
        raise InvalidJudge(f"task {task.id}: needs at least {LEAST_WRONG} named wrong answers")
