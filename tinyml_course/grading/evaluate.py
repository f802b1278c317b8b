"""From answers to a verdict: pure, and the only place where points are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyml_course.grading.task import Part, Shortfall, Task, Test
from tinyml_course.grading.verdict import NOT_ATTEMPTED, PartVerdict, Status, Verdict, no_points

CALL_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call of the learner's function gave: a plain value, or why there is none."""

    value: Any = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One input with its answer."""

    args: tuple[Any, ...]
    answer: Answer
    hidden: bool = False


def evaluate(
    task: Task,
    cases: Sequence[Case],
    *,
    also: Mapping[str, Test] | None = None,
    seconds: float = 0.0,
) -> Verdict:
    """Return the verdict on answers.

    Parameters
    ----------
    task : Task
        Its parts say what counts.
    cases : sequence of Case
        Every input with its answer, public ones first.
    also : mapping of part name to Test, optional
        The judge's further tests; without a judge, parts with no public test stay open.
    seconds : float
        Wall time to note.
    """
    if not cases:
        raise ValueError(f"task {task.id} was given no inputs, which would prove nothing")
    if all(case.answer.fault == NOT_ATTEMPTED for case in cases):
        return no_points(task.id, task.points, NOT_ATTEMPTED, seconds=seconds)
    faults = [case.answer.fault or _form_fault(task, case.answer.value) for case in cases]
    parts: list[PartVerdict] = []
    for part in task.parts:
        verdict = _judge_part(task, part, (also or {}).get(part.name), cases, faults)
        whole = {p.name for p in parts if not p.judged or p.points == p.max_points}
        parts.append(_hold_back(verdict, [name for name in part.after if name not in whole]))
    return Verdict(
        task=task.id,
        points=round(sum(part.points for part in parts), 4),
        max_points=task.points,
        status=_status(parts),
        reason=next((part.fault for part in parts if part.fault), ""),
        parts=tuple(parts),
        seconds=seconds,
    )


def describe_call(task: Task, args: tuple[Any, ...]) -> str:
    """Return a call in one short line, for messages.

    Arrays of more than a few numbers are named by shape.
    """
    inside = ", ".join(_describe(arg) for arg in args)
    if len(inside) > CALL_CHARACTERS:
        inside = inside[: CALL_CHARACTERS - 3] + "..."
    return f"{task.function}({inside})" if task.function else task.product


def _judge_part(
    task: Task, part: Part, secret: Test | None, cases: Sequence[Case], faults: list[str | None]
) -> PartVerdict:
    """Return what became of one part: the lowest share over all inputs.

    What the judge's `secret` test says may hold the answer, so that nobody is told.
    """
    share, public_fault, hidden_failures = 1.0, "", 0
    for case, fault in zip(cases, faults, strict=True):
        found = Shortfall(fault) if fault else _examine(part.test, case)
        if secret is not None and found is None and (inner := _examine(secret, case)):
            found = Shortfall(f"this does not hold: {part.says}", inner.share)
        if found is None:
            continue
        share = min(share, found.share)
        hidden_failures += case.hidden
        if not case.hidden and not public_fault:
            public_fault = f"{describe_call(task, case.args)}: {found.text}"
    judged = part.test is not None or secret is not None
    hidden_fault = (
        f"{part.name}: holds on the public inputs, fails on {hidden_failures} hidden ones"
    )
    return PartVerdict(
        name=part.name,
        says=part.says,
        points=part.points * share if judged else 0.0,
        max_points=part.points,
        fault=public_fault or (hidden_fault if hidden_failures else ""),
        on_public=bool(public_fault),
        hidden_failures=hidden_failures,
        judged=judged,
    )


def _examine(test: Test | None, case: Case) -> Shortfall | None:
    """Return what a test finds; one that trips over the result has found a fault."""
    if test is None:
        return None
    try:
        with np.errstate(all="ignore"):
            found = test(case.args, case.answer.value)
    except Exception as error:
        return Shortfall(f"the result can't be examined ({type(error).__name__})")
    return Shortfall(found) if isinstance(found, str) else found


def _form_fault(task: Task, value: Any) -> str | None:
    fault = task.returns(value)
    return f"wrong form of result: {fault}" if fault else None


def _hold_back(verdict: PartVerdict, missing: list[str]) -> PartVerdict:
    """Return the verdict without points if parts that it builds on do not hold."""
    if not missing or not verdict.judged:
        return verdict
    return PartVerdict(
        name=verdict.name,
        says=verdict.says,
        points=0.0,
        max_points=verdict.max_points,
        fault=verdict.fault or f"{verdict.name}: counts once {missing[0]!r} holds",
        on_public=verdict.on_public,
        hidden_failures=verdict.hidden_failures,
    )


def _status(parts: Sequence[PartVerdict]) -> Status:
    judged = [part for part in parts if part.judged]
    if judged and all(part.points == part.max_points for part in judged):
        return "passed"
    return "partial" if any(part.points > 0 for part in judged) else "failed"


def _describe(value: Any) -> str:
    if type(value) is np.ndarray and value.size > 8:
        return f"<array {value.shape} of {value.dtype}>"
    if type(value) is np.ndarray:
        return f"array({value.tolist()})"
    return repr(value)
