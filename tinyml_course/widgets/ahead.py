"""Work done beforehand, while the kernel has nothing else to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyml_course.widgets.experiment import Control

PAUSE_S = 0.05
"""Between two pieces of work the kernel answers whoever asks for something."""

MOST = 24
"""Pieces of work after one move of a control."""


def nearby(
    controls: tuple[Control, ...], now: dict[str, Any], *, moved: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield the states that differ from `now` in one control, the likeliest first.

    Parameters
    ----------
    controls : tuple of Control
        The knobs of an experiment.
    now : dict
        Their values.
    moved : str
        Name of the control that was moved last: it is taken to move on.

    Examples
    --------
    >>> from tinyml_course.widgets.experiment import Control
    >>> bits = Control(name="bits", label="bits", values=(2, 4, 8), default=2)
    >>> [state["bits"] for state in nearby((bits,), {"bits": 2})]
    [4, 8]
    """
    steps = []
    for control in controls:
        here = control.values.index(now[control.name])
        for place, value in enumerate(control.values):
            if place != here:
                steps.append((abs(place - here), control.name != moved, control.name, value))
    for _, _, name, value in sorted(steps, key=lambda step: step[:2]):
        yield {**now, name: value}


class Ahead:
    """Does work piece by piece in the pauses of an event loop; without a loop, none.

    Parameters
    ----------
    work : callable
        Called with one piece at a time; it remembers its results itself.
    """

    def __init__(self, work: Callable[[Any], Any]) -> None:
        self._work = work
        self._timer: asyncio.TimerHandle | None = None

    def plan(self, pieces: Iterable[Any]) -> None:
        """Forget what was planned, and do up to `MOST` of `pieces` in their order."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        left = iter(list(pieces)[:MOST])

        def do_next() -> None:
            piece = next(left, None)
            if piece is not None:
                self._work(piece)
                self._timer = loop.call_later(PAUSE_S, do_next)

        self._timer = loop.call_later(PAUSE_S, do_next)
