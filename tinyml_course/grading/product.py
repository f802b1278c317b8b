"""Products: a .tflite handed in beside the notebook, graded by the emulated board.

The file is a stranger's, so that it is parsed and run in the sandbox only. Labels stay here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyml_course.grading.evaluate import Answer, Case, evaluate
from tinyml_course.grading.paper import Question
from tinyml_course.grading.sandbox import Sandbox
from tinyml_course.grading.session import ProcessEnded, Session
from tinyml_course.grading.submission import Refused, read_handed_in
from tinyml_course.grading.task import Limits, Shortfall, Test
from tinyml_course.grading.verdict import NOT_ATTEMPTED, Verdict, no_points

MAX_PRODUCT_BYTES = 4 * 1024**2
LIMITS = Limits(cpu_s=600, wall_s=120.0, memory_bytes=3 * 1024**3, processes=16)
"""Of the board and the runtime that it starts, which has limits of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductReport:
    """What the emulated board found, as the tests of a product see it.

    Attributes
    ----------
    fits : bool
        Whether it runs there.
    reasons : tuple of str
        Why not.
    model_bytes, flash_bytes : int
        The file; the file with the runtime's code.
    arena_bytes, arena_limit_bytes : int
        RAM that it needs, and the largest free block.
    accuracy : float
        Share of right answers, 0.0 where it does not run.
    operators, input_types, output_types : tuple of str
        Names, in order; types as ``int8``.
    """

    fits: bool
    reasons: tuple[str, ...]
    model_bytes: int
    flash_bytes: int
    arena_bytes: int
    arena_limit_bytes: int
    accuracy: float
    operators: tuple[str, ...]
    input_types: tuple[str, ...]
    output_types: tuple[str, ...]


def judge_product(
    question: Question, path: Path, sandbox: Sandbox, *, root: Path | None = None
) -> Verdict:
    """Return the verdict on a product, run on the public and on the hidden gestures.

    Parameters
    ----------
    question : Question
        Its inputs are tuples of images and labels.
    path : Path
        The file.
    sandbox : Sandbox
        Where it is run.
    root : Path, optional
        Folder of the submissions; nothing below it may be a link.
    """
    task, start = question.task, time.perf_counter()
    try:
        data = read_handed_in(path, root=root, limit_bytes=MAX_PRODUCT_BYTES)
    except Refused as fault:
        missing = not path.exists() and not path.is_symlink()
        return no_points(task.id, task.points, NOT_ATTEMPTED if missing else str(fault))
    cases = _run_all(data, question, sandbox.board())
    return evaluate(task, cases, also=question.also, seconds=round(time.perf_counter() - start, 4))


def fits_board(args: tuple[Any, ...], result: ProductReport) -> str | None:
    """Return why a product does not run on the board, or None."""
    del args
    return None if result.fits else "; ".join(result.reasons)


def at_most(field: str, full: float, *, zero: float) -> Test:
    """Return a test of a cost: all points up to `full`, none from `zero` on, a line between.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> at_most("model_bytes", 100, zero=200)((), SimpleNamespace(model_bytes=150))
    Shortfall(text='model_bytes is 150, all points need at most 100', share=0.5)
    """
    return _line(field, full, zero, "at most")


def at_least(field: str, full: float, *, zero: float) -> Test:
    """Return a test of a merit: all points from `full` on, none up to `zero`, a line between."""
    return _line(field, full, zero, "at least")


def _line(field: str, full: float, zero: float, words: str) -> Test:
    if full == zero:
        raise ValueError(f"full and zero points need different bounds, got {full} twice")

    def test(args: tuple[Any, ...], result: Any) -> Shortfall | None:
        del args
        found = getattr(result, field)
        share = min(1.0, max(0.0, (found - zero) / (full - zero)))
        if share == 1.0:
            return None
        return Shortfall(f"{field} is {found:.6g}, all points need {words} {full:g}", share)

    return test


def _run_all(data: bytes, question: Question, board: Sandbox) -> list[Case]:
    """Return every set of gestures with the report on it; all in one locked-in process."""
    sets = [(args, False) for args in question.public] + [(a, True) for a in question.hidden]
    cases: list[Case] = []
    end = ""
    with board.session(LIMITS) as session:
        for args, hidden in sets:
            try:
                answer = Answer(fault=end) if end else _run(session, data, args)
            except ProcessEnded as fault:
                end = str(fault)
                answer = Answer(fault=end)
            cases.append(Case(args, answer, hidden))
    return cases


def _run(session: Session, data: bytes, args: tuple[Any, ...]) -> Answer:
    images, labels = args
    answer = session.call((data, images))
    if answer.fault:
        return answer
    try:
        return Answer(_read_report(answer.value, labels))
    except (KeyError, TypeError, ValueError):
        return Answer(fault="the board's report can't be read; convert the model again")


def _read_report(found: dict[str, Any], labels: Any) -> ProductReport:
    outputs = found["outputs"]
    accuracy = 0.0
    if outputs is not None:
        classes = outputs.reshape(len(labels), -1).argmax(axis=1)
        accuracy = float(np.mean(classes == labels))
    return ProductReport(
        fits=found["fits"] is True,
        reasons=tuple(map(str, found["reasons"])),
        model_bytes=int(found["model_bytes"]),
        flash_bytes=int(found["flash_bytes"]),
        arena_bytes=max(int(found["arena_bytes"]), int(found["arena_min_bytes"])),
        arena_limit_bytes=int(found["arena_limit_bytes"]),
        accuracy=accuracy,
        operators=tuple(map(str, found["operators"])),
        input_types=tuple(map(str, found["input_types"])),
        output_types=tuple(map(str, found["output_types"])),
    )
