"""What a learner has done so far, in one SQLite file that a crash can't take away.

Every record is one transaction, written ahead and synchronised to the disk before the call
returns. Points only ever rise: a later, worse attempt is counted but takes nothing away.
"""

from __future__ import annotations

import os
import sqlite3
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from tinyml_course.core.errors import CourseError
from tinyml_course.grading.task import Task
from tinyml_course.grading.tasks import CHAPTERS, notebook_of, tasks_of
from tinyml_course.grading.verdict import Verdict

VARIABLE = "TINYML_COURSE_PROGRESS"
"""Environment variable that names another file."""

FILE_NAME = "progress.sqlite3"
SCHEMA_VERSION = 1
BUSY_S = 10.0
"""Longest wait for another notebook that is writing."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY,
    task TEXT NOT NULL,
    points REAL NOT NULL,
    max_points REAL NOT NULL,
    status TEXT NOT NULL,
    made_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS attempts_by_task ON attempts (task);
CREATE TABLE IF NOT EXISTS hints (
    task TEXT NOT NULL,
    rung INTEGER NOT NULL,
    shown_at REAL NOT NULL,
    PRIMARY KEY (task, rung)
);
"""


class ProgressUnavailable(CourseError, OSError):
    """The progress file can't be opened or written; names the file and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskProgress:
    """How far a learner is with one task.

    Attributes
    ----------
    task : Task
        The task.
    points : float
        Of the best attempt.
    attempts : int
        Checks of an answer; an untouched task is no attempt.
    hints : int
        Rungs of the hint ladder that were shown.
    passed : bool
        Whether every part that is checked in public has held once.
    """

    task: Task
    points: float
    attempts: int
    hints: int
    passed: bool


def progress_path() -> Path:
    """Return the file that holds the progress; it need not exist yet."""
    named = os.environ.get(VARIABLE)
    folder = platformdirs.user_data_path("tinyml-course", appauthor=False)
    return Path(named).expanduser() if named else folder / FILE_NAME


class Progress:
    """The progress file.

    Each call opens it, does one transaction and closes it, so that several notebooks can share
    the file and nothing is pending when a kernel dies.

    Parameters
    ----------
    path : Path, optional
        The file; `progress_path()` by default. Made on the first record.

    References
    ----------
    .. [1] SQLite, "Write-Ahead Logging" and "PRAGMA synchronous": with FULL, a transaction
       that was committed survives a power cut.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or progress_path()

    def record(self, verdict: Verdict) -> None:
        """Store one checked attempt; an untouched task is not stored.

        Raises
        ------
        ProgressUnavailable
            If the file can't be written.
        """
        if verdict.status == "not attempted":
            return
        row = (verdict.task, verdict.points, verdict.max_points, verdict.status, time.time())
        with self._transaction() as base:
            base.execute(
                "INSERT INTO attempts (task, points, max_points, status, made_at) "
                "VALUES (?, ?, ?, ?, ?)",
                row,
            )

    def record_hint(self, task_id: str, rung: int) -> None:
        """Store that a rung of the hint ladder was shown, counted from 0; twice counts once.

        Raises
        ------
        ProgressUnavailable
            If the file can't be written.
        """
        with self._transaction() as base:
            base.execute(
                "INSERT OR IGNORE INTO hints (task, rung, shown_at) VALUES (?, ?, ?)",
                (task_id, rung, time.time()),
            )

    def standing(self, notebook: str | None = None) -> tuple[TaskProgress, ...]:
        """Return the progress on every task, in the course's order.

        Parameters
        ----------
        notebook : str, optional
            Name of one exercise; all by default.

        Raises
        ------
        ProgressUnavailable
            If the file exists and can't be read.
        """
        notebooks = CHAPTERS if notebook is None else (notebook,)
        tasks = [task for name in notebooks for task in tasks_of(name)]
        if not self.path.exists():
            return tuple(_progress(task, None, 0) for task in tasks)
        with self._transaction() as base:
            best = {
                row[0]: row[1:]
                for row in base.execute(
                    "SELECT task, MAX(points), COUNT(*), SUM(status = 'passed') "
                    "FROM attempts GROUP BY task"
                )
            }
            hints = dict(base.execute("SELECT task, COUNT(*) FROM hints GROUP BY task"))
        return tuple(_progress(task, best.get(task.id), hints.get(task.id, 0)) for task in tasks)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Open the file, yield a connection inside a transaction, commit and close."""
        try:
            with closing(self._open()) as base, base:
                base.execute("BEGIN IMMEDIATE")
                yield base
        except (sqlite3.Error, OSError) as fault:
            if isinstance(fault, ProgressUnavailable):
                raise
            raise ProgressUnavailable(
                f"the progress file {self.path} can't be used ({fault}); "
                f"name another one with {VARIABLE}=/path/to/file"
            ) from fault

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._connect()
        except sqlite3.DatabaseError as fault:
            if isinstance(fault, sqlite3.OperationalError):  # locked or not writable, but sound
                raise
            self._set_aside(fault)
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
        try:
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = FULL")
            (version,) = base.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA_VERSION:
                raise ProgressUnavailable(
                    f"{self.path} was written by a newer course (format {version}, this one "
                    f"knows {SCHEMA_VERSION}); update the course"
                )
            if version < SCHEMA_VERSION:
                base.executescript(
                    f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
                )
        except BaseException:
            base.close()
            raise
        return base

    def _set_aside(self, fault: Exception) -> None:
        """Keep a damaged file under another name and say so; nothing is deleted."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        kept = self.path.with_name(f"{self.path.name}.damaged-{stamp}-{os.getpid()}")
        for suffix in ("", "-wal", "-shm"):
            part = self.path.with_name(self.path.name + suffix)
            if part.exists():
                part.rename(kept.with_name(kept.name + suffix))
        warnings.warn(
            f"the progress file {self.path} is damaged ({fault}); it was kept as {kept.name} "
            "and a new one begun",
            stacklevel=4,
        )


def next_step(standing: Sequence[TaskProgress]) -> str:
    """Return one sentence: what to do next.

    Parameters
    ----------
    standing : sequence of TaskProgress
        In the course's order.
    """
    for done in standing:
        if not done.passed:
            where = f"exercises/{notebook_of(done.task.id)}"
            begun = "go on with" if done.attempts else "begin"
            return f"Next: {begun} task {done.task.id}, {done.task.title}, in {where}."
    return "Every task is done." if standing else "There are no graded tasks yet."


def _progress(task: Task, best: tuple[float, int, int] | None, hints: int) -> TaskProgress:
    points, attempts, passes = best or (0.0, 0, 0)
    return TaskProgress(
        task=task, points=points, attempts=attempts, hints=hints, passed=bool(passes)
    )
