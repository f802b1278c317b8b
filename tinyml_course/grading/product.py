"""Products: a .tflite handed in beside the notebook, graded by the emulated board."""

from __future__ import annotations

import time
from pathlib import Path

from tinyml_course.core.errors import CourseError
from tinyml_course.device.emulate import Device
from tinyml_course.grading.evaluate import Answer, Case, evaluate
from tinyml_course.grading.paper import Question
from tinyml_course.grading.submission import Refused, read_handed_in
from tinyml_course.grading.verdict import NOT_ATTEMPTED, Verdict, no_points

MAX_PRODUCT_BYTES = 4 * 1024**2
BOARD = "esp32"


def judge_product(question: Question, path: Path, *, root: Path | None = None) -> Verdict:
    """Return the verdict on a product, run on the public and on the hidden gestures.

    Parameters
    ----------
    question : Question
        Its inputs are tuples of images and labels.
    path : Path
        The file.
    root : Path, optional
        Folder of the submissions; nothing below it may be a link.
    """
    task, start = question.task, time.perf_counter()
    try:
        data = read_handed_in(path, root=root, limit_bytes=MAX_PRODUCT_BYTES)
    except Refused as fault:
        missing = not path.exists() and not path.is_symlink()
        return no_points(task.id, task.points, NOT_ATTEMPTED if missing else str(fault))
    cases = [Case(args, _emulate(data, args)) for args in question.public]
    cases += [Case(args, _emulate(data, args), hidden=True) for args in question.hidden]
    return evaluate(task, cases, also=question.also, seconds=round(time.perf_counter() - start, 4))


def _emulate(data: bytes, args: tuple[object, ...]) -> Answer:
    """Return the board's report on the file for one set of gestures."""
    images, labels = args
    try:
        return Answer(Device(BOARD).emulate(data, images, labels, strict=False))
    except (CourseError, ValueError) as fault:
        return Answer(fault=f"the board refuses it: {fault}")
