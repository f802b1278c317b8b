"""From one source to the exercises."""

import json
import shutil

import pytest

from tests.conftest import ROOT
from tests.grading.handed_in import EXERCISES, SOLUTIONS, with_cells
from tests.grading.sample import NAME, TASKS, solved, untouched
from tinyml_course.grading.author import (
    InvalidSource,
    differing_exercises,
    find_roles,
    make_exercise,
    stub,
    write_exercises,
)
from tinyml_course.grading.notebook import read_notebook
from tinyml_course.grading.release import KEPT_BACK
from tinyml_course.grading.task import Part, Task
from tinyml_course.grading.tasks import CHAPTERS, UnknownTask, find_task, tasks_of

TASK = Task(
    id="9.1", title="Half", function="half", parts=(Part("p", 1, ""),), public_inputs=((1,),),
    hints=("", "", ""),
)  # fmt: skip
NOTEBOOKS = sorted(path.name for path in SOLUTIONS.glob("*.ipynb"))


def exercise(name):
    return make_exercise(read_notebook(SOLUTIONS / name), tasks_of(name))


def cell(notebook, key):
    return next(cell for cell in notebook["cells"] if cell["id"] == key)


def test_the_committed_exercises_are_what_the_solutions_make():
    """Nobody edits an exercise by hand; run `tinyml assign` after changing a solution."""
    assert differing_exercises(SOLUTIONS, EXERCISES) == ()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_hole_keeps_signature_and_docstring_and_says_what_is_missing(name):
    """Each hole ends in an error that names its task."""
    for task in tasks_of(name):
        lines = cell(exercise(name), task.cell_id("hole"))["source"].splitlines()
        assert lines[-1].strip() == f'raise NotImplementedError("{task.id}: {task.title}")'
        assert any(line.startswith("def ") for line in lines)


def test_a_stub_keeps_the_indentation_of_its_marker():
    """The error stands where the answer stood, also inside a method."""
    text = "class A:\n    def half(self, x):\n        # solution\n        return x / 2\n"
    expected = 'class A:\n    def half(self, x):\n        raise NotImplementedError("9.1: Half")'
    assert stub(text, TASK) == expected


@pytest.mark.parametrize("text", ["def half(x):\n    return x / 2\n", "# solution\n# solution\n",
                                  "x = 1  # solution here\n"])  # fmt: skip
def test_a_hole_without_one_clear_marker_is_refused(text):
    """No marker, two, or one with words behind it would hand out the answer."""
    with pytest.raises(InvalidSource, match="exactly one line"):
        stub(text, TASK)


def test_metadata_follow_nbgraders_schema():
    """Checks carry the points, holes are solutions, all else is locked."""
    made = {c["id"]: c["metadata"]["nbgrader"] for c in untouched()["cells"]}
    wanted = {"schema_version", "grade", "grade_id", "solution", "locked", "task", "cell_type"}
    assert [key for key, found in made.items() if not wanted <= found.keys()] == []
    assert made["0-1-check"]["points"] == TASKS[0].points
    assert (made["0-1-check"]["grade"], made["0-1-check"]["locked"]) == (True, True)
    assert (made["0-1-hole"]["solution"], made["0-1-hole"]["locked"]) == (True, False)
    assert sum(found.get("points", 0) for found in made.values()) == sum(
        task.points for task in TASKS
    )


def test_answers_are_left_out():
    """A cell named ...-answer stays with the instructor."""
    source = solved()
    answer = {**cell(source, "0-1-spec"), "id": "0-1-answer", "source": "Because."}
    made = make_exercise({**source, "cells": [*source["cells"], answer]}, TASKS)
    assert "0-1-answer" not in [c["id"] for c in made["cells"]]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"0-1-check": 'check("0.2", weight_bytes)'}, "must be"),
        ({"0-1-spec": "## 0.1 Another title (8 points)"}, "must begin with"),
        ({"0-1-hole": "def other():\n    # solution\n    pass\n"}, "must define weight_bytes"),
        ({"0-1-hole": "def weight_bytes(:\n    # solution\n"}, "does not parse"),
    ],
)
def test_a_source_that_breaks_the_format_is_refused(change, fault):
    """The message names the cell or the task."""
    with pytest.raises(InvalidSource, match=fault):
        make_exercise(with_cells(solved(), **change), TASKS)


def test_ids_that_say_nothing_or_twice_or_lack_are_refused():
    """Every cell has a role, every task has its cells."""
    source, tasks = solved(), TASKS
    first, *rest = source["cells"]
    for cells in ([{**first, "id": "what"}, *rest], [first, first, *rest]):
        with pytest.raises(InvalidSource):
            find_roles({**source, "cells": cells}, tasks)
    with pytest.raises(InvalidSource, match="has no cell '0-1-check'"):
        find_roles({**source, "cells": [c for c in rest if c["id"] != "0-1-check"]}, tasks)


def test_writing_is_repeatable_and_finds_what_was_edited(tmp_path):
    """A second run writes nothing; a changed, a missing and a foreign file are named."""
    exercises = tmp_path / "exercises"
    assert write_exercises(SOLUTIONS, exercises) == tuple(NOTEBOOKS)
    assert write_exercises(SOLUTIONS, exercises) == ()
    edited = exercises / NAME
    edited.write_text(edited.read_text().replace("dense layer", "layer", 1))
    (exercises / "99_foreign.ipynb").write_text("{}")
    assert differing_exercises(SOLUTIONS, exercises) == (NAME, "99_foreign.ipynb")
    shutil.rmtree(exercises)
    assert differing_exercises(SOLUTIONS, exercises) == tuple(NOTEBOOKS)


def test_exercises_are_canonical():
    """Sorted keys, one source line a JSON line, no outputs, no counts, a newline at the end."""
    for name in NOTEBOOKS:
        text = (EXERCISES / name).read_text()
        notebook = json.loads(text)
        assert text == json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
        assert [c for c in code if c["outputs"] or c["execution_count"] is not None] == []


def test_tasks_are_numbered_by_chapter():
    """Ids begin with the chapter's number and count from one, and every task can be found."""
    for number, name in enumerate(CHAPTERS):
        ids = [task.id for task in tasks_of(name)]
        assert ids == [f"{number}.{n}" for n in range(1, len(ids) + 1)]
        assert [find_task(task_id).id for task_id in ids] == ids


@pytest.mark.parametrize("name", ["0.99", "9.1", "x", ""])
def test_unknown_tasks_are_named(name):
    """The message says how ids look."""
    with pytest.raises(UnknownTask, match="ids look like"):
        find_task(name)


def test_the_package_does_not_hold_the_judges():
    """What a class gets has no hidden input and no wrong answer in it."""
    found = [
        path.name
        for path in (ROOT / "tinyml_course").rglob("*.py")
        if "WrongAnswer(" in path.read_text() and path.relative_to(ROOT).as_posix() not in KEPT_BACK
    ]
    assert found == []
