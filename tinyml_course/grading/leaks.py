"""A scan for solutions in what learners get: exercises, the built book, a release."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any

from tinyml_course.grading.author import MARKER
from tinyml_course.grading.notebook import Notebook

LEAST_CHARACTERS = 24
"""Shorter lines of code may well be anyone's own, so that only the whole answer is looked for."""

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_SPACE = re.compile(r"\s+")


def find_leaks(source: Notebook, text: str) -> tuple[str, ...]:
    """Return what of a solution notebook's secrets a text contains; empty if it is clean.

    Secrets are the code below each hole's marker, as a whole and line by line, and the cells
    named ``...-answer``. White space, HTML tags and entities make no difference.

    Parameters
    ----------
    source : Notebook
        A solution notebook.
    text : str
        A web page, a script, or the strings of a notebook (`strings_in`).
    """
    page = _squeeze(html.unescape(_TAG.sub("", text)))
    plain = _squeeze(text)
    return tuple(
        secret
        for secret in _secrets(source)
        if _squeeze(secret) in page or _squeeze(secret) in plain
    )


def strings_in(value: Any) -> Iterable[str]:
    """Yield every string anywhere in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from strings_in(part)
    elif isinstance(value, list):
        if all(isinstance(part, str) for part in value):
            yield "".join(value)
        for part in value:
            yield from strings_in(part)


def _secrets(source: Notebook) -> Iterable[str]:
    public = _squeeze("".join(_public_text(cell) for cell in source["cells"]))
    for cell in source["cells"]:
        secret = _secret_text(cell)
        lines = [line.partition("  # ")[0].strip() for line in secret.splitlines()]
        for candidate in dict.fromkeys([secret.strip(), *lines]):
            squeezed = _squeeze(candidate)
            whole = candidate == secret.strip()
            if len(squeezed) >= (8 if whole else LEAST_CHARACTERS) and squeezed not in public:
                yield candidate


def _secret_text(cell: dict[str, Any]) -> str:
    if cell["id"].endswith("-answer"):
        return str(cell["source"])
    if cell["id"].endswith("-hole"):
        return str(cell["source"].partition(MARKER)[2])
    return ""


def _public_text(cell: dict[str, Any]) -> str:
    if cell["id"].endswith("-answer"):
        return ""
    return str(cell["source"].partition(MARKER)[0])


def _squeeze(text: str) -> str:
    return _SPACE.sub("", text)
