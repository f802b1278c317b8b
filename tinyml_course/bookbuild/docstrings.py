"""Sphinx extension: docstrings that read well in a terminal become valid reStructuredText.

References become a numbered list: numpydoc's `.. [1]` would be one footnote for a whole page of
modules. Absolute values such as |w| keep their bars, and lone stars stay stars. A class's
attributes are called so.
"""

from __future__ import annotations

import re
from typing import Any

ENTRY = re.compile(r"^(\s*)\.\. \[(\d+)\] ")
CITATION = re.compile(r"\[(\d+)\]_")
MARKUP = re.compile(r"(``.*?``|`[^`]*`|\*\w[^*]*\*)|(\|(?=\S)|(?<=\S)\||\*|(?<=\w)_(?!\w))")


def list_references(lines: list[str]) -> list[str]:
    """Return the docstring's `lines` with footnotes as list items and citations as plain text.

    Examples
    --------
    >>> list_references(["As in [1]_.", "", ".. [1] Jacob et al.,", "   section 2.1."])
    ['As in [1].', '', '1. Jacob et al.,', '   section 2.1.']
    """
    return [CITATION.sub(r"[\1]", ENTRY.sub(r"\1\2. ", line)) for line in lines]


def keep_marks(lines: list[str]) -> list[str]:
    r"""Return `lines` with marks escaped, except in code, emphasis, examples and lists.

    Examples
    --------
    >>> keep_marks(["half of |w|, see ``a|b``::", "", "    |w|", ">>> 2 * 3"])
    ['half of \\|w\\|, see ``a|b``::', '', '    |w|', '>>> 2 * 3']
    """
    kept, example, literal = [], False, None
    for line in lines:
        start = line.lstrip()
        indent = len(line) - len(start)
        if start and literal is not None and indent <= literal:
            literal = None
        example = start.startswith(">>>") or (example and bool(start))
        plain = example or literal is not None or start.startswith(("* ", "**"))
        kept.append(line if plain else MARKUP.sub(_escape, line))
        if literal is None and start.rstrip().endswith("::"):
            literal = indent
    return kept


def _escape(found: re.Match[str]) -> str:
    return found[1] or "\\" + found[2]


def edit_docstring(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Edit `lines` in place, as autodoc's event asks; runs before napoleon."""
    del app, name, obj, options
    lines[:] = keep_marks(split_shared(list_references(lines)))
    if what in ("attribute", "data"):
        lines.insert(0, "")  # else napoleon takes what stands before a colon for the type


def split_shared(lines: list[str]) -> list[str]:
    """Return `lines` with attributes that share a description given one each.

    Napoleon does so for parameters only; of attributes it takes the first for a type.

    Examples
    --------
    >>> split_shared(["Attributes", "----------", "a, b : int", "    Sides.", "", "End."])
    ['Attributes', '----------', 'a : int', '    Sides.', 'b : int', '    Sides.', '', 'End.']
    """
    if "Attributes" not in lines:
        return lines
    start = lines.index("Attributes") + 2
    end = next((n for n in range(start, len(lines)) if _ends_section(lines, n)), len(lines))
    entries: list[list[str]] = []
    for line in lines[start:end]:
        if line and not line.startswith(" "):
            entries.append([])
        entries[-1].append(line)
    split = []
    for head, *text in entries:
        names, colon, kind = head.partition(" : ")
        for name in names.split(", "):
            split += [name + colon + kind, *text]
    return [*lines[:start], *split, *lines[end:]]


def _ends_section(lines: list[str], n: int) -> bool:
    """Whether line `n` is blank and what follows is no entry with a description of its own."""
    below = lines[n + 2] if n + 2 < len(lines) else ""
    return not lines[n].strip() and not below.startswith(" ")


def setup(app: Any) -> dict[str, bool]:
    """Register the edits with autodoc."""
    from sphinx.domains.python import PyObject

    app.connect("autodoc-process-docstring", edit_docstring, priority=400)
    for field in PyObject.doc_field_types:
        if field.name == "variable":  # a class's attributes, which Sphinx calls variables
            field.label = "Attributes"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
