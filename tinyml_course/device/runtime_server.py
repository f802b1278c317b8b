"""The parent's side of the child process: starting it, frames with deadlines, ending it."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections import deque
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from tinyml_course.core.errors import InvalidModel, InvocationTimeout, RuntimeUnavailable
from tinyml_course.device import runtime_child
from tinyml_course.device.runtime_child import HEADER

RuntimeName = Literal["tflm", "litert-reference"]
"""What executes a model: the device's own runtime, or the stand-in that is closest to it."""

MODULES: dict[RuntimeName, str] = {"tflm": "tflite_micro", "litert-reference": "ai_edge_litert"}
START_S = 60.0
"""Longest time that a child may take to import its runtime."""
END_S = 2.0
"""Time for a child to end by itself before it is killed."""


def choose_runtime() -> RuntimeName:
    """Return the runtime to use on this machine: TFLM where it is installed, else LiteRT's.

    Raises
    ------
    RuntimeUnavailable
        If neither is installed.
    """
    for name, module in MODULES.items():
        if find_spec(module) is not None:
            return name
    raise RuntimeUnavailable(
        "neither tflite-micro nor ai-edge-litert is installed; run `pip install ai-edge-litert`"
    )


class RuntimeServer:
    """A child process that loads models, one after the other, each in a process of its own.

    Starting it takes a quarter of a second, loading a model a few milliseconds: whoever runs
    many models keeps one server and passes it to each `DeviceRuntime`.

    Parameters
    ----------
    name : {'tflm', 'litert-reference'}, optional
        The runtime; TFLM where it is installed by default.

    Raises
    ------
    RuntimeUnavailable
        If the runtime is not installed or can't be imported.

    Attributes
    ----------
    name : str
        What executes the models.
    loaded : bool
        Whether a model is loaded and takes batches.
    """

    def __init__(self, name: RuntimeName | None = None) -> None:
        self.name: RuntimeName = name or choose_runtime()
        self._open_child()

    def __enter__(self) -> RuntimeServer:
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
        """Process id of the child, which leads the process group of all that it starts."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether the child can take a model."""
        return self._close.alive

    def restart(self) -> None:
        """Start a new child in place of one that was closed."""
        self.close()
        self._open_child()

    def close(self) -> None:
        """Kill the child and all that it started, and reap it; safe to call again."""
        self.loaded = False
        self._close()

    def send(self, kind: bytes, parts: Iterable[Any]) -> None:
        """Queue one frame; it leaves while `receive` waits."""
        views = [memoryview(part).cast("B") for part in parts]
        header = HEADER.pack(kind, sum(len(view) for view in views))
        self._unsent.extend((memoryview(header), *views))

    def receive(self, *, limit_bytes: int, silence_s: float) -> tuple[bytes, bytes]:
        """Return kind and payload of the next frame.

        Parameters
        ----------
        limit_bytes : int
            Largest payload that makes sense here; a hostile model could announce any.
        silence_s : float
            Longest time without a byte going either way.

        Raises
        ------
        InvocationTimeout
            If the child was silent for too long; it is killed.
        InvalidModel
            If the child ended or sent nonsense; it is killed.
        """
        try:
            header = self._read(HEADER.size, silence_s)
            kind, size = HEADER.unpack(header)
            if size > limit_bytes:
                raise InvalidModel(
                    f"the runtime answered {size:,} B where at most {limit_bytes:,} B make sense: "
                    "the model overwrote its memory; convert it again"
                )
            return kind, bytes(self._read(size, silence_s))
        except BaseException:  # an interrupt too: the stream is out of step from here on
            self.close()
            raise

    def _open_child(self) -> None:
        self._unsent: deque[memoryview] = deque()
        self.loaded = False
        with tempfile.TemporaryFile() as log:
            self._child = subprocess.Popen(
                [sys.executable, "-P", str(Path(runtime_child.__file__)), self.name],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
            )
        self._selector = selectors.DefaultSelector()
        self._close = weakref.finalize(self, _end, self._child, self._selector)
        self._to_child, self._from_child = (
            pipe.fileno() for pipe in (self._child.stdin, self._child.stdout) if pipe is not None
        )
        os.set_blocking(self._to_child, False)
        os.set_blocking(self._from_child, False)
        self._selector.register(self._from_child, selectors.EVENT_READ)
        try:
            self.receive(limit_bytes=0, silence_s=START_S)
        except (InvalidModel, InvocationTimeout):
            raise RuntimeUnavailable(
                f"the runtime {self.name!r} could not start; "
                f"check `{sys.executable} -c 'import {MODULES[self.name]}'`"
            ) from None

    def _read(self, size: int, silence_s: float) -> bytearray:
        """Read `size` bytes, writing what is queued meanwhile."""
        data = bytearray(size)
        rest = memoryview(data)
        deadline = time.monotonic() + silence_s
        writing = False
        while len(rest):
            if writing != bool(self._unsent):
                writing = self._watch_writable(bool(self._unsent))
            events = self._selector.select(max(0.0, deadline - time.monotonic()))
            if not events:
                raise InvocationTimeout(
                    f"the runtime did not answer within {silence_s:g} s; "
                    "raise timeout_s if the model is that slow, else convert it again"
                )
            for key, _ in events:
                if key.fd == self._to_child:
                    self._write_some()
                else:
                    count = os.readv(self._from_child, [rest])
                    if count == 0:
                        self.close()
                        how = describe_status(self._child.returncode)
                        raise InvalidModel(f"the runtime's process ended ({how}); convert again")
                    rest = rest[count:]
            deadline = time.monotonic() + silence_s
        if writing:
            self._watch_writable(False)
        return data

    def _watch_writable(self, wanted: bool) -> bool:
        if wanted:
            self._selector.register(self._to_child, selectors.EVENT_WRITE)
        else:
            self._selector.unregister(self._to_child)
        return wanted

    def _write_some(self) -> None:
        view = self._unsent.popleft()
        try:
            count = os.write(self._to_child, view)
        except BrokenPipeError:  # the child is gone; the reader finds out how it ended
            self._unsent.clear()
            return
        if count < len(view):
            self._unsent.appendleft(view[count:])


def describe_status(code: int) -> str:
    """Return how a process ended, from its return code (negative: a signal).

    Examples
    --------
    >>> describe_status(-11), describe_status(3)
    ('SIGSEGV', 'exit status 3')
    """
    if code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
        return f"signal {-code}"
    return f"exit status {code}"


def _end(child: subprocess.Popen[bytes], selector: selectors.BaseSelector) -> None:
    """End the child's process group and reap the child, which reaps its own.

    The server ignores SIGTERM, the model's process does not: so the server lives until it has
    reaped the model's process, and finds its stream closed.
    """
    selector.close()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
    for number in (signal.SIGTERM, signal.SIGCONT):
        _signal_group(child, number)
    try:
        child.wait(END_S)
    except subprocess.TimeoutExpired:
        _signal_group(child, signal.SIGKILL)
        child.wait()


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if child.returncode is None:  # not reaped, so the group's number can't be another's
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
