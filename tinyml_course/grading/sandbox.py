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
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from tinyml_course.grading.channel import READY
from tinyml_course.grading.session import SandboxUnavailable, Session
from tinyml_course.grading.task import Limits

Kind = Literal["learner", "board"]

START_S = 30.0
END_S = 10.0
"""Longest times for the server to import its packages, and for a session to be cleared away."""

_PACKAGE_ROOT = Path(__file__).resolve().parent.parent.parent
_START = """import sys
sys.path[:] = {path!r}
from tinyml_course.grading.worker import main
main({fd}, {staging!r}, {root!r}, namespaces={namespaces}, kind={kind!r})
"""


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
            self._kill()
            self._server.wait()
        self._staging.cleanup()

    def _kill(self) -> None:
        if self._server.poll() is None:  # not reaped, so the group's number can't be another's
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)

    def _start(self) -> None:
        self._staging = tempfile.TemporaryDirectory(prefix="tinyml-judge-")
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        start = _START.format(
            path=[str(_PACKAGE_ROOT), *filter(os.path.isabs, sys.path)],
            root=str(_PACKAGE_ROOT),
            fd=theirs.fileno(),
            staging=self._staging.name,
            namespaces=self._namespaces,
            kind=self._kind,
        )
        with theirs, tempfile.TemporaryFile() as log:
            self._server = subprocess.Popen(
                [sys.executable, "-I", "-c", start],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=(theirs.fileno(),),
                env={"PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                cwd="/",
                start_new_session=True,
            )
            theirs.close()
            if not self._is_ready():
                self._kill()
                self.close()
                log.seek(0)
                said = log.read().decode(errors="replace")[-500:]
                raise SandboxUnavailable(f"the judge's server could not start: {said}")

    def _is_ready(self) -> bool:
        """Wait until the server has imported its packages; False if it ends or takes too long."""
        self._line.settimeout(START_S)
        try:
            return self._line.recv(16) == READY
        except OSError:
            return False

    def open_line(self, limits: Limits) -> socket.socket:
        """Ask the server for a learner's process; return the line to it.

        No code of a learner's has run yet, so that a failure here is the machine's, not theirs.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            request = json.dumps(asdict(limits)).encode()
            try:
                socket.send_fds(self._line, [request], [theirs.fileno()])
            except OSError:
                ours.close()
                raise
        return ours

    def restart(self) -> None:
        """End the server, whatever it does, and start another one."""
        self._kill()
        self.close()
        self._start()

    def end_session(self, word: bytes) -> dict[str, Any]:
        """End the learner's process and return the guardian's report on it."""
        try:
            self._line.settimeout(END_S)
            self._line.send(word)
            return dict(json.loads(self._line.recv(4096)))
        except (TimeoutError, OSError, ValueError):
            self.restart()
            return {"late": False, "status": None, "cpu_s": 0.0, "peak_bytes": 0}
