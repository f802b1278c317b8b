"""The course's prose: Markdown of pages and notebooks, and docstrings, without code and markup."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

COURSE = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "index.md", "book/**/*.md", "chapters/**/*.md")
NOTEBOOKS = ("chapters/**/*.ipynb", "solutions/*.ipynb", "exercises/*.ipynb")

FENCE = re.compile(
    r"^(`{3,}|:{3,})\{?(\S*?)\}?[ \t]*[^\n]*\n(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL
)
READ_FENCES = ("glossary", "note", "tip", "warning", "admonition")
INDENTED = re.compile(r"(?<=\n\n)(?: {4}\S[^\n]*\n?)+")
MATH = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)
CODE = re.compile(r"``.*?``|`[^`]*`", re.DOTALL)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]*(?:\([^()]*\))?[^()\s]*)\)")
MARKUP = re.compile(r"<[^>\n]+>|https?://\S+|arXiv:\S+|\[\d+\]_?")
FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def files(patterns: tuple[str, ...]) -> Iterator[Path]:
    """Yield the course's files that match, without the editor's copies."""
    for pattern in patterns:
        for path in sorted(COURSE.glob(pattern)):
            if ".ipynb_checkpoints" not in path.parts:
                yield path


@lru_cache
def markdown() -> tuple[tuple[Path, str, str], ...]:
    """Return (file, cell id or '', Markdown) of every page and every text cell."""
    found = [(path, "", path.read_text(encoding="utf-8")) for path in files(PAGES)]
    for path in files(NOTEBOOKS):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                found.append((path, cell["id"], "".join(cell["source"])))
    return tuple(found)


@lru_cache
def docstrings() -> tuple[tuple[Path, str, str], ...]:
    """Return (file, name, docstring) of the package's modules, classes and functions."""
    found = []
    for path in sorted((COURSE / "tinyml_course").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node)
                if text:
                    found.append((path, getattr(node, "name", "module"), text))
    return tuple(found)


def plain(text: str) -> str:
    """Return the Markdown `text` without code, formulas, addresses and tags.

    Examples
    --------
    >>> plain("See [the *map*](map.md), `x = 1` and $y$.").split()
    ['See', 'the', '*map*', ',', 'and', '.']
    """
    text = FRONT.sub("", text)
    text = FENCE.sub(lambda found: found[3] if found[2] in READ_FENCES else "\n", text)
    text = INDENTED.sub("\n", text)
    for pattern in (MATH, CODE):
        text = pattern.sub(" ", text)
    return MARKUP.sub(" ", LINK.sub(r"\2 ", text))


def plain_docstring(text: str) -> str:
    r"""Return the docstring `text` without examples, references, names and types.

    Examples
    --------
    >>> plain_docstring("Return it.\n\nReferences\n----------\n.. [1] Xyz.").split()
    ['Return', 'it.']
    """
    text = re.sub(r"^References\n-+\n.*?(?=^\w[^\n]*\n-{3,}|\Z)", "", text, flags=re.M | re.S)
    text = re.sub(r"^Examples\n-+\n.*?(?=^\w[^\n]*\n-{3,}|\Z)", "", text, flags=re.M | re.S)
    text = re.sub(r"::\n\n(?: +[^\n]*\n|\n)+", "\n", text + "\n")
    text = re.sub(r"^\S[^\n]* : [^\n]*$", "", text, flags=re.MULTILINE)
    return MARKUP.sub(" ", CODE.sub(" ", text))


def links(text: str) -> Iterator[tuple[str, str]]:
    """Yield (text, target) of the Markdown links and images of `text`, code left out.

    Examples
    --------
    >>> list(links("[a](b.md#c) `[x](y)` ![d](e.png)"))
    [('a', 'b.md#c'), ('d', 'e.png')]
    """
    text = FRONT.sub("", text)
    text = FENCE.sub(lambda found: found[3] if found[2] in READ_FENCES else "\n", text)
    for found in LINK.finditer(MATH.sub(" ", CODE.sub(" ", text))):
        yield found[2], found[3]
        yield from links(found[2])
