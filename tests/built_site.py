"""The online book as the tests see it: built once a run, by whichever worker asks first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SITE_VARIABLE = "TINYML_COURSE_SITE"
"""Names a built site (the folder with `index.html`) to test as it is, without building."""


def find_or_build(folder: Path, run: str) -> Path:
    """Return the built site of the course in `folder`, up to date for the test run `run`.

    A cold build executes every notebook; a warm one takes about a minute. Workers of one run
    wait for the first of them, which notes the run's name beside the site.

    Raises
    ------
    BookFault
        If the book cannot be built.
    FileNotFoundError
        If the variable names a folder that holds no site.
    """
    named = os.environ.get(SITE_VARIABLE)
    if named:
        if not (Path(named) / "index.html").is_file():
            raise FileNotFoundError(f"{SITE_VARIABLE}={named} holds no index.html")
        return Path(named)
    for library in ("jupyter_book", "filelock"):
        pytest.importorskip(library, reason="the book's tools are missing: make setup-book")
    return _build_once(folder, run)


def _build_once(folder: Path, run: str) -> Path:
    from filelock import FileLock

    from tinyml_course.bookbuild.build import build_book

    site = folder / "_build" / "html"
    note = folder / "_build" / "tested-run"
    note.parent.mkdir(exist_ok=True)
    with FileLock(note.with_suffix(".lock")):
        if not note.is_file() or note.read_text(encoding="utf-8") != run:
            site = build_book(folder).site
            note.write_text(run, encoding="utf-8")
    return site
