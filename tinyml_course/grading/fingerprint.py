"""Fingerprints: whether a task of a submission would be judged alike again.

Two fingerprints are equal only if the task, its hidden inputs, the judge's tests and what the
learner's process would load are equal; whoever finds an equal one may keep the old verdict.
"""

from __future__ import annotations

import functools
import hashlib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tinyml_course.grading.marker import Marker
from tinyml_course.grading.paper import Question
from tinyml_course.grading.product import MAX_PRODUCT_BYTES
from tinyml_course.grading.submission import Refused, read_handed_in
from tinyml_course.grading.wire import encode

FORMAT = "1"
"""Changes whenever the judge's own rules do."""

OWN = ("tinyml_judges_", "tinyml_course.grading.")
"""Modules whose functions are read; of others the name suffices, since a release pins them."""


def fingerprint_question(question: Question) -> str:
    """Return the fingerprint of what is asked, with which inputs, and how it is judged."""
    digest = hashlib.sha256(FORMAT.encode())
    task = question.task
    for piece in (task.id, task.function, task.product, task.withheld, task.limits):
        digest.update(f"{piece!r}\0".encode())
    for inputs in (question.public, question.hidden):
        digest.update(repr(encode(list(map(list, inputs)))).encode())
    for part in task.parts:
        digest.update(f"{part.name}\0{part.points}\0{part.says}\0{part.after}\0".encode())
        for test in (part.test, (question.also or {}).get(part.name)):
            digest.update("\0".join(_describe(test, set())).encode())
    digest.update("\0".join(_describe(task.returns, set())).encode())
    return digest.hexdigest()


def fingerprint_work(marker: Marker, question: Question) -> str:
    """Return the fingerprint of what the judge would load of a notebook for one task."""
    digest = hashlib.sha256()
    for key, source in marker.relevant(question.task):
        digest.update(f"{key}\0{source}\0".encode(errors="surrogatepass"))
    return digest.hexdigest()


def fingerprint_product(path: Path, root: Path | None) -> str:
    """Return the fingerprint of a file that was handed in, or of why it can't be read."""
    try:
        data = read_handed_in(path, root=root, limit_bytes=MAX_PRODUCT_BYTES)
    except Refused as fault:
        data = str(fault).encode()
    return hashlib.sha256(data).hexdigest()


def _describe(value: Any, seen: set[int]) -> Iterator[str]:
    """Yield what a value does: code and constants of functions, and of what they refer to."""
    if isinstance(value, functools.partial):
        value = (value.func, value.args, value.keywords)
    if isinstance(value, types.FunctionType) and value.__module__.startswith(OWN):
        if id(value) in seen:
            return
        seen.add(id(value))
        yield from _describe_code(value.__code__)
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        named = [value.__globals__.get(name) for name in _names(value.__code__)]
        for inner in (*cells, value.__defaults__, value.__kwdefaults__, *named):
            yield from _describe(inner, seen)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _describe(inner, seen)
    elif isinstance(value, dict):
        yield from _describe(list(value.items()), seen)
    elif callable(value) or isinstance(value, types.ModuleType):
        yield getattr(value, "__qualname__", getattr(value, "__name__", type(value).__name__))
    else:
        yield repr(value)


def _describe_code(code: types.CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _describe_code(constant)
        else:
            yield repr(constant)


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
