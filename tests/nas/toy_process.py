"""A toy search in a process of its own, for tests that kill it.

``python -m tests.nas.toy_process FOLDER EVALUATIONS PAUSE``: logs every call into the folder and
keeps ``journal.sqlite3`` there. Exits with 130 when it was interrupted.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.nas.toy import LoggingEvaluator, toy_plan
from tinyml_course.nas.budget import Budget
from tinyml_course.nas.crew import Crew
from tinyml_course.nas.evolution import Evolution
from tinyml_course.nas.search import search

ROOT = Path(__file__).parents[2]


def start(folder: Path, evaluations: int, pause: float) -> subprocess.Popen[bytes]:
    """Start the process."""
    command = [sys.executable, "-m", __name__, str(folder), str(evaluations), str(pause)]
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip


def evolve(problem) -> Evolution:
    """Return the strategy that the process searches with."""
    return Evolution(problem, population=10, seed=1)


def main() -> None:
    """Search as the command line says."""
    folder, evaluations, pause = sys.argv[1:]
    with Crew(jobs=2) as crew:
        result = search(
            toy_plan(evolve, LoggingEvaluator(folder=folder, pause=float(pause))),
            Budget(evaluations=int(evaluations)), crew, journal=Path(folder, "journal.sqlite3"),
        )  # fmt: skip
    raise SystemExit(130 if result.ending == "interrupted" else 0)


if __name__ == "__main__":
    main()
