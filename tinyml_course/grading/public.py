"""The public check: a learner's own function, in the learner's own process, on public inputs.

It gives no grade. Whoever runs it can change it; the judge runs elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tinyml_course.grading.evaluate import Answer, Case, evaluate
from tinyml_course.grading.task import Task
from tinyml_course.grading.verdict import NOT_ATTEMPTED, Verdict
from tinyml_course.grading.wire import NotPlain, decode, encode


def check_function(task: Task, function: Callable[..., Any]) -> Verdict:
    """Return the verdict on `function` for the task's public inputs.

    Parameters
    ----------
    task : Task
        A task that asks for a function.
    function : callable
        The learner's; it gets copies of the arguments.
    """
    start = time.perf_counter()
    cases = [Case(args, call_function(function, args)) for args in task.inputs]
    return evaluate(task, cases, seconds=time.perf_counter() - start)


def call_function(function: Callable[..., Any], args: tuple[Any, ...]) -> Answer:
    """Return what `function` gives for a copy of `args`, as plain data."""
    copy = decode(encode(args))
    try:
        return Answer(decode(encode(function(*copy))))
    except NotImplementedError:
        return Answer(fault=NOT_ATTEMPTED)
    except NotPlain as fault:
        return Answer(fault=str(fault))
    except Exception as error:
        return Answer(fault=f"raised {type(error).__name__}: {error}"[:300])
