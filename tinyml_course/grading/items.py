"""What a class did with each task: pass rate, commonest fault, time, discrimination."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tinyml_course.grading.gradebook import Grade
from tinyml_course.grading.verdict import Verdict

LEAST_STUDENTS = 10
"""Below this many a correlation says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One task, over all students.

    Attributes
    ----------
    notebook, task : str
        Which.
    students, attempted : int
        In the class; of them, with an answer that could be judged.
    pass_rate : float
        Share of the class with full points.
    mean_share : float
        Mean of the points over the class, as a share of what could be earned.
    commonest_failure : str
        Part that failed most often among these, with how often; empty if none failed.
    median_seconds : float
        Wall time of judging one answer.
    discrimination : float or None
        Correlation of the task's points with the points of the notebook's other tasks;
        None below 10 students, or where either does not vary.
    """

    notebook: str
    task: str
    students: int
    attempted: int
    pass_rate: float
    mean_share: float
    commonest_failure: str
    median_seconds: float
    discrimination: float | None


def summarise(grades: Sequence[Grade]) -> list[Item]:
    """Return the statistics of each task, in the order in which tasks first occur."""
    by_task: dict[tuple[str, str], list[Grade]] = defaultdict(list)
    for grade in grades:
        by_task[grade.notebook, grade.verdict.task].append(grade)
    return [_summarise(key, found, grades) for key, found in by_task.items()]


def _summarise(key: tuple[str, str], found: list[Grade], grades: Sequence[Grade]) -> Item:
    verdicts = [grade.verdict for grade in found]
    tried = [v for v in verdicts if v.parts]
    return Item(
        notebook=key[0],
        task=key[1],
        students=len(verdicts),
        attempted=len(tried),
        pass_rate=sum(v.points >= v.max_points for v in verdicts) / len(verdicts),
        mean_share=sum(v.points / v.max_points for v in verdicts) / len(verdicts),
        commonest_failure=_commonest(tried),
        median_seconds=statistics.median(v.seconds for v in tried) if tried else 0.0,
        discrimination=_discrimination(key, found, grades),
    )


def _commonest(verdicts: Sequence[Verdict]) -> str:
    faults = Counter(
        part.name for verdict in verdicts for part in verdict.parts if part.points < part.max_points
    )
    if not faults:
        return ""
    name, count = min(faults.items(), key=lambda item: (-item[1], item[0]))
    return f"{name} ({count} of {len(verdicts)})"


def _discrimination(
    key: tuple[str, str], found: Sequence[Grade], grades: Sequence[Grade]
) -> float | None:
    rest: dict[str, float] = defaultdict(float)
    for grade in grades:
        if grade.notebook == key[0] and grade.verdict.task != key[1]:
            rest[grade.student] += grade.verdict.points
    here = [grade.verdict.points for grade in found]
    others = [rest[grade.student] for grade in found]
    if len(here) < LEAST_STUDENTS or len(set(here)) == 1 or len(set(others)) == 1:
        return None
    return statistics.correlation(here, others)
