"""The journal of a search: one row an evaluation in an SQLite file that outlives any crash.

Every change is one transaction in the write-ahead log: a process that is killed at any moment
leaves each row either as it was or as it should be. One search at a time holds the file.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from tinyml_course.core.arch_json import from_json, to_json
from tinyml_course.core.errors import CourseError
from tinyml_course.nas.costs import SpecCost
from tinyml_course.nas.trial import Trial

SCHEMA_VERSION = 1
APPLICATION_ID = 0x54696E79  # "Tiny": tells a journal from other SQLite files
SCHEMA = """
CREATE TABLE search (identity TEXT NOT NULL, spent_seconds REAL NOT NULL DEFAULT 0);
CREATE TABLE evaluations (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL, fidelity REAL NOT NULL, spec TEXT NOT NULL, cost TEXT NOT NULL,
    seed INTEGER NOT NULL, starts INTEGER NOT NULL, started_at REAL NOT NULL,
    finished_at REAL, accuracy REAL, fault TEXT, seconds REAL,
    UNIQUE (hash, fidelity)
);
"""


class InvalidJournal(CourseError, ValueError):
    """A file that this search can't go on with; names the difference and the remedy."""


class Journal:
    """What a search has evaluated so far; a context manager.

    Parameters
    ----------
    path : Path or None
        Made where it does not exist; None keeps everything in memory.
    identity : mapping of str to plain values
        All that the trials depend on: space, data, constraints, strategy, seed, evaluator.

    Raises
    ------
    InvalidJournal
        If the file is something else, of a newer course, held by a running search, or of a
        search with another identity; the message names each difference.

    References
    ----------
    .. [1] SQLite, Write-ahead logging, section 2.3: with ``synchronous=NORMAL`` a killed process
       loses nothing; a power failure may lose the last rows, and never corrupts the file.
    """

    def __init__(self, path: Path | None, identity: Mapping[str, Any]) -> None:
        self._path = path
        self._base = _open(path)
        try:
            self._spent = self._claim(json.dumps(identity, sort_keys=True))
            self._finished = {(t.hash, t.fidelity): t for t in _read_trials(self._base)}
        except BaseException:
            self._base.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._base.close()

    @property
    def path(self) -> Path | None:
        """The file, None in memory."""
        return self._path

    @property
    def spent_seconds(self) -> float:
        """Time of the search so far, over all its sessions."""
        return self._spent

    def __len__(self) -> int:
        return len(self._finished)

    def find(self, key: str, fidelity: float) -> Trial | None:
        """Return the finished trial of the network with hash `key`, or None."""
        return self._finished.get((key, fidelity))

    def start(self, trial: Trial) -> None:
        """Note that the evaluation of `trial` begins."""
        with self._base:
            self._base.execute(
                "INSERT INTO evaluations (hash, fidelity, spec, cost, seed, starts, started_at) "
                "VALUES (?, ?, ?, ?, ?, 1, ?) ON CONFLICT (hash, fidelity) DO UPDATE SET "
                "starts = starts + 1, started_at = excluded.started_at",
                (
                    trial.hash, trial.fidelity, to_json(trial.spec),
                    json.dumps(asdict(trial.cost)), trial.seed, time.time(),
                ),
            )  # fmt: skip

    def finish(self, trial: Trial, *, spent_seconds: float) -> None:
        """Store the outcome of a started trial, and the time of the search so far.

        Raises
        ------
        ValueError
            If it was never started, or is finished already.
        """
        with self._base:
            changed = self._base.execute(
                "UPDATE evaluations SET finished_at = ?, accuracy = ?, fault = ?, seconds = ? "
                "WHERE hash = ? AND fidelity = ? AND finished_at IS NULL",
                (
                    time.time(), trial.accuracy, trial.fault, trial.seconds, trial.hash,
                    trial.fidelity,
                ),
            ).rowcount  # fmt: skip
            if changed != 1:
                raise ValueError(f"trial {trial.hash} was not started, or is finished already")
            self._base.execute("UPDATE search SET spent_seconds = ?", (spent_seconds,))
        self._spent = spent_seconds
        self._finished[trial.hash, trial.fidelity] = trial

    def _claim(self, identity: str) -> float:
        """Write the identity into a new journal, or compare it; return the seconds spent."""
        with self._base:
            row = self._base.execute("SELECT identity, spent_seconds FROM search").fetchone()
            if row is None:
                self._base.execute("INSERT INTO search (identity) VALUES (?)", (identity,))
                return 0.0
        if row[0] != identity:
            raise InvalidJournal(
                f"{self._path} belongs to another search: "
                f"{_differences(json.loads(row[0]), json.loads(identity))}; "
                "search as before, or name another --journal"
            )
        return float(row[1])


def read_trials(path: Path) -> tuple[Trial, ...]:
    """Return the finished trials of a journal, in the order in which they were started.

    Raises
    ------
    InvalidJournal
        If there is no such file, it is no journal, or a search holds it.
    """
    if not path.is_file():
        raise InvalidJournal(f"there is no journal {path}; name the --journal of a search")
    base = _open(path)
    try:
        return tuple(_read_trials(base))
    finally:
        base.close()


def _read_trials(base: sqlite3.Connection) -> list[Trial]:
    rows = base.execute(
        "SELECT hash, fidelity, spec, cost, seed, accuracy, fault, seconds FROM evaluations "
        "WHERE finished_at IS NOT NULL ORDER BY id"
    )
    return [
        Trial(
            spec=from_json(spec), hash=key, cost=SpecCost(**json.loads(cost)), accuracy=accuracy,
            fault=fault, seconds=seconds, fidelity=fidelity, seed=seed,
        )
        for key, fidelity, spec, cost, seed, accuracy, fault, seconds in rows
    ]  # fmt: skip


def _open(path: Path | None) -> sqlite3.Connection:
    """Return a connection that alone holds the journal, with its tables made."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    base = sqlite3.connect(":memory:" if path is None else path, timeout=1.0)
    try:
        # Exclusive before anything is read: the lock then stays with this connection, and goes
        # with its process, however that ends.
        base.execute("PRAGMA locking_mode = EXCLUSIVE")
        base.execute("PRAGMA synchronous = NORMAL")
        base.execute("BEGIN IMMEDIATE")
        _prepare(base, path)
        base.commit()
        base.execute("PRAGMA journal_mode = WAL")  # last: it would change another program's file
    except sqlite3.OperationalError as fault:
        base.close()
        reason = "a running search holds it" if "locked" in str(fault) else str(fault)
        raise InvalidJournal(f"{path} can't be used ({reason}); name another --journal") from fault
    except sqlite3.DatabaseError as fault:
        base.close()
        raise InvalidJournal(f"{path} is no journal ({fault}); name another --journal") from fault
    except BaseException:
        base.close()
        raise
    return base


def _prepare(base: sqlite3.Connection, path: Path | None) -> None:
    """Make the tables in an empty file; refuse one that holds something else."""
    (version,) = base.execute("PRAGMA user_version").fetchone()
    (application,) = base.execute("PRAGMA application_id").fetchone()
    (tables,) = base.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables == 0 and application == 0:
        for statement in SCHEMA.split(";"):
            base.execute(statement)
        base.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        base.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    elif application != APPLICATION_ID:
        raise InvalidJournal(f"{path} is another program's database; name another --journal")
    elif version > SCHEMA_VERSION:
        raise InvalidJournal(f"{path} was written by a newer course; update the course")


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return each field in which two identities differ, with both values."""
    found = []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            if old != new:
                found.append(f"{name} ({_differences(old, new)})")
        elif old != new:
            found.append(f"{name} was {_short(old)}, now {_short(new)}")
    return "; ".join(found)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
