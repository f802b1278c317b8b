"""The progress table says what is done and what comes next."""

import pytest

from tinyml_course.grading.progress import VARIABLE, Progress
from tinyml_course.grading.standing import my_progress
from tinyml_course.grading.tasks import CHAPTERS, tasks_of
from tinyml_course.grading.verdict import Verdict


@pytest.fixture(autouse=True)
def own_progress(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "progress.sqlite3"))


def test_a_new_learner_begins_with_the_first_task():
    """Nothing is done, and the first task is named."""
    first = tasks_of(CHAPTERS[0])[0]
    assert f"begin task {first.id}, {first.title}," in str(my_progress())
    assert "0 of" in my_progress().rows()[0][1]


def test_points_and_hints_are_summed_by_exercise():
    """Text and HTML show the same figures."""
    tasks = tasks_of(CHAPTERS[0])
    for task in tasks[:2]:
        Progress().record(
            Verdict(task=task.id, points=task.points, max_points=task.points, status="passed")
        )
    Progress().record_hint(tasks[0].id, 0)
    points = tasks[0].points + tasks[1].points
    total = sum(task.points for task in tasks)
    row = (CHAPTERS[0], f"2 of {len(tasks)}", f"{points:g} of {total:g}", "1")
    assert row == my_progress().rows()[0]
    assert all(cell in my_progress()._repr_html_() for cell in row)
