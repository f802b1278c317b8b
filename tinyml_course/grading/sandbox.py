"""The judge's side of the sandbox: a warm server, and one session a task."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from tinyml_course.core.errors import CourseError
from tinyml_course.grading.channel import END, LINE_CLOSED, Channel
from tinyml_course.grading.evaluate import Answer
from tinyml_course.grading.task import Limits
from tinyml_course.grading.verdict import NOT_ATTEMPTED
from tinyml_course.grading.wire import Garbled

Kind = Literal["learner", "board"]

START_S = 30.0
END_S = 10.0
TRIES = 3
"""Longest times for the server to import its packages, and for a session to be cleared away."""

_PACKAGE_ROOT = Path(__file__).resolve().parent.parent.parent
_START = """import sys
sys.path.insert(0, {root!r})
from tinyml_course.grading.worker import main
main({fd}, {staging!r}, {root!r}, namespaces={namespaces}, kind={kind!r})
"""


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


class Sandbox:
    """A server with NumPy and the course's small modules loaded, which forks locked-in processes.

    Starting it takes a third of a second, a session some ten milliseconds. One session at a time;
    for parallel work use several.

    Parameters
    ----------
    namespaces : bool, default True
        Use Linux namespaces where they are allowed; the other walls stand without them.
    kind : {'learner', 'board'}
        What its processes do: load learners' cells, or run handed-in models.

    Raises
    ------
    SandboxUnavailable
        If the system lacks what it takes, or the server can't start.

    Attributes
    ----------
    protections : tuple of str
        What was on in the latest session; empty before the first.
    """

    def __init__(self, *, namespaces: bool = True, kind: Kind = "learner") -> None:
        if not hasattr(os, "pidfd_open"):
            raise SandboxUnavailable(
                "judging needs Linux 5.4 or newer; elsewhere use the Check button, "
                "which runs your own code in your own notebook"
            )
        self.protections: tuple[str, ...] = ()
        self._namespaces = namespaces
        self._kind = kind
        self._board: Sandbox | None = None
        self._start()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Process id of the server, which leads its process group."""
        return self._server.pid

    def session(self, limits: Limits) -> Session:
        """Return a session, a context manager: entering it starts a locked-in process."""
        return Session(self, limits)

    def board(self) -> Sandbox:
        """Return the sandbox for handed-in models, started when it is first asked for."""
        if self._board is None:
            self._board = Sandbox(namespaces=self._namespaces, kind="board")
        return self._board

    def close(self) -> None:
        """End the server and all that it started; safe to call again."""
        if self._board is not None:
            self._board.close()
            self._board = None
        self._line.close()
        try:
            self._server.wait(END_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
        self._staging.cleanup()

    def _start(self) -> None:
        self._staging = tempfile.TemporaryDirectory(prefix="tinyml-judge-")
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        start = _START.format(
            root=str(_PACKAGE_ROOT),
            fd=theirs.fileno(),
            staging=self._staging.name,
            namespaces=self._namespaces,
            kind=self._kind,
        )
        self._server = subprocess.Popen(
            [sys.executable, "-I", "-c", start],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(theirs.fileno(),),
            env={"PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            cwd="/",
            start_new_session=True,
        )
        theirs.close()
        self._line.settimeout(START_S)
        try:
            ready = self._line.recv(16)
        except (TimeoutError, OSError):
            ready = b""
        if ready != b"ready":
            self._server.kill()
            said = self._server.communicate()[1].decode(errors="replace")
            self.close()
            raise SandboxUnavailable(f"the judge's server could not start: {said[-500:]}")

    def _open(self, limits: Limits) -> socket.socket:
        """Ask the server for a learner's process; return the line to it.

        No code of a learner's has run yet, so that a failure here is the machine's, not theirs.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            request = json.dumps(asdict(limits)).encode()
            socket.send_fds(self._line, [request], [theirs.fileno()])
        return ours

    def _restart(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._server.pid, signal.SIGKILL)
        self.close()
        self._start()

    def _end_session(self, word: bytes) -> dict[str, Any]:
        """End the learner's process and return the guardian's report on it."""
        try:
            self._line.settimeout(END_S)
            self._line.send(word)
            return dict(json.loads(self._line.recv(4096)))
        except (TimeoutError, OSError, ValueError):
            self._restart()
            return {"status": None, "cpu_s": 0.0, "peak_bytes": 0}


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
                line = self.sandbox._open(self.limits)
                self._channel = Channel(line, deadline=time.monotonic() + START_S)
                kind, protections = self._channel.receive()
            except (OSError, EOFError):
                self.sandbox._restart()
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
        if late:
            why = f"it took longer than {self.limits.wall_s:g} s"
        report = self._finish(END if why else LINE_CLOSED)
        why = why or _describe_end(report["status"], report["cpu_s"], self.limits)
        return ProcessEnded(f"the code was stopped: {why}")

    def _finish(self, word: bytes = END) -> dict[str, Any]:
        if self._report is None:
            self._report = self.sandbox._end_session(word)
            self._channel.close()
        return self._report


def _describe_end(status: int | None, cpu_s: float, limits: Limits) -> str:
    """Return why a process ended that nobody asked to end."""
    if status == -signal.SIGKILL and cpu_s >= 0.9 * limits.cpu_s:
        return f"it used more than {limits.cpu_s} s of processor time"
    if status is not None and status < 0:
        with contextlib.suppress(ValueError):
            return f"it crashed ({signal.Signals(-status).name})"
        return f"it crashed (signal {-status})"
    if status is not None:
        return f"it ended by itself (exit status {status})"
    return "it closed its line to the judge"
