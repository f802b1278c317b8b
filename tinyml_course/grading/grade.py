"""A class's submissions, judged in parallel: every student, every task, whatever was handed in."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from tqdm.auto import tqdm

from tinyml_course.core.errors import CourseError
from tinyml_course.grading.fingerprint import (
    fingerprint_product,
    fingerprint_question,
    fingerprint_work,
)
from tinyml_course.grading.gradebook import Grade, Gradebook
from tinyml_course.grading.judge import SELF_STUDY, make_paper
from tinyml_course.grading.marker import Marker
from tinyml_course.grading.paper import Paper, Question
from tinyml_course.grading.product import judge_product
from tinyml_course.grading.sandbox import Sandbox
from tinyml_course.grading.submission import Refused, read_submission
from tinyml_course.grading.tasks import tasks_of
from tinyml_course.grading.verdict import Verdict, no_points

_ONE_AT_A_TIME = threading.Lock()
"""A sandbox holds one session; a cluster's worker may run several threads."""


class NoSubmissions(CourseError, ValueError):
    """A folder without work that could be graded; names what is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Where the papers come from.

    Attributes
    ----------
    exercises, solutions : Path
        Folders of the exercises as given out, and of the solutions with their judges.
    secret : str
        What hidden inputs are drawn from.
    """

    exercises: Path
    solutions: Path
    secret: str = SELF_STUDY


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One notebook of one student, waiting to be judged.

    Attributes
    ----------
    root : Path
        Folder of all submissions.
    student, notebook : str
        Folder and file name below it.
    known : mapping of task id to fingerprint
        Verdicts to keep where nothing has changed.
    """

    root: Path
    student: str
    notebook: str
    known: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Marked:
    """What a worker found: new verdicts, and the walls that stood around the learner's code."""

    grades: tuple[Grade, ...]
    protections: tuple[str, ...]


def find_work(root: Path, exercises: Path) -> list[tuple[str, str]]:
    """Return (student, notebook) for every student and every exercise that anyone handed in.

    Parameters
    ----------
    root : Path
        Holds one folder a student.
    exercises : Path
        Holds the notebooks that were given out.

    Raises
    ------
    NoSubmissions
        If there is no such folder, or nobody handed in anything.
    """
    if not root.is_dir():
        raise NoSubmissions(f"{root} is no folder; it should hold <student>/<notebook>.ipynb")
    students = sorted(
        entry.name
        for entry in os.scandir(root)
        if entry.is_symlink() or entry.is_dir(follow_symlinks=False)
    )
    given = sorted(p.name for p in exercises.glob("[0-9][0-9]_*.ipynb") if tasks_of(p.name))
    asked = [name for name in given if any(os.path.lexists(root / s / name) for s in students)]
    if not asked:
        raise NoSubmissions(
            f"nobody in {root} handed in any of {', '.join(given)}; "
            "it should hold <student>/<notebook>.ipynb, named as in exercises/"
        )
    return [(student, name) for student in students for name in asked]


def grade_class(
    root: Path,
    book: Gradebook,
    course: Course,
    *,
    jobs: int | None = None,
    resume: bool = False,
    executor: Executor | None = None,
) -> int:
    """Judge what is in `root`, store each verdict in `book` as it comes, return how many came.

    Interrupted, it keeps what is stored; `resume` goes on from there.

    Parameters
    ----------
    root : Path
        Folder of submissions, one subfolder a student.
    book : Gradebook
        Where verdicts go.
    course : Course
        Papers and secret.
    jobs : int, optional
        Processes; one a core by default.
    resume : bool, default False
        Keep a verdict whose task, judge, inputs and work are unchanged.
    executor : Executor, optional
        Runs the work elsewhere, such as on a Dask cluster that sees the same folders.

    Raises
    ------
    NoSubmissions
        If there is nothing to grade.
    CourseError
        If the course's own files are not in order.
    """
    pairs = find_work(root, course.exercises)
    for notebook in {name for _, name in pairs}:
        _paper(course, notebook)  # a fault of the course's own stops the run before it begins
    works = [
        Work(root=root, student=s, notebook=n, known=book.known(s, n) if resume else {})
        for s, n in pairs
    ]
    run, count = book.begin_run(), 0
    walls: tuple[str, ...] = ()
    for marked in _run_all(works, course, jobs, executor):
        book.store(run, marked.grades)
        count += len(marked.grades)
        walls = marked.protections or walls
    book.end_run(run, walls)
    return count


def mark(work: Work, course: Course) -> Marked:
    """Judge one notebook in this process's sandbox; bad work never raises."""
    with _ONE_AT_A_TIME:
        return _mark(work, course)


def _mark(work: Work, course: Course) -> Marked:
    paper, sandbox = _paper(course, work.notebook), _sandbox()
    path = work.root / work.student / work.notebook
    try:
        marker: Marker | Refused = Marker(paper, read_submission(path, root=work.root), sandbox)
    except Refused as refusal:
        marker = refusal
    asked = _fingerprints(course, work.notebook)
    found = [
        _fingerprint(q, a, marker, path, work) for q, a in zip(paper.questions, asked, strict=True)
    ]
    grades = [
        Grade(
            student=work.student,
            notebook=work.notebook,
            verdict=_judge(question, marker, path, work, sandbox),
            fingerprint=fingerprint,
        )
        for question, fingerprint in zip(paper.questions, found, strict=True)
        if work.known.get(question.task.id) != fingerprint
    ]
    return Marked(tuple(grades), sandbox.protections)


def _fingerprint(
    question: Question, asked: str, marker: Marker | Refused, path: Path, work: Work
) -> str:
    """Return the fingerprint of a task together with the work on it."""
    if isinstance(marker, Refused):
        return f"{asked}-{marker}"
    if question.task.product:
        return f"{asked}-{fingerprint_product(path.with_name(question.task.product), work.root)}"
    return f"{asked}-{fingerprint_work(marker, question)}"


def _judge(
    question: Question, marker: Marker | Refused, path: Path, work: Work, sandbox: Sandbox
) -> Verdict:
    task = question.task
    if isinstance(marker, Refused):
        return no_points(task.id, task.points, str(marker))
    if task.product:
        return judge_product(question, path.with_name(task.product), sandbox, root=work.root)
    return marker.judge(question)


def _run_all(
    works: list[Work], course: Course, jobs: int | None, executor: Executor | None
) -> Iterator[Marked]:
    """Yield what was found for each work; one that breaks its worker costs nobody else."""
    waiting = works
    with tqdm(total=len(works), desc="grading", unit="notebook") as bar:
        for attempt in range(2):
            unfinished: list[Work] = []
            width = jobs if attempt == 0 else 1
            with _executor(executor, width) as pool:
                futures = {pool.submit(mark, work, course): work for work in waiting}
                for future in as_completed(futures):
                    fault = future.exception()
                    if isinstance(fault, BrokenProcessPool) and attempt == 0:
                        unfinished.append(futures[future])
                        continue
                    bar.update()
                    if fault is None:
                        yield future.result()
                    else:
                        yield Marked(tuple(_give_up(futures[future], fault)), ())
            waiting = unfinished
            if not waiting:
                return


def _give_up(work: Work, fault: BaseException) -> Iterable[Grade]:
    """Yield no points for work that the judge itself failed on; not remembered as judged."""
    reason = f"the judge failed ({type(fault).__name__}: {fault}); grade again with --resume"[:300]
    for task in tasks_of(work.notebook):
        yield Grade(
            student=work.student,
            notebook=work.notebook,
            verdict=no_points(task.id, task.points, reason),
        )


@contextmanager
def _executor(given: Executor | None, jobs: int | None) -> Iterator[Executor]:
    if given is not None:
        yield given
        return
    pool = ProcessPoolExecutor(jobs or os.cpu_count() or 1, mp_context=get_context("spawn"))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


@cache
def _paper(course: Course, notebook: str) -> Paper:
    return make_paper(course.exercises / notebook, solutions=course.solutions, secret=course.secret)


@cache
def _fingerprints(course: Course, notebook: str) -> tuple[str, ...]:
    return tuple(fingerprint_question(question) for question in _paper(course, notebook).questions)


@cache
def _sandbox() -> Sandbox:
    """Return this process's sandbox, started when the first work arrives."""
    sandbox = Sandbox()
    atexit.register(sandbox.close)
    return sandbox
