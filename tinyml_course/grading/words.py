"""Verdicts in words: plain text and HTML, everything a learner wrote escaped."""

from __future__ import annotations

import html

from tinyml_course.grading.task import Task
from tinyml_course.grading.verdict import NOT_ATTEMPTED, PartVerdict, Verdict

MARKS = {"passed": "✓", "partial": "◐", "failed": "✗", "open": "·"}
"""A sign beside each part; its word stands beside it, so that colour and sign are not needed."""


def part_state(part: PartVerdict) -> str:
    """Return ``passed``, ``partial``, ``failed`` or ``open``.

    Open parts are judged on hidden inputs only, once the work is handed in.
    """
    if not part.judged:
        return "open"
    if part.points == part.max_points:
        return "passed"
    return "partial" if part.points else "failed"


def describe_verdict(task: Task, verdict: Verdict) -> str:
    """Return the verdict as lines of plain text.

    Parameters
    ----------
    task : Task
        What was asked.
    verdict : Verdict
        What became of it.
    """
    if verdict.status == "not attempted":
        return f"{task.id}: {NOT_ATTEMPTED}"
    lines = [f"{task.id}: {verdict.status}, {_points(verdict)}"]
    if not verdict.parts:
        lines.append(f"  {verdict.reason}")
    for part in verdict.parts:
        state = part_state(part)
        lines.append(f"  {MARKS[state]} {state}: {part.says}")
        if part.fault:
            lines.append(f"      {part.fault}")
    return "\n".join(lines)


def verdict_html(task: Task, verdict: Verdict) -> str:
    """Return the verdict as HTML that takes its colours from the page."""
    if verdict.status == "not attempted":
        return f"<p><b>{task.id}</b> Not attempted yet.</p>"
    head = f"<p><b>{task.id} {verdict.status}</b>, {html.escape(_points(verdict))}</p>"
    if not verdict.parts:
        return head + f"<p>{html.escape(verdict.reason)}</p>"
    parts = "".join(_part_html(part) for part in verdict.parts)
    return f'{head}<ul style="list-style: none; padding-left: 0">{parts}</ul>'


def _part_html(part: PartVerdict) -> str:
    state = part_state(part)
    fault = f"<br><code>{html.escape(part.fault)}</code>" if part.fault else ""
    return f"<li>{MARKS[state]} <b>{state}</b>: {html.escape(part.says)}{fault}</li>"


def _points(verdict: Verdict) -> str:
    earned = f"{verdict.points:g} of {verdict.max_points:g} points"
    if verdict.pending_points:
        earned += f"; {verdict.pending_points:g} more are judged when you hand it in"
    return earned
