"""Submissions for the tests: an exercise with some of its cells replaced."""

import json
from dataclasses import replace

from tests.conftest import ROOT
from tinyml_course.grading.notebook import read_notebook
from tinyml_course.grading.task import Limits

SOLUTIONS = ROOT / "solutions"
EXERCISES = ROOT / "exercises"
NAME = "00_foundations.ipynb"
QUICK = Limits(cpu_s=1, wall_s=6.0, memory_bytes=256 * 1024**2)


def solved(name: str = NAME) -> dict:
    """Return the solution notebook, as a learner who knows everything would hand it in."""
    return read_notebook(SOLUTIONS / name)


def with_cells(notebook: dict, **sources: str) -> dict:
    """Return a notebook with the sources of some cells replaced; `_` in a name stands for `-`."""
    wanted = {name.strip("_").replace("_", "-"): text for name, text in sources.items()}
    cells = [
        {**cell, "source": wanted.get(cell["id"], cell["source"])} for cell in notebook["cells"]
    ]
    assert not wanted.keys() - {cell["id"] for cell in cells}
    return {**notebook, "cells": cells}


def hand_in(folder, notebook: dict | bytes, name: str = NAME):
    """Write a notebook where a learner would, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode())
    return path


def with_limits(paper, limits: Limits = QUICK):
    """Return a paper whose tasks may use less, so that attacks are stopped sooner."""
    questions = [replace(q, task=replace(q.task, limits=limits)) for q in paper.questions]
    return replace(paper, questions=tuple(questions))
