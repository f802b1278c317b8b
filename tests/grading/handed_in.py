"""Submissions for the tests: a notebook with some of its cells replaced, and written."""

import json

from tests.conftest import ROOT
from tests.grading.sample import NAME

SOLUTIONS = ROOT / "solutions"
EXERCISES = ROOT / "exercises"


def with_cells(notebook: dict, **sources: str) -> dict:
    """Return a notebook with the sources of some cells, named by id, replaced."""
    cells = [
        {**cell, "source": sources.get(cell["id"], cell["source"])} for cell in notebook["cells"]
    ]
    assert not sources.keys() - {cell["id"] for cell in cells}
    return {**notebook, "cells": cells}


def hand_in(folder, notebook: dict | bytes, name: str = NAME):
    """Write a notebook where a learner would, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode())
    return path
