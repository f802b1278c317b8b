"""Budgets as people write them: 200 evaluations, ten minutes, 16 KB."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tinyml_course.core.errors import InvalidData

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_BYTES = {"": 1, "b": 1, "k": 1024, "kb": 1024, "kib": 1024, "m": 1024**2, "mb": 1024**2,
          "mib": 1024**2}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """When a search ends; at whichever limit comes first.

    Attributes
    ----------
    evaluations : int or None
        Evaluations, those in the journal included.
    seconds : float or None
        Time, over all sessions of the search. Evaluations that run at the end are finished.
    """

    evaluations: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.evaluations is None and self.seconds is None:
            raise ValueError("a budget needs a number of evaluations or a time, got neither")
        if self.evaluations is not None and self.evaluations < 1:
            raise ValueError(f"a budget needs at least 1 evaluation, got {self.evaluations}")
        if self.seconds is not None and not self.seconds > 0:
            raise ValueError(f"a budget of time must be positive, got {self.seconds} s")


def parse_budget(text: str) -> Budget:
    """Return the budget that `text` means: '200' evaluations, or '90s', '10m', '2h'.

    Raises
    ------
    InvalidData
        If it is neither.

    Examples
    --------
    >>> parse_budget("10m")
    Budget(evaluations=None, seconds=600.0)
    """
    found = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*([smh]?)\s*", text.lower())
    if found is None or float(found[1]) <= 0 or (not found[2] and "." in found[1]):
        raise InvalidData(f"budget {text!r}: write a number of evaluations, or a time like 10m")
    if found[2]:
        return Budget(seconds=float(found[1]) * _SECONDS[found[2]])
    return Budget(evaluations=int(found[1]))


def parse_size(text: str) -> int:
    """Return the bytes that `text` means; 1 KB is 1,024 bytes.

    Raises
    ------
    InvalidData
        If it is no positive size.

    Examples
    --------
    >>> parse_size("16KB"), parse_size("1.5 kb"), parse_size("900")
    (16384, 1536, 900)
    """
    found = re.fullmatch(r"\s*(\d{1,12}(?:\.\d{1,6})?)\s*([a-z]*)\s*", text.lower())
    size = int(float(found[1]) * _BYTES[found[2]]) if found and found[2] in _BYTES else 0
    if size < 1:
        raise InvalidData(f"size {text!r}: write bytes, or a size like 16KB or 1MB")
    return size
