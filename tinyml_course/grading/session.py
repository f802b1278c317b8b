"""One learner's process, seen from the judge: load cells, call the function, learn how it ended."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tinyml_course.core.errors import CourseError
from tinyml_course.grading.channel import END, LINE_CLOSED, Channel
from tinyml_course.grading.evaluate import Answer
from tinyml_course.grading.task import Limits
from tinyml_course.grading.verdict import NOT_ATTEMPTED
from tinyml_course.grading.wire import Garbled

if TYPE_CHECKING:
    from tinyml_course.grading.sandbox import Sandbox

START_S = 30.0
"""Longest time for a process to be locked in, on a busy machine."""
TRIES = 3
CPU_SHARE = 0.5
"""A killed process had at least this share of its limit if it was the limit that killed it; the
system's two clocks differ on a busy machine."""


class SandboxUnavailable(CourseError):
    """No way to run learners' code apart from the judge on this machine."""


class ProcessEnded(Exception):
    """The learner's process is gone; the message says why, in words for the learner."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a session loads.

    Attributes
    ----------
    function : str
        Name of the learner's function.
    cells : sequence of (id, source)
        In order; each one's failure stays its own.
    setup : sequence of str
        Sources whose imports and assignments run first; an import that fails leaves
        placeholders.
    withheld : sequence of str
        Modules of the course to take away.
    """

    function: str
    cells: Sequence[tuple[str, str]]
    setup: Sequence[str] = ()
    withheld: Sequence[str] = ()


@dataclass(slots=True)
class Session:
    """One learner's process: load cells once, call the function as often as needed."""

    sandbox: Sandbox
    limits: Limits
    _channel: Channel = field(init=False)
    _report: dict[str, Any] | None = field(init=False, default=None)
    cell: str = field(init=False, default="")
    """The cell that was running last, which is to blame if the process ended while loading."""

    def __enter__(self) -> Session:
        for _ in range(TRIES):
            try:
                line = self.sandbox.open_line(self.limits)
            except OSError:
                self.sandbox.restart()
                continue
            self._channel = Channel(line, deadline=time.monotonic() + START_S)
            try:
                kind, protections = self._channel.receive()
            except (OSError, EOFError):
                self._channel.close()
                self.sandbox.restart()
                continue
            if kind == "locked in":
                self.sandbox.protections = tuple(protections)
                self._channel.set_deadline(time.monotonic() + self.limits.wall_s)
                return self
        raise SandboxUnavailable("no process for learners' code could be locked in; try again")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._finish()

    def load(self, order: Order) -> dict[str, str]:
        """Load the cells and return the fault of each one, empty where there is none.

        Raises
        ------
        ProcessEnded
            If the process did not survive it; `cell` names the one that was running.
        """
        self._send(
            {
                "function": order.function,
                "cells": list(order.cells),
                "setup": list(order.setup),
                "withheld": list(order.withheld),
            }
        )
        known = {cell for cell, _ in order.cells}
        while True:
            kind, value = self._receive()
            if kind == "loaded" and type(value) is dict:
                return {cell: str(value.get(cell, "")) for cell in known}
            if kind != "cell" or value not in known:
                raise self._ended("it said something that makes no sense")
            self.cell = value

    def call(self, args: tuple[Any, ...]) -> Answer:
        """Return what the function gives for `args`.

        Raises
        ------
        ProcessEnded
            If the process did not survive it.
        """
        self._send(args)
        kind, value = self._receive()
        if kind == "value":
            return Answer(value)
        if kind == "stub":
            return Answer(fault=NOT_ATTEMPTED)
        if kind == "raised" and type(value) is str and value:
            return Answer(fault=value)
        raise self._ended("it said something that makes no sense")

    def _send(self, value: Any) -> None:
        try:
            self._channel.send(value)
        except (OSError, EOFError) as error:
            raise self._ended("", late=isinstance(error, TimeoutError)) from None

    def _receive(self) -> tuple[str, Any]:
        try:
            message = self._channel.receive()
        except Garbled as fault:
            raise self._ended(f"it handed over no plain data: {fault}") from None
        except (OSError, EOFError) as error:
            raise self._ended("", late=isinstance(error, TimeoutError)) from None
        if type(message) is not list or len(message) != 2 or type(message[0]) is not str:
            raise self._ended("it said something that makes no sense")
        return message[0], message[1]

    def _ended(self, why: str, *, late: bool = False) -> ProcessEnded:
        """End the process and return the reason, in words for the learner."""
        report = self._finish(END if why or late else LINE_CLOSED)
        if late or report["late"]:
            why = f"it took longer than {self.limits.wall_s:g} s"
        why = why or _describe_end(report["status"], report["cpu_s"], self.limits)
        return ProcessEnded(f"the code was stopped: {why}")

    def _finish(self, word: bytes = END) -> dict[str, Any]:
        if self._report is None:
            self._report = self.sandbox.end_session(word)
            self._channel.close()
        return self._report


def _describe_end(status: int | None, cpu_s: float, limits: Limits) -> str:
    """Return why a process ended that nobody asked to end."""
    if status == -signal.SIGKILL and cpu_s >= CPU_SHARE * limits.cpu_s:
        return f"it used more than {limits.cpu_s} s of processor time"
    if status is not None and status < 0:
        with contextlib.suppress(ValueError):
            return f"it crashed ({signal.Signals(-status).name})"
        return f"it crashed (signal {-status})"
    if status is not None:
        return f"it ended by itself (exit status {status})"
    return "it closed its line to the judge"
