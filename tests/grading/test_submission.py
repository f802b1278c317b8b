"""Files that learners hand in, read as strangers' files."""

import json
import os

import pytest

from tests.grading.handed_in import hand_in
from tests.grading.sample import NAME, solved
from tinyml_course.grading.marker import mark_submission
from tinyml_course.grading.submission import Refused, read_submission


def cells(**changes) -> dict:
    return {**solved(), **changes}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "not a notebook"),
        (b'{"cells": 3, "nbformat": 4}', "not a notebook"),
        (b'{"cells": [], "nbformat": 3}', "not a notebook"),
        (b'{"cells": [3], "nbformat": 4}', "cell 0"),
        (b'{"cells": [{"cell_type": "code"}], "nbformat": 4}', "cell 0"),
        (b'{"cells": [{"cell_type": "code", "source": [1]}], "nbformat": 4}', "cell 0"),
        (b'{"nbformat": 4, "cells": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (json.dumps(cells(cells=solved()["cells"] * 400)).encode(), "more than 2000 cells"),
        (json.dumps(cells(cells=[{"cell_type": "code", "id": "x", "metadata": {},
                                  "source": "#" * 300_000}])).encode(), "more than 262,144"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_with_the_reason(data, reason, tmp_path, paper, sandbox):
    """Each task gets 0 points and the reason, and nothing is raised."""
    path = hand_in(tmp_path, data)
    with pytest.raises(Refused, match=reason):
        read_submission(path)
    verdicts = mark_submission(path, paper, sandbox)
    assert [(v.points, v.status) for v in verdicts] == [(0.0, "refused")] * 2
    assert reason in verdicts[0].reason


def test_a_notebook_of_200_mb_is_refused_unread(tmp_path):
    """Its size is enough; a sparse file costs the test nothing."""
    path = tmp_path / NAME
    with path.open("wb") as file:
        file.truncate(200 * 1024**2)
    with pytest.raises(Refused, match="209,715,200 B"):
        read_submission(path)


def test_links_are_not_followed(tmp_path):
    """Neither a link in place of the notebook nor a link among the folders above it."""
    real = hand_in(tmp_path / "secret", solved())
    root = tmp_path / "submissions"
    (root / "eve").mkdir(parents=True)
    (root / "eve" / NAME).symlink_to(real)
    (root / "mallory").symlink_to(real.parent)
    for path in (root / "eve" / NAME, root / "mallory" / NAME):
        with pytest.raises(Refused):
            read_submission(path, root=root)
    with pytest.raises(Refused):
        read_submission(root / "eve" / NAME)


@pytest.mark.parametrize("detour", ["../secret", "eve/../../secret"])
def test_paths_that_leave_the_submissions_are_refused(tmp_path, detour):
    """`..` is not followed, and a file elsewhere is not read."""
    real = hand_in(tmp_path / "secret", solved())
    root = tmp_path / "submissions"
    (root / "eve").mkdir(parents=True)
    for path in (root / detour / NAME, real):
        with pytest.raises(Refused):
            read_submission(path, root=root)


def test_only_regular_files_are_read(tmp_path):
    """A pipe, which would block for ever, a folder and a missing file are refused."""
    os.mkfifo(tmp_path / NAME)
    (tmp_path / "folder.ipynb").mkdir()
    for path in (tmp_path / NAME, tmp_path / "folder.ipynb", tmp_path / "missing.ipynb"):
        with pytest.raises(Refused):
            read_submission(path)


def test_cells_are_known_by_nbgraders_id_first(tmp_path):
    """A tool that renames cells or drops the format's ids does not cost points."""
    notebook = solved()
    for number, cell in enumerate(notebook["cells"]):
        cell["metadata"] = {"nbgrader": {"grade_id": cell["id"]}}
        cell["id"] = f"renamed-{number}"
    del notebook["cells"][0]["id"]
    found = read_submission(hand_in(tmp_path, notebook))
    assert [key for key, _ in found.cells] == [cell["id"] for cell in solved()["cells"]]
