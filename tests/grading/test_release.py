"""A class gets a course that works and gives nothing away."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tinyml_course.grading.release import (
    GIVEN,
    KEPT_BACK,
    ReleaseRefused,
    find_files,
    find_release_leaks,
    release_course,
)


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """The course as a class gets it."""
    target = tmp_path_factory.mktemp("class") / "course"
    assert release_course(ROOT, target) > 100
    return target


def run_there(released, code):
    """Run Python code in the released course, isolated from this one."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(released)!r}); {code}"],
        cwd=released, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_solutions_judges_and_the_tests_stay_with_the_instructor(released):
    """Nothing but what is listed is given out, and none of what is kept back."""
    assert {path.name for path in released.iterdir()} <= set(GIVEN)
    assert not [name for name in KEPT_BACK if (released / name).exists()]
    assert not list(released.rglob("judges"))
    text = "".join(p.read_text() for p in (released / "tinyml_course/grading").rglob("*.py"))
    assert "self-study" not in text


def test_the_kept_back_files_exist(released):
    """A file that was renamed must not slip through the list."""
    assert released.is_dir()
    assert not [name for name in KEPT_BACK if not (ROOT / name).exists()]


def test_every_exercise_and_chapter_is_there(released):
    """Byte for byte as the instructor has them."""
    for folder in ("exercises", "chapters"):
        for path in (ROOT / folder).rglob("*.ipynb"):
            if ".ipynb_checkpoints" not in path.parts:
                assert (released / path.relative_to(ROOT)).read_bytes() == path.read_bytes()


def test_the_command_line_works_in_a_release(released):
    """Importing it, and the learner's side, needs nothing that was kept back."""
    code = (
        "import tinyml_course, tinyml_course.cli, tinyml_course.grading.check, "
        "tinyml_course.grading.progress, tinyml_course.grading.terminal; "
        "print(tinyml_course.__file__)"
    )
    assert run_there(released, code).startswith(str(released))


def test_an_exercise_can_be_checked_in_a_release(released):
    """`tinyml check` judges on public inputs there; an untouched task is not attempted."""
    code = (
        "from pathlib import Path; from tinyml_course.grading.terminal import check_notebook; "
        "print([v.status for v in check_notebook(Path('exercises/00_foundations.ipynb'))])"
    )
    assert set(json.loads(run_there(released, code).replace("'", '"'))) == {"not attempted"}


def test_the_instructors_commands_say_what_they_need(released):
    """`tinyml grade` in a class's copy ends in one sentence, not in a traceback."""
    code = "from tinyml_course.cli import main; sys.argv = ['tinyml', 'assign']; main()"
    start = f"import sys; sys.path.insert(0, {str(released)!r}); {code}"
    done = subprocess.run(
        [sys.executable, "-c", start], capture_output=True, text=True, check=False
    )
    assert (2, True) == (done.returncode, "only the instructor's copy" in done.stderr)
    assert "Traceback" not in done.stderr


def test_a_leak_is_found(tmp_path):
    """A notebook that quotes a solution keeps the release from being written."""
    (source,) = sorted((ROOT / "solutions").glob("00_*.ipynb"))
    leaky = tmp_path / "notes.md"
    hole = next(
        cell for cell in json.loads(source.read_text())["cells"] if cell["id"].endswith("-hole")
    )
    leaky.write_text("".join(hole["source"]))
    assert find_release_leaks([leaky], [source])
    assert not find_release_leaks([], [source])


def test_a_folder_that_holds_something_is_refused(tmp_path):
    """Nothing is overwritten."""
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ReleaseRefused, match="not empty"):
        release_course(ROOT, tmp_path)


def test_a_folder_inside_what_is_given_out_is_refused():
    """A release can't hold itself."""
    with pytest.raises(ReleaseRefused, match="inside chapters"):
        release_course(ROOT, ROOT / "chapters" / "release")


def test_links_are_not_followed(tmp_path):
    """A link in the course's tree is left out."""
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "link.md").symlink_to("/etc/hostname")
    assert [] == list(find_files(tmp_path))
