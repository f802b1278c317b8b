"""Progress survives crashes, damage and two notebooks at once."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tinyml_course.grading.progress import (
    SCHEMA_VERSION,
    VARIABLE,
    Progress,
    ProgressUnavailable,
    next_step,
    progress_path,
)
from tinyml_course.grading.tasks import CHAPTERS, tasks_of
from tinyml_course.grading.verdict import Verdict

TASK = tasks_of(CHAPTERS[0])[0]

WRITER = """
import sys
from pathlib import Path
from tinyml_course.grading.progress import Progress
from tinyml_course.grading.verdict import Verdict
progress = Progress(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 10**9):
    progress.record(Verdict(task="0.1", points=1.0, max_points=float(number), status="partial"))
    print(number, flush=True)
"""


def verdict(points, status="partial", task=TASK):
    return Verdict(task=task.id, points=points, max_points=task.points, status=status)


@pytest.fixture
def progress(tmp_path):
    return Progress(tmp_path / "below" / "progress.sqlite3")


def standing_of(progress, task=TASK):
    return next(done for done in progress.standing() if done.task.id == task.id)


def test_the_best_attempt_counts(progress):
    """A later, worse attempt is counted and takes no points away."""
    for points in (1.0, 3.0, 2.0):
        progress.record(verdict(points))
    done = standing_of(progress)
    assert (3.0, 3, False) == (done.points, done.attempts, done.passed)


def test_an_untouched_task_is_no_attempt(progress):
    """A check of an untouched task makes no file."""
    progress.record(verdict(0.0, "not attempted"))
    assert not progress.path.exists()
    assert 0 == standing_of(progress).attempts


def test_hints_are_recorded_once_each_and_cost_nothing(progress):
    """The same rung twice counts once, and the points stay."""
    progress.record(verdict(TASK.points, "passed"))
    for rung in (0, 1, 1):
        progress.record_hint(TASK.id, rung)
    done = standing_of(progress)
    assert (2, TASK.points, True) == (done.hints, done.points, done.passed)


def test_the_next_step_is_the_first_task_not_passed(progress):
    """A task that was passed once is behind the learner."""
    first, second = tasks_of(CHAPTERS[0])[:2]
    progress.record(verdict(first.points, "passed", first))
    progress.record(verdict(0.0, "failed", first))
    assert f"begin task {second.id}," in next_step(progress.standing())
    progress.record(verdict(0.0, "failed", second))
    assert f"go on with task {second.id}," in next_step(progress.standing())


def test_the_variable_names_another_file(monkeypatch, tmp_path):
    """The environment decides where progress is kept."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine.sqlite3"))
    assert tmp_path / "mine.sqlite3" == progress_path()


def test_two_notebooks_write_at_once(progress):
    """Nothing is lost when several writers meet."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: Progress(progress.path).record(verdict(1.0)), range(40)))
    assert 40 == standing_of(progress).attempts


def test_a_damaged_file_is_kept_and_a_new_one_begun(progress):
    """Bytes that are no database are set aside under a name that says so."""
    progress.path.parent.mkdir()
    progress.path.write_bytes(b"not a database at all" * 100)
    with pytest.warns(UserWarning, match="damaged"):
        progress.record(verdict(2.0))
    (kept,) = progress.path.parent.glob("*.damaged-*")
    assert kept.read_bytes().startswith(b"not a database")
    assert 2.0 == standing_of(progress).points


def test_a_newer_format_is_refused_and_left_alone(progress):
    """A file of a later course is not touched."""
    progress.record(verdict(2.0))
    with closing(sqlite3.connect(progress.path)) as base:
        base.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(ProgressUnavailable, match="update the course"):
        progress.standing()


def test_a_folder_in_the_way_is_named(tmp_path):
    """The message has the path and the variable that helps."""
    with pytest.raises(ProgressUnavailable, match=VARIABLE):
        Progress(tmp_path).record(verdict(1.0))


def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(progress):
    """SIGKILL at any moment leaves a sound file with every write that was acknowledged."""
    draw, acknowledged = random.Random(0), 0
    for _ in range(8):
        command = [sys.executable, "-c", WRITER, str(progress.path), str(acknowledged + 1)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout.readline()
            time.sleep(draw.uniform(0, 0.03))
            os.kill(writer.pid, signal.SIGKILL)
            said = writer.stdout.read().split("\n")
        complete = [int(word) for word in said[:-1]]
        acknowledged = max([acknowledged + 1, *complete])
        with closing(sqlite3.connect(progress.path)) as base:
            assert ("ok",) == base.execute("PRAGMA integrity_check").fetchone()
            stored = {int(n) for (n,) in base.execute("SELECT max_points FROM attempts")}
        assert set(range(1, acknowledged + 1)) <= stored
        acknowledged = max(stored)
