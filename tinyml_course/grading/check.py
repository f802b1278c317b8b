"""What the cells of an exercise call: `check`, `attempted` and `write_product`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinyml_course.core.files import write_atomically
from tinyml_course.core.types import ModelArtifact
from tinyml_course.grading.progress import Progress, ProgressUnavailable
from tinyml_course.grading.public import check_function
from tinyml_course.grading.task import Task
from tinyml_course.grading.tasks import find_task
from tinyml_course.grading.time_limit import OutOfTime, time_limit
from tinyml_course.grading.verdict import NOT_ATTEMPTED, Verdict, no_points
from tinyml_course.grading.words import describe_verdict


def check(task_id: str, function: Callable[..., Any] | None = None) -> None:
    """Check an answer on the public inputs and show the verdict, with hints on request.

    In JupyterLab a panel appears: it checks again after you have changed the answer, and holds
    the ladder of hints. Elsewhere the verdict is printed. A wrong answer never raises.

    Parameters
    ----------
    task_id : str
        Such as ``"0.1"``.
    function : callable, optional
        Your function; for a task that asks for a file, leave it out.

    Raises
    ------
    UnknownTask
        If there is no such task.
    """
    task = find_task(task_id)
    verdict = run_check(task, function)
    notice = _record(verdict)
    if _has_front_end():
        from tinyml_course.grading.panel import show_panel

        show_panel(task, verdict, notice=notice, again=lambda: _check_again(task, function))
    else:
        print("\n".join(filter(None, (describe_verdict(task, verdict), notice))))


def run_check(task: Task, function: Callable[..., Any] | None) -> Verdict:
    """Return the verdict on an answer for the task's public inputs, within its time limit.

    A function runs in this process, where nothing can end native code that never returns; a
    file runs in the judge's locked-in process.

    Parameters
    ----------
    task : Task
        What is asked.
    function : callable, optional
        The answer; not needed for a product, which lies in the working folder.
    """
    if task.product:
        return _check_product(task)
    if not callable(function):
        reason = f"`check` needs your function: check({task.id!r}, {task.function})"
        return no_points(task.id, task.points, reason)
    try:
        with time_limit(task.limits.wall_s):
            return check_function(task, function)
    except OutOfTime as fault:
        return no_points(task.id, task.points, f"{fault}; does a loop never end?")


@contextmanager
def attempted(task_id: str) -> Iterator[None]:
    """Let a cell that needs an answer say so where there is none yet."""
    try:
        yield
    except NotImplementedError:
        print(f"{task_id}: not attempted yet")


def write_product(name: str, artifact: ModelArtifact | bytes, *, folder: Path | None = None) -> int:
    """Write a file to hand in, whole or not at all, and return its size in bytes.

    Parameters
    ----------
    name : str
        As the task names it, ``"0.8.tflite"``.
    artifact : ModelArtifact or bytes
        The model.
    folder : Path, optional
        The working folder by default, where the notebook lies.
    """
    data = artifact.tflite if isinstance(artifact, ModelArtifact) else bytes(artifact)
    write_atomically(folder or Path.cwd(), {name: data})
    return len(data)


def _check_product(task: Task) -> Verdict:
    """Return the verdict on a file in the working folder, on public gestures."""
    from tinyml_course.grading.paper import Question
    from tinyml_course.grading.product import judge_product
    from tinyml_course.grading.sandbox import Sandbox
    from tinyml_course.grading.session import SandboxUnavailable

    path = Path.cwd() / task.product
    if not path.exists():
        return no_points(task.id, task.points, NOT_ATTEMPTED)
    try:
        with Sandbox() as sandbox:
            return judge_product(Question(task, task.inputs), path, sandbox)
    except SandboxUnavailable as fault:
        return no_points(task.id, task.points, str(fault))


def _check_again(task: Task, function: Callable[..., Any] | None) -> tuple[Verdict, str]:
    """Check what the notebook defines by now; a cell that was run again made a new function."""
    shell = sys.modules["IPython"].get_ipython()
    verdict = run_check(task, shell.user_ns.get(task.function, function))
    return verdict, _record(verdict)


def _record(verdict: Verdict) -> str:
    """Store the attempt; return a notice where the file does not allow it."""
    try:
        Progress().record(verdict)
    except ProgressUnavailable as fault:
        return f"Not recorded: {fault}"
    return ""


def _has_front_end() -> bool:
    """Whether this is a notebook's kernel with widgets; `TINYML_COURSE_PLAIN` says no."""
    if "IPython" not in sys.modules or os.environ.get("TINYML_COURSE_PLAIN"):
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None
