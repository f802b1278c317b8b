"""`tinyml release`: the course as a class gets it, without what would give answers away."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tinyml_course.core.errors import CourseError
from tinyml_course.grading.leaks import find_leaks, strings_in
from tinyml_course.grading.notebook import read_notebook

GIVEN = (
    "README.md", "LICENSE", "CHANGELOG.md", "Makefile", "pyproject.toml", "requirements.lock",
    "_config.yml", "_toc.yml", "index.md", "book", "chapters", "exercises", "tinyml_course",
)  # fmt: skip
"""What a class gets; everything else stays with the instructor, above all ``solutions``."""

KEPT_BACK = frozenset(
    f"tinyml_course/grading/{name}"
    for name in (
        "author.py", "class_report.py", "class_run.py", "fingerprint.py", "grade.py",
        "gradebook.py", "items.py", "judge.py", "leaks.py", "mistakes.py", "release.py",
        "templates",
    )
)  # fmt: skip
"""The instructor's side of the package: judges, class runs, authoring."""

LEFT_OUT = frozenset({"__pycache__", ".ipynb_checkpoints", ".virtual_documents"})


class ReleaseRefused(CourseError, ValueError):
    """A release that would be wrong; says why and what to do."""


def release_course(course: Path, target: Path) -> int:
    """Write the course without solutions, hidden inputs and judges; return the number of files.

    The files appear together, after a scan of every one of them for solutions.

    Parameters
    ----------
    course : Path
        The instructor's copy.
    target : Path
        A folder that does not exist yet, or an empty one.

    Raises
    ------
    ReleaseRefused
        If `target` holds anything or lies inside the course's chapters, or a solution is found
        in what would be given out.
    FileNotFoundError
        If `course` has no solutions to scan for.
    """
    target = target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ReleaseRefused(f"{target} is not empty; name a new folder")
    for name in GIVEN:
        if (course / name).absolute() in (target, *target.parents):
            raise ReleaseRefused(f"{target} lies inside {name}/, which is given out itself")
    sources = sorted((course / "solutions").glob("*.ipynb"))
    if not sources:
        raise FileNotFoundError(f"{course}/solutions has no notebooks; release the whole course")
    files = list(find_files(course))
    leaks = find_release_leaks(files, sources)
    if leaks:
        raise ReleaseRefused("solutions would be given out: " + "; ".join(leaks[:5]))
    _copy(course, files, target)
    return len(files)


def find_files(course: Path) -> Iterator[Path]:
    """Yield each file that a class gets, in order; links are not followed."""
    for name in GIVEN:
        yield from _walk(course / name, course)


def _walk(path: Path, course: Path) -> Iterator[Path]:
    if path.name in LEFT_OUT or path.is_symlink() or path.name.endswith(".egg-info"):
        return
    if path.relative_to(course).as_posix() in KEPT_BACK:
        return
    if path.is_dir():
        for inner in sorted(path.iterdir()):
            yield from _walk(inner, course)
    elif path.is_file():
        yield path


def find_release_leaks(files: list[Path], sources: list[Path]) -> list[str]:
    """Return a line for each page or exercise that holds a line of a solution.

    The package is not scanned: where a library function is the answer to a task, the task
    withholds it from the learner's process.
    """
    notebooks = {source.name: read_notebook(source) for source in sources}
    found = []
    for path in files:
        if path.suffix == ".ipynb":
            text = "\n".join(strings_in(json.loads(path.read_bytes())))
        elif path.suffix == ".md":
            text = path.read_text()
        else:
            continue
        found += [
            f"{path.name} holds {leak!r} of {name}"
            for name, notebook in notebooks.items()
            for leak in find_leaks(notebook, text)
        ]
    return found


def _copy(course: Path, files: list[Path], target: Path) -> None:
    """Copy into a folder beside `target` first, then move it there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for path in files:
            place = staging / path.relative_to(course)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
        staging.chmod(0o755)
        if target.exists():
            target.rmdir()
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
