"""A learner's notebook, read as a stranger's file: nothing in it is believed or executed."""

from __future__ import annotations

import os
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tinyml_course.core.errors import CourseError
from tinyml_course.grading.notebook import (
    Cell,
    InvalidNotebook,
    Notebook,
    cell_key,
    parse_notebook,
)

MAX_NOTEBOOK_BYTES = 10 * 1024**2
MAX_CELLS = 2000
MAX_SOURCE_BYTES = 256 * 1024
"""Largest source of one cell."""

_OPEN_FLAGS = os.O_RDONLY
for _flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
    _OPEN_FLAGS |= getattr(os, _flag, 0)


class Refused(CourseError):
    """Work that can't be judged, with the reason in words for the learner."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a learner handed in.

    Attributes
    ----------
    cells : tuple of (key, cell)
        In the notebook's order.
    duplicated : frozenset of str
        Keys that occur more than once.
    """

    cells: tuple[tuple[str, Cell], ...]
    duplicated: frozenset[str]

    def source(self, key: str) -> str | None:
        """Return the source of a cell, or None if there is no such cell."""
        return next((cell["source"] for name, cell in self.cells if name == key), None)


def read_submission(path: Path, *, root: Path | None = None) -> Submission:
    """Return the notebook that was handed in at `path`.

    Parameters
    ----------
    path : Path
        The file.
    root : Path, optional
        Folder of the submissions; nothing on the way from it to the file may be a link.

    Raises
    ------
    Refused
        If it is no regular file, too large, or no notebook.
    """
    return parse_submission(read_handed_in(path, root=root, limit_bytes=MAX_NOTEBOOK_BYTES))


def parse_submission(data: bytes) -> Submission:
    """Return the notebook in `data`.

    Raises
    ------
    Refused
        If it is no notebook that can be judged.
    """
    if not data.strip():
        raise Refused("the notebook is empty; hand in the file that you worked in")
    try:
        notebook: Notebook = parse_notebook(data)
    except InvalidNotebook as fault:
        raise Refused(f"the notebook can't be read: {fault}") from None
    if len(notebook["cells"]) > MAX_CELLS:
        raise Refused(f"the notebook has more than {MAX_CELLS} cells")
    for cell in notebook["cells"]:
        if len(cell["source"]) > MAX_SOURCE_BYTES:
            raise Refused(f"a cell has more than {MAX_SOURCE_BYTES:,} characters")
    cells = tuple((cell_key(cell), cell) for cell in notebook["cells"])
    counts = Counter(key for key, _ in cells if key)
    return Submission(cells, frozenset(key for key, count in counts.items() if count > 1))


def read_handed_in(path: Path, *, root: Path | None = None, limit_bytes: int) -> bytes:
    """Return the bytes of a file that a learner handed in.

    Raises
    ------
    Refused
        If it is missing, a link, no regular file, outside of `root`, or too large.
    """
    _refuse_detours(path, root)
    try:
        handle = os.open(path, _OPEN_FLAGS)
    except FileNotFoundError:
        raise Refused(f"{path.name} was not handed in") from None
    except OSError as fault:
        raise Refused(f"{path.name} can't be opened: {fault.strerror}") from None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise Refused(f"{path.name} is no regular file")
        if found.st_size > limit_bytes:
            raise Refused(f"{path.name} has {found.st_size:,} B; at most {limit_bytes:,} are read")
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(limit_bytes)
    finally:
        os.close(handle)


def _refuse_detours(path: Path, root: Path | None) -> None:
    if ".." in path.parts:
        raise Refused(f"{path.name}: a path with '..' is not followed")
    if root is None:
        return
    path, root = path.absolute(), root.absolute()
    if root not in path.parents:
        raise Refused(f"{path.name} lies outside of the submissions")
    for folder in (path, *path.parents):
        if folder == root:
            return
        if folder.is_symlink():
            raise Refused(f"{folder.name} is a link; hand in the file itself")
