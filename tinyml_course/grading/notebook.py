"""Notebooks as plain dicts: reading with care, cells by id, one canonical text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tinyml_course.core.errors import CourseError

Notebook = dict[str, Any]
Cell = dict[str, Any]


class InvalidNotebook(CourseError, ValueError):
    """A file that is no notebook, with the reason."""


def parse_notebook(text: str | bytes) -> Notebook:
    """Return a notebook from its JSON, with ``cells`` a list of dicts whose source is a str.

    Raises
    ------
    InvalidNotebook
        If it is no JSON, no notebook of format 4, or a cell has no type or no source.
    """
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError, MemoryError) as fault:
        raise InvalidNotebook(f"it is not valid JSON ({type(fault).__name__})") from None
    cells = notebook.get("cells") if type(notebook) is dict else None
    if type(cells) is not list or notebook.get("nbformat") != 4:
        raise InvalidNotebook("it is not a notebook of format 4")
    return {**notebook, "cells": [_parse_cell(number, cell) for number, cell in enumerate(cells)]}


def _parse_cell(number: int, cell: Any) -> Cell:
    source = cell.get("source") if type(cell) is dict else None
    if type(source) is list and all(type(line) is str for line in source):
        source = "".join(source)
    if type(source) is not str or cell.get("cell_type") not in ("code", "markdown", "raw"):
        raise InvalidNotebook(f"cell {number} has no type or no source")
    metadata = cell.get("metadata")
    return {**cell, "source": source, "metadata": metadata if type(metadata) is dict else {}}


def read_notebook(path: Path) -> Notebook:
    """Return the notebook in a file of the course's own.

    Raises
    ------
    InvalidNotebook
        If it is none; names the file.
    """
    try:
        return parse_notebook(path.read_bytes())
    except InvalidNotebook as fault:
        raise InvalidNotebook(f"{path}: {fault}") from None


def cell_key(cell: Cell) -> str:
    """Return the name that a cell is known by: nbgrader's id, else the notebook format's own.

    Tools that copy cells or drop the format's ids keep the metadata.
    """
    graded = cell["metadata"].get("nbgrader")
    name = graded.get("grade_id") if type(graded) is dict else None
    name = name or cell.get("id")
    return name if type(name) is str else ""


def canonical_text(notebook: Notebook) -> str:
    """Return the one text of a notebook: keys sorted, sources by line, no outputs, no counts."""
    cells = []
    for cell in notebook["cells"]:
        kept = {
            "cell_type": cell["cell_type"],
            "id": cell["id"],
            "metadata": cell["metadata"],
            "source": cell["source"].splitlines(keepends=True),
        }
        if cell["cell_type"] == "code":
            kept |= {"execution_count": None, "outputs": []}
        cells.append(kept)
    whole = {
        "cells": cells,
        "metadata": {
            "kernelspec": {
                "display_name": "TinyML course",
                "language": "python",
                "name": "tinyml-course",
            },
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
