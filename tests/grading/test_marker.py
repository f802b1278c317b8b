"""What the judge does with work that is not as it was given out."""

from dataclasses import replace

import pytest

from tests.grading.handed_in import hand_in, with_cells
from tests.grading.sample import solved
from tinyml_course.grading import marker
from tinyml_course.grading.marker import mark_submission
from tinyml_course.grading.task import Part

CODE = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}


def points(notebook, folder, paper, sandbox) -> list[float]:
    return [v.points for v in mark_submission(hand_in(folder, notebook), paper, sandbox)]


def without(notebook: dict, key: str) -> dict:
    return {**notebook, "cells": [cell for cell in notebook["cells"] if cell["id"] != key]}


def before_hole(notebook: dict, task: str, source: str) -> dict:
    """Return a notebook with a cell of the learner's own added before a hole."""
    at = next(n for n, cell in enumerate(notebook["cells"]) if cell["id"] == f"{task}-hole")
    own = {**CODE, "id": "mine", "source": source}
    return {**notebook, "cells": [*notebook["cells"][:at], own, *notebook["cells"][at:]]}


@pytest.mark.parametrize("key", ["0-1-hole", "0-1-check"])
def test_a_missing_cell_costs_its_task_only(key, tmp_path, paper, sandbox):
    """The reason says which cell, the other task keeps its points."""
    path = hand_in(tmp_path, without(solved(), key))
    verdicts = mark_submission(path, paper, sandbox)
    assert [v.points for v in verdicts] == [0.0, 12.0]
    assert verdicts[0].reason.startswith(f"the cell {key!r} is missing")


@pytest.mark.parametrize("key", ["0-1-hole", "0-1-check"])
def test_a_cell_that_is_there_twice_costs_its_task(key, tmp_path, paper, sandbox):
    """Whichever would be right, the learner has to choose."""
    notebook = solved()
    again = next(cell for cell in notebook["cells"] if cell["id"] == key)
    path = hand_in(tmp_path, {**notebook, "cells": [*notebook["cells"], again]})
    verdicts = mark_submission(path, paper, sandbox)
    assert [v.points for v in verdicts] == [0.0, 12.0]
    assert "more than once" in verdicts[0].reason


def test_a_changed_check_costs_its_task(tmp_path, paper, sandbox):
    """A check that was rewritten is named."""
    path = hand_in(tmp_path, with_cells(solved(), **{"0-1-check": 'print("0.1: passed")'}))
    verdicts = mark_submission(path, paper, sandbox)
    assert [v.points for v in verdicts] == [0.0, 12.0]
    assert "was changed" in verdicts[0].reason


def test_cells_of_the_learners_own_are_loaded(tmp_path, paper, sandbox):
    """A constant in an added cell before the hole is there when the function is called."""
    hole = "def weight_bytes(i, o, bits):\n    return -(-i * o * bits // 8) + BIAS * o\n"
    notebook = with_cells(solved(), **{"0-1-hole": hole})
    assert points(notebook, tmp_path / "a", paper, sandbox) == [0.0, 12.0]
    notebook = before_hole(notebook, "0-1", "%matplotlib inline\nBIAS = 4")
    assert points(notebook, tmp_path / "b", paper, sandbox) == [8.0, 12.0]


def test_an_import_added_to_the_setup_is_loaded(tmp_path, paper, sandbox):
    """Learners add imports where imports are."""
    hole = "def weight_bytes(i, o, bits):\n    return math.ceil(i * o * bits / 8) + 4 * o\n"
    setup = next(c["source"] for c in solved()["cells"] if c["id"] == "setup") + "\nimport math\n"
    notebook = with_cells(solved(), **{"0-1-hole": hole, "setup": setup})
    assert points(notebook, tmp_path, paper, sandbox) == [8.0, 12.0]


@pytest.mark.parametrize("source", ["1 / 0", "while True: pass", "import os; os._exit(3)", "x ="])
def test_an_added_cell_that_fails_costs_nothing(source, tmp_path, paper, sandbox):
    """Whether it raises, hangs, ends the process or does not parse."""
    notebook = before_hole(solved(), "0-1", source)
    assert points(notebook, tmp_path, paper, sandbox) == [8.0, 12.0]


def test_an_added_cell_that_hangs_does_not_take_the_next_one_with_it(tmp_path, paper, sandbox):
    """Only the cell to blame is left out."""
    hole = "def weight_bytes(i, o, bits):\n    return -(-i * o * bits // 8) + BIAS * o\n"
    notebook = with_cells(solved(), **{"0-1-hole": hole})
    notebook = before_hole(notebook, "0-1", "import os; os._exit(0)")
    notebook = before_hole(notebook, "0-1", "BIAS = 4")
    assert points(notebook, tmp_path, paper, sandbox) == [8.0, 12.0]


def test_a_hole_may_use_an_earlier_one(tmp_path, paper, sandbox):
    """Holes are loaded in the notebook's order."""
    right = next(c["source"] for c in solved()["cells"] if c["id"] == "0-2-hole")
    hole = "layer = weight_bytes(3, 5, 8)\n" + right.replace(
        ":\n", ":\n    assert layer == 35\n", 1
    )
    notebook = with_cells(solved(), **{"0-2-hole": hole})
    assert points(notebook, tmp_path, paper, sandbox) == [8.0, 12.0]


def test_a_hole_that_does_not_parse_says_so(tmp_path, paper, sandbox):
    """The learner reads which cell failed and how."""
    path = hand_in(tmp_path, with_cells(solved(), **{"0-1-hole": "def weight_bytes(:"}))
    verdict = mark_submission(path, paper, sandbox)[0]
    assert verdict.points == 0
    assert "the cell fails: SyntaxError" in verdict.reason


def test_a_withheld_module_is_gone(tmp_path, paper, sandbox):
    """The library's own answer, and names that others took from it, can't be imported."""
    hole = (
        "from tinyml_course.nas import pareto\n"
        "def pareto_mask(costs):\n    return pareto.pareto_mask(costs)\n"
    )
    path = hand_in(tmp_path, with_cells(solved(), **{"0-2-hole": hole}))
    verdict = mark_submission(path, paper, sandbox, only={"0.2"})[0]
    assert verdict.points == 0
    assert "ImportError" in verdict.reason


def test_what_is_not_available_says_so_when_it_is_used(tmp_path, paper, sandbox):
    """The exercise imports matplotlib for its pictures; the judge has none."""
    hole = "def weight_bytes(*_):\n    return plt.figure()\n"
    path = hand_in(tmp_path, with_cells(solved(), **{"0-1-hole": hole}))
    verdict = mark_submission(path, paper, sandbox, only={"0.1"})[0]
    assert "plt.figure is not available" in verdict.reason


def test_a_result_that_keeps_a_test_busy_is_given_up(tmp_path, paper, sandbox, monkeypatch):
    """A test that would count to a huge number ends in time, and costs its task only."""
    monkeypatch.setattr(marker, "EXAMINE_S", 0.5)
    first, second = paper.questions
    slow = Part("counts", 8, "", lambda _, result: any(n < 0 for n in range(result)) or None)
    hang = replace(first, task=replace(first.task, parts=(slow,)), also={})
    hole = "def weight_bytes(*_):\n    return 10**12\n"
    path = hand_in(tmp_path, with_cells(solved(), **{"0-1-hole": hole}))
    verdicts = mark_submission(path, replace(paper, questions=(hang, second)), sandbox)
    assert [v.points for v in verdicts] == [0.0, 12.0]
    assert "can't be examined within 0.5 s" in verdicts[0].reason


def test_judging_twice_gives_the_same(tmp_path, paper, sandbox):
    """Points, reasons and faults repeat; only the time differs."""
    hole = "def weight_bytes(i, o, bits):\n    return i * o + 4 * o\n"
    path = hand_in(tmp_path, with_cells(solved(), **{"0-1-hole": hole}))
    first, second = (mark_submission(path, paper, sandbox) for _ in range(2))
    assert [(v.points, v.reason, v.parts) for v in first] == [
        (v.points, v.reason, v.parts) for v in second
    ]
