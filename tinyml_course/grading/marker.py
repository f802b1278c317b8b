"""The judge: each task of a submission in a locked-in process of its own, the verdict here.

The learner's process gets cells, then arguments; it never gets an expected value, and what it
hands over is read as plain data. Whatever goes wrong costs the task it belongs to, with a reason.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from pathlib import Path

from tinyml_course.grading.evaluate import Answer, Case, evaluate
from tinyml_course.grading.paper import Paper, Question
from tinyml_course.grading.product import judge_product
from tinyml_course.grading.sandbox import Sandbox
from tinyml_course.grading.session import Order, ProcessEnded, Session
from tinyml_course.grading.submission import Refused, Submission, read_submission
from tinyml_course.grading.task import Inputs, Task
from tinyml_course.grading.time_limit import OutOfTime, time_limit
from tinyml_course.grading.verdict import NOT_ATTEMPTED, Verdict, no_points

REQUIRED = ("hole", "check")
EXAMINE_S = 30.0
"""Longest time for the tests of one task; a result such as 10**1000 could keep one busy."""


def mark_submission(
    path: Path,
    paper: Paper,
    sandbox: Sandbox,
    *,
    root: Path | None = None,
    only: Collection[str] | None = None,
) -> tuple[Verdict, ...]:
    """Return the verdict on each task of the notebook at `path`; bad work never raises.

    Parameters
    ----------
    path : Path
        What was handed in; products lie beside it.
    paper : Paper
        The exercise with its inputs.
    sandbox : Sandbox
        Where learners' code runs.
    root : Path, optional
        Folder of the submissions; nothing below it may be a link.
    only : collection of str, optional
        Ids of the tasks to judge; all by default.
    """
    wanted = [q for q in paper.questions if only is None or q.task.id in only]
    try:
        submission = read_submission(path, root=root)
    except Refused as fault:
        return tuple(no_points(q.task.id, q.task.points, str(fault)) for q in wanted)
    marker = Marker(paper, submission, sandbox)
    return tuple(
        judge_product(q, path.with_name(q.task.product), sandbox, root=root)
        if q.task.product
        else marker.judge(q)
        for q in wanted
    )


class Marker:
    """One submission on one paper; remembers cells that end every process they run in."""

    def __init__(self, paper: Paper, submission: Submission, sandbox: Sandbox) -> None:
        self._paper = paper
        self._submission = submission
        self._sandbox = sandbox
        self._culprits: dict[str, str] = {}

    def relevant(self, task: Task) -> list[tuple[str, str]]:
        """Return name and source of every cell that the verdict on a task depends on."""
        required = [task.cell_id(role) for role in REQUIRED]
        sources = [(key, self._submission.source(key) or "") for key in (*required, "setup")]
        doubles = [(key, "double") for key in required if key in self._submission.duplicated]
        return [*self._order(task).cells, *sources, *doubles]

    def judge(self, question: Question) -> Verdict:
        """Return the verdict on one task that asks for a function."""
        task, start = question.task, time.perf_counter()
        reason = self._find_obstacle(task)
        if reason:
            return no_points(task.id, task.points, reason)
        cases = self.answer(question)
        seconds = round(time.perf_counter() - start, 4)
        try:
            with time_limit(EXAMINE_S):
                return evaluate(task, cases, also=question.also, seconds=seconds)
        except OutOfTime:
            reason = f"the results can't be examined within {EXAMINE_S:g} s"
            return no_points(task.id, task.points, reason, seconds=seconds)

    def _find_obstacle(self, task: Task) -> str:
        """Return why a task can't be judged at all, or an empty string."""
        for role in REQUIRED:
            key = task.cell_id(role)
            if key in self._submission.duplicated:
                return f"the cell {key!r} is there more than once; keep one of them"
            if self._submission.source(key) is None:
                return f"the cell {key!r} is missing; take it from a fresh copy of the exercise"
        key = task.cell_id("check")
        if (self._submission.source(key) or "").split() != self._given(key).split():
            return f"the cell {key!r} was changed; take it from a fresh copy of the exercise"
        return NOT_ATTEMPTED if self._is_untouched(task.cell_id("hole")) else ""

    def _is_untouched(self, key: str) -> bool:
        return self._given(key).split() == (self._submission.source(key) or "").split()

    def _given(self, key: str) -> str:
        return str(self._paper.cells[key]["source"]) if key in self._paper.cells else ""

    def answer(self, question: Question) -> list[Case]:
        """Return each input with its answer; try again without a cell that ends the process."""
        hole = question.task.cell_id("hole")
        while hole not in self._culprits:
            with self._sandbox.session(question.task.limits) as session:
                try:
                    faults = session.load(self._order(question.task))
                except ProcessEnded as end:
                    self._culprits[session.cell or hole] = str(end)
                    continue
                if faults[hole]:
                    return _all_failed(question, f"the cell fails: {faults[hole]}")
                return _call_all(session, question)
        return _all_failed(question, self._culprits[hole])

    def _order(self, task: Task) -> Order:
        """Return what to load: the learner's own cells and holes, up to the task's hole."""
        cells = []
        for number, (key, cell) in enumerate(self._submission.cells):
            is_own = key not in self._paper.cells
            is_hole = key.endswith("-hole") and not is_own and not self._is_untouched(key)
            name = f"cell {number}, added" if is_own else key
            if cell["cell_type"] == "code" and (is_own or is_hole) and name not in self._culprits:
                cells.append((name, cell["source"]))
            if key == task.cell_id("hole"):
                break
        setup = dict.fromkeys((self._given("setup"), self._submission.source("setup") or ""))
        return Order(task.function, cells, tuple(setup), task.withheld)


def _call_all(session: Session, question: Question) -> list[Case]:
    """Return every input with its answer, public ones first; once the process is gone, its end."""
    cases: list[Case] = []
    end = ""
    for inputs, hidden in ((question.public, False), (question.hidden, True)):
        for args in inputs:
            try:
                answer = Answer(fault=end) if end else session.call(args)
            except ProcessEnded as fault:
                end = str(fault)
                answer = Answer(fault=end)
            cases.append(Case(args, answer, hidden))
    return cases


def _all_failed(question: Question, reason: str) -> list[Case]:
    def cases(inputs: Inputs, hidden: bool) -> Sequence[Case]:
        return [Case(args, Answer(fault=reason), hidden) for args in inputs]

    return [*cases(question.public, False), *cases(question.hidden, True)]
