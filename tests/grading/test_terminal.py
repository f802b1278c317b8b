"""`tinyml check` and `tinyml assign` in a terminal."""

import shutil
import subprocess
import sys

import pytest

from tests.grading.handed_in import EXERCISES, SOLUTIONS, hand_in, with_cells
from tests.grading.sample import NAME
from tinyml_course.grading.judge import load_judges
from tinyml_course.grading.notebook import read_notebook
from tinyml_course.grading.tasks import find_task

pytestmark = pytest.mark.slow


def tinyml(*words, cwd=None):
    """Run the command in a fresh process and return it, finished."""
    command = [sys.executable, "-m", "tinyml_course.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd)


def test_check_names_points_and_faults(tmp_path):
    """A wrong answer: its points, and the property that failed on which public input."""
    wrong = load_judges(SOLUTIONS, NAME)["0.1"].wrong[0]
    notebook = with_cells(read_notebook(SOLUTIONS / NAME), **{"0-1-hole": wrong.cell})
    done = tinyml("check", hand_in(tmp_path, notebook), "--task", "0.1")
    assert done.returncode == 3
    assert f"{find_task('0.1').function}(" in done.stdout


def test_check_of_an_untouched_exercise_says_so():
    """Nothing was attempted, and nothing failed."""
    done = tinyml("check", EXERCISES / NAME, "--task", "0.1")
    assert "not attempted" in done.stdout
    assert (done.returncode, done.stderr) == (3, "")


def test_check_of_the_solution_succeeds():
    """Status 0 once every part that is judged in public holds."""
    assert tinyml("check", SOLUTIONS / NAME, "--task", "0.1").returncode == 0


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ([EXERCISES / NAME, "--task", "9.9"], "there is no task '9.9'"),
        ([EXERCISES / NAME, "--task", "1.1"], "1.1"),
        (["missing.ipynb"], "missing.ipynb"),
        ([__file__], "no exercise is called"),
    ],
)
def test_check_refuses_what_it_does_not_know(words, fault):
    """Status 2 and the fault, no traceback."""
    done = tinyml("check", *words)
    assert (done.returncode, fault in done.stderr, "Traceback" in done.stderr) == (2, True, False)


def test_assign_writes_and_compares(tmp_path):
    """In a copy of the course: it fails where an exercise was edited, and mends it."""
    shutil.copytree(SOLUTIONS, tmp_path / "solutions")
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "index.ipynb").write_text("{}")
    assert tinyml("assign", "--check", cwd=tmp_path).returncode == 1
    assert f"wrote exercises/{NAME}" in tinyml("assign", cwd=tmp_path).stdout
    assert (tmp_path / "exercises" / NAME).read_bytes() == (EXERCISES / NAME).read_bytes()
    assert tinyml("assign", "--check", cwd=tmp_path).returncode == 0
    (tmp_path / "exercises" / NAME).write_text("{}")
    done = tinyml("assign", "--check", cwd=tmp_path)
    assert (done.returncode, NAME in done.stderr) == (1, True)


def test_assign_needs_solutions(tmp_path):
    """A release has none, and says so."""
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "index.ipynb").write_text("{}")
    done = tinyml("assign", cwd=tmp_path)
    assert (done.returncode, "has no solutions" in done.stderr) == (2, True)


def test_hints_come_one_by_one_and_are_recorded(monkeypatch, tmp_path):
    """Each call shows the next rung; after the last one it is shown again."""
    monkeypatch.setenv("TINYML_COURSE_PROGRESS", str(tmp_path / "progress.sqlite3"))
    task = find_task("0.1")
    words = [tinyml("check", EXERCISES / NAME, "--task", "0.1", "--hint").stdout for _ in range(4)]
    rungs = (*task.hints, task.hints[-1])
    assert all(hint in said for hint, said in zip(rungs, words, strict=True))
    assert "3 hints" in tinyml("progress").stdout
    assert tinyml("check", EXERCISES / NAME, "--hint").returncode == 2


def test_a_check_is_recorded_as_an_attempt(monkeypatch, tmp_path):
    """`tinyml check` and the panel fill the same progress."""
    monkeypatch.setenv("TINYML_COURSE_PROGRESS", str(tmp_path / "progress.sqlite3"))
    tinyml("check", SOLUTIONS / NAME, "--task", "0.1")
    assert "1 of" in tinyml("progress").stdout
