"""A limit of time for code that runs in this very process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

AGAIN_S = 0.5
"""Time between two interruptions, for code that swallows the first one."""


class OutOfTime(BaseException):
    """The limit has passed; no `Exception`, so that a careless handler does not swallow it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` in the block once it has run for `seconds` of wall time.

    It interrupts Python code; a single call into native code runs to its end first. Where the
    system has no timer signal, or outside the main thread, there is no limit.

    Parameters
    ----------
    seconds : float
        Wall time, positive.

    Raises
    ------
    OutOfTime
        In the block.
    ValueError
        If `seconds` is not positive.
    """
    if seconds <= 0:
        raise ValueError(f"a time limit must be positive, got {seconds} s")
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return

    def interrupt(*_: Any) -> None:
        raise OutOfTime(f"it did not finish within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
