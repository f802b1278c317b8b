"""A task as learners see it: what is asked, what it counts, which properties are checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyml_course.grading.forms import Form, anything

Inputs = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A property that holds in part.

    Attributes
    ----------
    text : str
        The fault, one sentence.
    share : float
        Share of the points that is earned all the same, 0 to below 1.
    """

    text: str
    share: float = 0.0


Test = Callable[[tuple[Any, ...], Any], str | Shortfall | None]
"""From arguments and result to None where the property holds, else the fault."""


@dataclass(frozen=True, slots=True)
class Part:
    """One property of the answer, with its points.

    Attributes
    ----------
    name : str
        Name within the task.
    points : float
        What it counts; earned where the property holds on every input.
    says : str
        The property in one sentence.
    test : Test, optional
        The property; without it the part is judged on hidden inputs only.
    after : tuple of str
        Parts that must hold as well; keeps a trivial function from earning this one.
    """

    name: str
    points: float
    says: str
    test: Test | None = None
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the learner's process may use for one task."""

    cpu_s: int = 5
    wall_s: float = 10.0
    memory_bytes: int = 512 * 1024**2
    file_bytes: int = 1024**2
    processes: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A graded task.

    Attributes
    ----------
    id : str
        Chapter and number, ``"0.3"``.
    title : str
        What it is about.
    function : str
        Name of the learner's function; empty for a product.
    parts : tuple of Part
        The properties.
    public_inputs : tuple of argument tuples, or a function that makes them
        What the public check calls the function with.
    hints : (concept, place, shape)
        The ladder; no rung is the answer.
    returns : Form
        What a result must look like before any part is tested.
    withheld : tuple of str
        Modules of the course that would be the answer; not available to the learner's code.
    limits : Limits
        Resources of the learner's process.
    product : str
        Name of the file to hand in, for a product.
    """

    id: str
    title: str
    function: str
    parts: tuple[Part, ...]
    public_inputs: Inputs | Callable[[], Inputs]
    hints: tuple[str, str, str]
    returns: Form = anything
    withheld: tuple[str, ...] = ()
    limits: Limits = Limits()
    product: str = ""

    def __post_init__(self) -> None:
        names = [part.name for part in self.parts]
        if len(set(names)) != len(names):
            raise ValueError(f"task {self.id}: part names must differ, got {names}")
        if bool(self.function) == bool(self.product):
            raise ValueError(f"task {self.id} needs either a function or a product")
        for number, part in enumerate(self.parts):
            if not set(part.after) <= set(names[:number]):
                raise ValueError(f"task {self.id}, {part.name!r}: `after` names earlier parts only")

    @property
    def points(self) -> float:
        """What the task counts."""
        return sum(part.points for part in self.parts)

    @property
    def inputs(self) -> Inputs:
        """The public inputs, made if need be."""
        return self.public_inputs() if callable(self.public_inputs) else self.public_inputs

    def cell_id(self, role: str) -> str:
        """Return the id of the task's cell in a role.

        Roles are ``spec``, ``prediction``, ``hole``, ``check``, ``picture`` and ``answer``.
        """
        return f"{self.id.replace('.', '-')}-{role}"


def worked_examples(examples: Mapping[tuple[Any, ...], Any], *, within: float = 0.0) -> Test:
    """Return a test that compares the results for the listed arguments, and passes all others.

    Parameters
    ----------
    examples : mapping of argument tuple to result
        Examples that the specification prints; their results are public.
    within : float, default 0.0
        Tolerance relative to the expected result, for results that are floats.

    Examples
    --------
    >>> worked_examples({(3, 5): 35})((3, 5), 34)
    'the worked example says 35, got 34'
    """
    listed = list(examples.items())

    def test(args: tuple[Any, ...], result: Any) -> str | None:
        for example, expected in listed:
            if not _same(args, example):
                continue
            if type(expected) is float:
                close = bool(np.isclose(result, expected, rtol=within, atol=0.0))
            else:
                close = type(result) is type(expected) and result == expected
            return None if close else f"the worked example says {expected}, got {result}"
        return None

    return test


def _same(args: tuple[Any, ...], example: tuple[Any, ...]) -> bool:
    pairs = list(zip(args, example, strict=False))
    plain = all(type(a) is type(b) and type(a) is not np.ndarray for a, b in pairs)
    return len(args) == len(example) and plain and args == example
