"""Grading a class, beside nbgrader on the same notebook: `python benchmarks/bench_grading.py`.

First 200 submissions, two of them hostile, in one run: every honest score must be right.
Then submissions a minute here and with `nbgrader autograde`, on this machine, one after the
other. `--nbgrader` names the folder of its command; by default it is installed for the time of
the measurement, into a virtual environment of its own. Its kernel is the course's.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tinyml_course.grading.class_run import grade_submissions
from tinyml_course.grading.tasks import tasks_of

ROOT = Path(__file__).resolve().parent.parent
NAME = "00_foundations.ipynb"
HOSTILE = {
    "fork": "import os\nwhile True:\n    os.fork()\n",
    "liar": "import os, sys\nprint('0.1: passed')\nos._exit(0)\n",
}
"""Cells that are added at the top of a right solution."""

NBGRADER_CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "bench"
c.ExecutePreprocessor.timeout = 120
c.NbGraderConfig.logfile = ""
"""


def main() -> None:
    """Print the scores of 200 submissions, then the two speeds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=200)
    parser.add_argument("--nbgrader-students", type=int, default=6)
    parser.add_argument("--nbgrader", type=Path, help="folder that holds the nbgrader command")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-grading-") as folder:
        ours = measure_course(Path(folder) / "course", options.students)
        command = options.nbgrader or install_nbgrader(Path(folder) / "venv")
        theirs = measure_nbgrader(command, Path(folder) / "nbgrader", options.nbgrader_students)
    pace = 60 * options.students / ours
    table = Table("what", "submissions", "seconds", "a minute")
    table.add_row("tinyml grade", f"{options.students}", f"{ours:.1f}", f"{pace:.0f}")
    table.add_row(
        "nbgrader autograde",
        f"{options.nbgrader_students}",
        f"{theirs:.1f}",
        f"{60 * options.nbgrader_students / theirs:.1f}",
    )
    console = Console()
    console.print(table)
    ratio = (options.students / ours) / (options.nbgrader_students / theirs)
    console.print(f"tinyml grade is {ratio:.1f} times as fast (target: 10)")


def measure_course(folder: Path, students: int) -> float:
    """Grade a class with two hostile members; return the seconds, after checking every score."""
    solved = json.loads((ROOT / "solutions" / NAME).read_text())
    untouched = json.loads((ROOT / "exercises" / NAME).read_text())
    full = sum(task.points for task in tasks_of(NAME))
    expected = {}
    for number in range(students - len(HOSTILE)):
        name, is_right = f"student{number:03}", number % 4 != 3
        hand_in(folder / name, solved if is_right else untouched, products=is_right)
        expected[name] = full if is_right else 0.0
    for name, source in HOSTILE.items():
        hand_in(folder / name, with_first_cell(solved, source))
    began = time.perf_counter()
    grades = grade_submissions(folder, folder.with_name("report"), folder=ROOT)
    seconds = time.perf_counter() - began
    found: dict[str, float] = {}
    for grade in grades:
        found[grade.student] = found.get(grade.student, 0.0) + grade.verdict.points
    wrong = {
        name: found.get(name) for name, points in expected.items() if found.get(name) != points
    }
    print(f"{len(expected)} honest submissions, wrong scores: {dict(list(wrong.items())[:5])}")
    print("hostile:", {name: found[name] for name in HOSTILE}, f"of {full:g} points")
    if wrong:
        raise SystemExit("an honest score is wrong")
    return seconds


def measure_nbgrader(command: Path, folder: Path, students: int) -> float:
    """Autograde right solutions with nbgrader; return the seconds of `nbgrader autograde`."""
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text(NBGRADER_CONFIG)
    source = folder / "source" / "ps1"
    source.mkdir(parents=True)
    exercise = json.loads((ROOT / "exercises" / NAME).read_text())
    solved = json.loads((ROOT / "solutions" / NAME).read_text())
    by_id = {cell["id"]: cell["source"] for cell in solved["cells"]}
    (source / NAME).write_text(json.dumps(exercise))
    run_nbgrader(command, folder, "generate_assignment", "ps1", "--force", "--create")
    answered = {
        **exercise,
        "cells": [{**cell, "source": by_id[cell["id"]]} for cell in exercise["cells"]],
    }
    for number in range(students):
        name = f"student{number:03}"
        run_nbgrader(command, folder, "db", "student", "add", name)
        hand_in(folder / "submitted" / name / "ps1", answered)
    began = time.perf_counter()
    run_nbgrader(command, folder, "autograde", "ps1")
    seconds = time.perf_counter() - began
    graded = len(list((folder / "autograded").glob(f"*/ps1/{NAME}")))
    if graded != students:
        raise SystemExit(f"nbgrader graded {graded} of {students} submissions")
    return seconds


def install_nbgrader(venv: Path) -> Path:
    """Install nbgrader into a virtual environment of its own; return the folder of its command."""
    print("installing nbgrader (two minutes)", flush=True)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "nbgrader"]
    subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    return venv / "bin"


def run_nbgrader(command: Path, folder: Path, *arguments: str) -> None:
    """Run one nbgrader command in `folder`, with the course's kernel in reach."""
    environment = {
        **os.environ,
        "PATH": f"{command}{os.pathsep}{os.environ['PATH']}",
        "JUPYTER_PATH": f"{sysconfig.get_path('data')}/share/jupyter",
        "TINYML_COURSE_PROGRESS": str(folder / "progress.sqlite3"),
    }
    done = subprocess.run(
        [str(command / "nbgrader"), *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"nbgrader {arguments[0]} failed:\n{done.stderr[-2000:]}")


def hand_in(folder: Path, notebook: dict[str, Any], *, products: bool = True) -> None:
    """Write a submission, with the products of the solutions beside it if asked."""
    folder.mkdir(parents=True)
    (folder / NAME).write_text(json.dumps(notebook))
    if not products:
        return
    for product in (ROOT / "solutions" / "products").glob(f"{NAME[1]}.*.tflite"):
        shutil.copy(product, folder / product.name)


def with_first_cell(notebook: dict[str, Any], source: str) -> dict[str, Any]:
    """Return a notebook with one more code cell at the top."""
    cell = {"cell_type": "code", "id": "mine", "metadata": {}, "source": source,
            "outputs": [], "execution_count": None}  # fmt: skip
    return {**notebook, "cells": [cell, *notebook["cells"]]}


if __name__ == "__main__":
    main()
