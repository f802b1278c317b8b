"""The gradebook: every verdict of every run in one SQLite file; the newest one counts."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from tinyml_course.core.errors import CourseError
from tinyml_course.grading.verdict import PartVerdict, Verdict

FILE_NAME = "gradebook.sqlite3"
SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, began_at REAL NOT NULL, ended_at REAL, protections TEXT NOT NULL
        DEFAULT ''
);
CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id),
    student TEXT NOT NULL, notebook TEXT NOT NULL, task TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    points REAL NOT NULL, max_points REAL NOT NULL, status TEXT NOT NULL,
    reason TEXT NOT NULL, parts TEXT NOT NULL, seconds REAL NOT NULL
);
CREATE INDEX verdicts_by_work ON verdicts (student, notebook, task, id);
"""


class InvalidGradebook(CourseError, ValueError):
    """A file that is no gradebook of this course; names it and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """One verdict as it stands in the gradebook.

    Attributes
    ----------
    student, notebook : str
        Whose work; folder and file name as handed in.
    verdict : Verdict
        What became of the task.
    fingerprint : str
        Of work, task and judge; empty where nothing was judged for good.
    """

    student: str
    notebook: str
    verdict: Verdict
    fingerprint: str = ""


class Gradebook:
    """The file; a context manager.

    Parameters
    ----------
    path : Path
        Made where it does not exist.

    Raises
    ------
    InvalidGradebook
        If the file is something else, or of a newer course.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._base = sqlite3.connect(path)
        try:
            self._base.execute("PRAGMA journal_mode = WAL")
            (version,) = self._base.execute("PRAGMA user_version").fetchone()
            if version == 0:
                self._base.executescript(f"{SCHEMA} PRAGMA user_version = {SCHEMA_VERSION};")
        except sqlite3.DatabaseError as fault:
            self._base.close()
            raise InvalidGradebook(
                f"{path} is no gradebook ({fault}); name another --out"
            ) from fault
        if version > SCHEMA_VERSION:
            self._base.close()
            raise InvalidGradebook(f"{path} was written by a newer course; update the course")

    def __enter__(self) -> Gradebook:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._base.close()

    def begin_run(self) -> int:
        """Note that a run begins; return its number."""
        with self._base:
            return int(
                self._base.execute(
                    "INSERT INTO runs (began_at) VALUES (?)", (time.time(),)
                ).lastrowid
                or 0
            )

    def end_run(self, run: int, protections: Sequence[str]) -> None:
        """Note that a run has ended, and which walls stood around the learners' code."""
        with self._base:
            self._base.execute(
                "UPDATE runs SET ended_at = ?, protections = ? WHERE id = ?",
                (time.time(), "; ".join(protections), run),
            )

    def store(self, run: int, grades: Iterable[Grade]) -> None:
        """Store verdicts, all or none; earlier ones stay as history."""
        with self._base:
            self._base.executemany(
                "INSERT INTO verdicts (run, student, notebook, task, fingerprint, points, "
                "max_points, status, reason, parts, seconds) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                [_row(run, grade) for grade in grades],
            )

    def latest(self) -> list[Grade]:
        """Return the newest verdict on each task of each student, in order."""
        rows = self._base.execute(
            "SELECT student, notebook, task, fingerprint, points, max_points, status, reason, "
            "parts, seconds FROM verdicts WHERE id IN "
            "(SELECT MAX(id) FROM verdicts GROUP BY student, notebook, task)"
        )
        grades = [_grade(*row) for row in rows]
        return sorted(grades, key=lambda g: (g.student, g.notebook, _number(g.verdict.task)))

    def known(self, student: str, notebook: str) -> dict[str, str]:
        """Return the fingerprint of each task's newest verdict, by task id."""
        rows = self._base.execute(
            "SELECT task, fingerprint FROM verdicts WHERE student = ? AND notebook = ? ORDER BY id",
            (_text(student), notebook),
        )
        return dict(rows.fetchall())

    def protections(self) -> str:
        """Return the walls that stood in the last run that ended."""
        row = self._base.execute(
            "SELECT protections FROM runs WHERE ended_at IS NOT NULL ORDER BY id DESC LIMIT 1"
        ).fetchone()
        return str(row[0]) if row else ""


def _text(name: str) -> str:
    """Return a name that SQLite can store; a file name may hold bytes that are no text."""
    return name.encode(errors="backslashreplace").decode()


def _row(run: int, grade: Grade) -> tuple[object, ...]:
    verdict = grade.verdict
    parts = json.dumps([asdict(part) for part in verdict.parts])
    return (
        run, _text(grade.student), grade.notebook, verdict.task, grade.fingerprint,
        verdict.points, verdict.max_points, verdict.status, _text(verdict.reason), parts,
        verdict.seconds,
    )  # fmt: skip


def _grade(
    student: str, notebook: str, task: str, fingerprint: str, points: float, max_points: float,
    status: str, reason: str, parts: str, seconds: float,
) -> Grade:  # fmt: skip
    verdict = Verdict(
        task=task, points=points, max_points=max_points, status=status, reason=reason,  # type: ignore[arg-type]
        parts=tuple(PartVerdict(**part) for part in json.loads(parts)), seconds=seconds,
    )  # fmt: skip
    return Grade(student=student, notebook=notebook, verdict=verdict, fingerprint=fingerprint)


def _number(task: str) -> tuple[int, ...]:
    return tuple(int(word) for word in task.split(".") if word.isdigit())
