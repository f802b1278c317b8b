"""`tinyml grade`: from a folder of submissions to a folder of reports."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from tinyml_course.core.errors import CourseError
from tinyml_course.core.files import write_atomically
from tinyml_course.grading.class_report import class_files
from tinyml_course.grading.grade import Course, grade_class
from tinyml_course.grading.gradebook import FILE_NAME, Grade, Gradebook
from tinyml_course.grading.judge import SELF_STUDY
from tinyml_course.launch import course_folder

LEAST_SECRET = 8
"""Fewest characters of a secret that learners can't guess by trying."""


class InvalidSecret(CourseError, ValueError):
    """A seed file that gives no secret; names it and the remedy."""


def grade_submissions(
    submissions: Path,
    out: Path,
    *,
    jobs: int | None = None,
    resume: bool = False,
    seed_file: Path | None = None,
    executor: str | None = None,
    folder: Path | None = None,
) -> list[Grade]:
    """Grade a class, write the reports to `out`, and return the grades as they stand.

    Parameters
    ----------
    submissions : Path
        Holds ``<student>/<notebook>.ipynb``, and products beside the notebooks.
    out : Path
        Gets the gradebook, grades.csv, items.csv, items.html and feedback/.
    jobs : int, optional
        Processes; one a core by default.
    resume : bool, default False
        Judge only what is new or changed since the last run into `out`.
    seed_file : Path, optional
        Holds the secret that hidden inputs are drawn from; else the one for self-study.
    executor : str, optional
        Address of a Dask scheduler, whose workers see the same folders.
    folder : Path, optional
        The course, with its solutions; by default the one that is installed.

    Raises
    ------
    NoSubmissions, InvalidSecret, InvalidGradebook
        If an input is at fault.
    FileNotFoundError
        If this copy of the course has no solutions.
    ValueError
        If `jobs` is not positive.
    """
    if jobs is not None and jobs < 1:
        raise ValueError(f"--jobs must be at least 1, got {jobs}")
    course = _course(folder or course_folder(), read_secret(seed_file))
    with Gradebook(out / FILE_NAME) as book, _connect(executor) as pool:
        count = grade_class(
            submissions.absolute(), book, course, jobs=jobs, resume=resume, executor=pool
        )
        grades, walls = book.latest(), book.protections()
    write_atomically(out, class_files(grades, protections=walls))
    _print_summary(grades, count, walls, out, seed_file)
    return grades


def read_secret(seed_file: Path | None) -> str:
    """Return the secret in a file, or the public one for self-study.

    Raises
    ------
    InvalidSecret
        If the file holds fewer than 8 characters.
    """
    if seed_file is None:
        return SELF_STUDY
    secret = seed_file.read_text().strip()
    if len(secret) < LEAST_SECRET:
        raise InvalidSecret(
            f"{seed_file} holds {len(secret)} characters; write at least {LEAST_SECRET} random ones"
        )
    return secret


def _course(folder: Path, secret: str) -> Course:
    solutions = folder / "solutions"
    if not (solutions / "judges").is_dir():
        raise FileNotFoundError(
            f"{solutions}/judges is missing; grade with the instructor's copy of the course"
        )
    return Course(exercises=folder / "exercises", solutions=solutions, secret=secret)


@contextmanager
def _connect(address: str | None) -> Iterator[Executor | None]:
    """Yield an executor on a Dask cluster, or None where no address is given."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise CourseError(
            "--executor needs Dask: pip install 'tinyml-course[cluster]' in the course's .venv"
        ) from None
    with Client(address) as client:
        yield client.get_executor()


def _print_summary(
    grades: list[Grade], count: int, walls: str, out: Path, seed_file: Path | None
) -> None:
    students = len({grade.student for grade in grades})
    print(f"{count} tasks judged; {students} students in the gradebook.")
    print(f"Around the learners' code: {walls or 'nothing was run'}.")
    if seed_file is None:
        print("Hidden inputs: those for self-study; --seed-file names your own secret.")
    print(f"Wrote grades.csv, items.csv, items.html, feedback/ and {FILE_NAME} to {out}/")
