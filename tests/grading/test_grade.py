"""A class is graded whole, twice alike, and only where something has changed."""

import csv
import io
import os
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

import pytest

from tests.grading.handed_in import hand_in, with_cells
from tests.grading.sample import JUDGES, NAME, TASKS, make_sample_paper, solved, untouched
from tinyml_course.grading import grade as module
from tinyml_course.grading.class_report import class_files, page_name
from tinyml_course.grading.fingerprint import fingerprint_question
from tinyml_course.grading.grade import Course, NoSubmissions, find_work, grade_class
from tinyml_course.grading.gradebook import Gradebook, InvalidGradebook

RIGHT = [8.0, 12.0]


@pytest.fixture
def course(tmp_path, monkeypatch, paper, sandbox):
    """A course of the sample exercise, judged in this process."""
    monkeypatch.setattr(module, "_paper", lambda *_: paper)
    monkeypatch.setattr(module, "_sandbox", lambda: sandbox)
    monkeypatch.setattr(module, "tasks_of", lambda _: TASKS)
    module._fingerprints.cache_clear()
    exercises = tmp_path / "exercises"
    hand_in(exercises, untouched())
    return Course(exercises=exercises, solutions=tmp_path)


@pytest.fixture
def run(tmp_path, course):
    """Grade what is in `class`; return the points of each student and how many tasks were new."""

    def grade(*, resume=False, pool=None):
        with Gradebook(tmp_path / "book.sqlite3") as book, ThreadPoolExecutor(1) as own:
            count = grade_class(
                tmp_path / "class", book, course, resume=resume, executor=pool or own
            )
            found = {}
            for g in book.latest():
                found.setdefault(g.student, []).append(g.verdict)
        return {name: [v.points for v in verdicts] for name, verdicts in found.items()}, count

    return grade


def test_every_student_gets_a_verdict_on_every_task(tmp_path, run):
    """Right, untouched, missing, broken and linked work are graded side by side."""
    root = tmp_path / "class"
    hand_in(root / "ada", solved())
    hand_in(root / "-rf *", solved())
    hand_in(root / "untouched", untouched())
    hand_in(root / "broken", b"{")
    (root / "missing").mkdir()
    (root / "link").symlink_to(root / "ada")
    (root / "notes.txt").write_text("not a student")
    none = [0.0, 0.0]
    expected = {
        "ada": RIGHT, "-rf *": RIGHT, "untouched": none, "broken": none, "missing": none,
        "link": none,
    }  # fmt: skip
    assert expected == run()[0]


def test_grading_twice_gives_the_same_points_and_keeps_the_history(tmp_path, run):
    """Without `resume` all is judged again."""
    hand_in(tmp_path / "class" / "ada", solved())
    assert run() == run()
    with Gradebook(tmp_path / "book.sqlite3") as book:
        assert 4 == book._base.execute("SELECT COUNT(*) FROM verdicts").fetchone()[0]


def test_resuming_judges_only_what_has_changed(tmp_path, run):
    """A changed hole is judged anew, with the tasks that load it; a late student is added."""
    root = tmp_path / "class"
    hand_in(root / "ada", solved())
    assert 2 == run()[1]
    assert 0 == run(resume=True)[1]
    changed = with_cells(solved(), **{"0-2-hole": "def pareto_mask(costs):\n    return costs"})
    hand_in(root / "ada", changed)
    hand_in(root / "late", solved())
    points, count = run(resume=True)
    assert ({"ada": [8.0, 0.0], "late": RIGHT}, 3) == (points, count)


def test_another_secret_is_another_question(paper):
    """New hidden inputs change the fingerprint of every task, so that nothing old is kept."""
    other = make_sample_paper(secret="another one")
    for mine, theirs in zip(paper.questions, other.questions, strict=True):
        assert fingerprint_question(mine) != fingerprint_question(theirs)


def test_a_changed_judge_changes_only_its_own_task(paper):
    """Another constant in one oracle makes one fingerprint new."""

    def exact(args, result):
        inputs, outputs, bits = args
        return None if result == -(-inputs * outputs * bits // 8) + 8 * outputs else "no"

    exact.__module__ = "tinyml_judges_foundations"
    first, second = paper.questions
    assert first.also.keys() == JUDGES[0].also.keys()
    changed = replace(first, also={"any layer": exact})
    assert fingerprint_question(first) != fingerprint_question(changed)
    assert fingerprint_question(second) == fingerprint_question(replace(second))


def test_a_worker_that_dies_costs_only_the_work_it_died_of(tmp_path, run):
    """The rest is judged again in a new pool; the culprit gets a reason and is tried next time."""

    class Broken(ThreadPoolExecutor):
        def submit(self, function, work, *rest):
            if work.student == "bomb":
                failed = Future()
                failed.set_exception(BrokenProcessPool("a worker died"))
                return failed
            return super().submit(function, work, *rest)

    hand_in(tmp_path / "class" / "ada", solved())
    hand_in(tmp_path / "class" / "bomb", solved())
    with Broken(1) as pool:
        points, _ = run(pool=pool)
    assert {"ada": RIGHT, "bomb": [0.0, 0.0]} == points
    assert {"ada": RIGHT, "bomb": RIGHT} == run(resume=True)[0]


def test_an_empty_class_is_an_error_that_says_what_is_expected(tmp_path, course):
    """Neither a missing folder nor one without notebooks is graded silently."""
    with pytest.raises(NoSubmissions, match="is no folder"):
        find_work(tmp_path / "nowhere", course.exercises)
    (tmp_path / "class" / "ada").mkdir(parents=True)
    with pytest.raises(NoSubmissions, match="<student>/<notebook>"):
        find_work(tmp_path / "class", course.exercises)


def test_a_file_that_is_no_gradebook_is_refused_and_left(tmp_path):
    """Its bytes stay as they were."""
    path = tmp_path / "book.sqlite3"
    path.write_bytes(b"something else" * 100)
    with pytest.raises(InvalidGradebook, match="no gradebook"):
        Gradebook(path)
    assert path.read_bytes().startswith(b"something else")


def test_the_reports_hold_every_grade_and_no_formula_or_markup(tmp_path, run):
    """A hostile name stays text in the table, on the page and in the file's name."""
    names = ["ada", "Ada", "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "a\udcffb", "..x"]
    for name in names:
        try:
            hand_in(tmp_path / "class" / name.replace("/", "_"), untouched())
        except OSError:  # this file system takes no such name
            names.remove(name)
    run()
    with Gradebook(tmp_path / "book.sqlite3") as book:
        files = class_files(book.latest(), protections="walls")
    rows = list(csv.reader(io.StringIO(files["grades.csv"].decode())))
    assert ["student", "notebook", "task", "points", "max_points", "reason"] == rows[0]
    assert 2 * len(names) == len(rows) - 1
    assert not [row for row in rows for cell in row if cell.startswith("=")]
    pages = {name: page for name, page in files.items() if name.startswith("feedback/")}
    assert len(names) == len(pages)
    assert not [page for page in pages.values() if b"<script>" in page]
    assert all(os.sep not in name.removeprefix("feedback/") for name in pages)


def test_pages_of_names_that_differ_in_case_do_not_collide():
    """A file system that folds case keeps both."""
    assert page_name("ada").lower() != page_name("Ada").lower()


def test_item_statistics_name_the_commonest_failure(tmp_path, run):
    """Pass rate and mean count the whole class, failures only answers that could be judged."""
    hand_in(tmp_path / "class" / "ada", solved())
    hand_in(tmp_path / "class" / "broken", b"{")
    hand_in(tmp_path / "class" / "untouched", untouched())
    for name in ("x", "y"):
        wrong = with_cells(solved(), **{"0-1-hole": JUDGES[0].wrong[1].cell})
        hand_in(tmp_path / "class" / name, wrong)
    run()
    with Gradebook(tmp_path / "book.sqlite3") as book:
        files = class_files(book.latest())
    first = next(csv.DictReader(io.StringIO(files["items.csv"].decode())))
    assert ("5", "3", "0.2000") == (first["students"], first["attempted"], first["pass_rate"])
    assert first["commonest_failure"].endswith("(2 of 3)")
    assert NAME == first["notebook"]
