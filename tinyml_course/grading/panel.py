"""The panel below a check cell: verdict, *Check again*, and the ladder of hints."""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from typing import Any

from tinyml_course.grading.progress import Progress, ProgressUnavailable
from tinyml_course.grading.task import Task
from tinyml_course.grading.verdict import Verdict
from tinyml_course.grading.words import describe_verdict, verdict_html

RUNGS = ("concept", "place", "shape of the answer")

CHECK_AGAIN = "Check again"
TO_DO = "write your answer into the cell above, run that cell, then press <i>Check again</i>."
TO_DO_FILE = "run the cell that writes the file, then press <i>Check again</i>."


def make_panel(
    task: Task, verdict: Verdict, *, again: Callable[[], tuple[Verdict, str]], notice: str = ""
) -> Any:
    """Return the panel as an ipywidgets box.

    Parameters
    ----------
    task : Task
        What was asked.
    verdict : Verdict
        What to show at first.
    again : callable
        Checks once more; returns a verdict and a notice, empty where all went well.
    notice : str
        A line below the verdict.
    """
    import ipywidgets as w

    shown, hints = w.HTML(), w.HTML()
    check_again = w.Button(
        description=CHECK_AGAIN, tooltip="Check the answer of the cell above, as you last ran it"
    )
    hint = w.Button(description=_hint_label(0), tooltip="A hint; it costs no points")
    opened: list[int] = []

    def show(verdict: Verdict, notice: str, when: str = "") -> None:
        said = _to_do(task, verdict) + "".join(
            f"<p>{html.escape(line)}</p>" for line in (notice, when) if line
        )
        shown.value = verdict_html(task, verdict) + said

    def check_now(_: Any) -> None:
        check_again.disabled, check_again.description = True, "Checking …"
        try:
            verdict, notice = again()
        finally:
            check_again.disabled, check_again.description = False, CHECK_AGAIN
        show(verdict, notice, f"Checked at {time.strftime('%H:%M:%S')}.")

    def open_hint(_: Any) -> None:
        rung = len(opened)
        opened.append(rung)
        hints.value = _hints_html(task, rung + 1) + _record_hint(task, rung)
        hint.description = _hint_label(rung + 1)
        hint.disabled = rung + 1 == len(task.hints)

    check_again.on_click(check_now)
    hint.on_click(open_hint)
    show(verdict, notice)
    buttons = w.HBox([check_again, hint], layout=w.Layout(flex_flow="row wrap"))
    for button in (check_again, hint):
        button.layout.width = "auto"
    return w.VBox([shown, buttons, hints])


def show_panel(
    task: Task, verdict: Verdict, *, again: Callable[[], tuple[Verdict, str]], notice: str = ""
) -> None:
    """Display the panel; a front end without widgets shows the same verdict as text."""
    from IPython.display import display

    panel = make_panel(task, verdict, again=again, notice=notice)
    text = describe_verdict(task, verdict) + (f"\n{notice}" if notice else "")
    bundle = panel._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    display({**data, "text/plain": text}, raw=True)


def _to_do(task: Task, verdict: Verdict) -> str:
    """Return what to do next where nothing was done yet."""
    if verdict.status != "not attempted":
        return ""
    points = f"0 of {verdict.max_points:g} points so far: "
    return f"<p>{points}{TO_DO_FILE if task.product else TO_DO}</p>"


def _hint_label(given: int) -> str:
    if given >= len(RUNGS):
        return "No more hints"
    return f"Hint {given + 1} of {len(RUNGS)}: {RUNGS[given]}"


def _hints_html(task: Task, count: int) -> str:
    rungs = zip(RUNGS, task.hints[:count], strict=False)
    items = "".join(f"<li><b>{rung}</b>: {html.escape(text)}</li>" for rung, text in rungs)
    return f"<ol>{items}</ol>"


def _record_hint(task: Task, rung: int) -> str:
    try:
        Progress().record_hint(task.id, rung)
    except ProgressUnavailable as fault:
        return f"<p>Not recorded: {html.escape(str(fault))}</p>"
    return ""
