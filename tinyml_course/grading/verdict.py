"""Verdicts: points, and the first fault in words that never show an answer or a hidden input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "partial", "failed", "not attempted", "refused"]

NOT_ATTEMPTED = "not attempted"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartVerdict:
    """What became of one part.

    Attributes
    ----------
    name, says : str
        The part and its property.
    points, max_points : float
        Earned, and to be earned.
    fault : str
        The first fault, with the public input it was found on; empty where the part holds.
    on_public : bool
        Whether the fault was found on a public input.
    hidden_failures : int
        Number of hidden inputs on which the property failed.
    judged : bool
        False where the part needs hidden inputs and there were none; it counts once handed in.
    """

    name: str
    says: str
    points: float
    max_points: float
    fault: str = ""
    on_public: bool = False
    hidden_failures: int = 0
    judged: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one task.

    Attributes
    ----------
    task : str
        Its id.
    points, max_points : float
        Earned, and to be earned.
    status : Status
        One word for all of it; ``passed`` if every part that was judged holds, ``refused`` if
        the work could not be judged at all.
    reason : str
        Empty for full points, else the first fault.
    parts : tuple of PartVerdict
        Empty where the work was refused or not attempted.
    seconds : float
        Wall time of the judgement.
    """

    task: str
    points: float
    max_points: float
    status: Status
    reason: str = ""
    parts: tuple[PartVerdict, ...] = ()
    seconds: float = 0.0

    @property
    def pending_points(self) -> float:
        """Points of the parts that are judged only when the work is handed in."""
        return sum(part.max_points for part in self.parts if not part.judged)


def no_points(task: str, max_points: float, reason: str, *, seconds: float = 0.0) -> Verdict:
    """Return the verdict on work that earns nothing, for one reason."""
    status: Status = "not attempted" if reason == NOT_ATTEMPTED else "refused"
    return Verdict(
        task=task, points=0.0, max_points=max_points, status=status, reason=reason, seconds=seconds
    )
