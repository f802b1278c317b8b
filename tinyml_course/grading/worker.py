"""The warm server: imports once, then forks one locked-in process for each task judged.

Three processes take part. The server forks a guardian; the guardian takes new process ids, forks
the learner's process, watches the clock and the judge's word, and kills whatever is left. With
process ids of its own, the learner's process is the first of them: when it ends, the system kills
all that it started. Elsewhere the guardian adopts orphans and hunts them down.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from tinyml_course.grading import jail, kernel
from tinyml_course.grading.channel import LINE_CLOSED, READY, Channel
from tinyml_course.grading.task import Limits

Serve = Callable[[Channel], None]
AVAILABLE = (
    "core.arch", "core.boards", "core.errors", "core.graph", "core.statistics", "core.types",
    "cost.energy", "cost.estimate", "cost.floats", "cost.graph", "cost.layers", "cost.liveness",
    "cost.roofline", "device.arena", "nas.family", "nas.pareto", "quantization.affine",
    "quantization.error_growth", "quantization.formats", "quantization.ste",
)  # fmt: skip
"""Modules of the course that learners' code may use; their files are out of its sight."""
STANDARD = ("collections", "copy", "fractions", "functools", "heapq", "itertools", "random")
MESSAGE_BYTES = 4096
GRACE_S = 1.0
"""How much longer than the judge the guardian waits, so that the judge's word comes first."""
CLOSING_S = 0.2
"""How long a process that closed its line may take to end, so that its status can be read."""


def main(fd: int, staging: str, root: str, *, namespaces: bool, kind: str) -> None:
    """Serve requests on the inherited socket `fd` until it closes.

    Parameters
    ----------
    fd : int
        One end of a pair of sockets that keep messages apart.
    staging : str
        An empty folder to build the new root on.
    root : str
        Folder that holds the package.
    namespaces : bool
        Try to get namespaces.
    kind : {'learner', 'board'}
        What the processes do.
    """
    judge = socket.socket(fileno=fd)
    serve, packages = _load_board(root) if kind == "board" else _load_learner(root)
    place = jail.enter(staging, packages, namespaces=namespaces, trusted=kind == "board")
    gc.freeze()
    judge.send(READY)
    while True:
        request, descriptors, _, _ = socket.recv_fds(judge, MESSAGE_BYTES, 1)
        if not request:
            return
        limits = Limits(**json.loads(request))
        guardian = os.fork()
        if guardian == 0:
            _guard(judge, descriptors[0], place, limits, serve)
        os.close(descriptors[0])
        os.waitpid(guardian, 0)


def _load_learner(root: str) -> tuple[Serve, tuple[Path, ...]]:
    """Import what learners' code may use, and return what serves it and what it must see."""
    from tinyml_course.grading import learner

    for name in (*STANDARD, *(f"tinyml_course.{name}" for name in AVAILABLE)):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    sys.argv[:], sys.path[:] = [""], [path for path in sys.path if path != root]
    numpy = Path(sys.modules["numpy"].__file__ or "").parent
    return learner.serve, (numpy, numpy.with_name("numpy.libs"))


def _load_board(root: str) -> tuple[Serve, tuple[Path, ...]]:
    """Import the emulator; the runtime that it starts needs the interpreter and its packages."""
    from tinyml_course.grading import board

    specs = map(find_spec, ("numpy", "tflite", "tflite_micro", "ai_edge_litert"))
    origins = [Path(spec.origin) for spec in specs if spec is not None and spec.origin]
    packages = {str(origin.parent.parent) for origin in origins}
    os.environ["PYTHONPATH"] = os.pathsep.join(sorted(packages))  # of the runtime's own process
    places = packages | {sys.prefix, sys.base_prefix, f"{root}/tinyml_course"}
    return board.serve, tuple(map(Path, sorted(places)))


def _guard(
    judge: socket.socket, line: int, place: jail.Jail, limits: Limits, serve: Serve
) -> NoReturn:
    """Fork the learner's process, end it in time, and report how it ended."""
    try:
        _die_with_parent()
        if place.namespaces:
            kernel.unshare(kernel.NEWPID | kernel.NEWNS)
        else:
            with contextlib.suppress(OSError):
                kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        number = os.getpid()
        child = os.fork()
        if child == 0:
            _live(judge, line, place, limits, serve, number=number)
        os.close(line)
        report = _watch(judge, child, limits)
        _reap_orphans()
        judge.send(json.dumps(report).encode())
    finally:
        os._exit(0)


def _live(
    judge: socket.socket, line: int, place: jail.Jail, limits: Limits, serve: Serve, *, number: int
) -> NoReturn:
    """Be the locked-in process."""
    try:
        judge.close()
        os.setsid()
        protections = jail.lock_in(place, limits, number=number)
        _die_with_parent()
        _mute()
        os.dup2(line, 3)
        os.closerange(4, 2**16)
        channel = Channel(socket.socket(fileno=3))
        channel.send(["locked in", list(protections)])
        with contextlib.suppress(EOFError, OSError):
            serve(channel)
    finally:
        os._exit(0)


def _die_with_parent() -> None:
    with contextlib.suppress(OSError):
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)


def _mute() -> None:
    """Send what the learner's code prints to a file in the scratch folder, whose size is limited.

    Where there is no scratch folder of its own, it goes nowhere.
    """
    try:
        output = os.open("printed", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o600)
    except OSError:
        output = os.open(os.devnull, os.O_WRONLY)
    silence = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((silence, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(output)
    os.close(silence)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115


def _watch(judge: socket.socket, child: int, limits: Limits) -> dict[str, Any]:
    """Wait until the child ends, the judge says so or the time is over; return how it ended."""
    ended = os.pidfd_open(child)
    end = time.monotonic() + limits.wall_s + GRACE_S
    ready = _wait((ended, judge.fileno()), end)
    word = judge.recv(1) if judge.fileno() in ready else b""
    if word == LINE_CLOSED:
        ready = _wait((ended,), time.monotonic() + CLOSING_S)
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    if not word:
        judge.recv(1)  # the judge's word comes exactly once
    return {
        "late": not ready and not word,
        "status": os.waitstatus_to_exitcode(status) if ended in ready else None,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * 1024,
    }


def _wait(descriptors: tuple[int, ...], end: float) -> set[int]:
    """Return those of `descriptors` that are readable once one is, or none at the time `end`."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    left = max(0.0, end - time.monotonic())
    return {descriptor for descriptor, _ in poll.poll(left * 1000)}


def _reap_orphans() -> None:
    """Kill and reap what the child left behind; without its own process ids it may have."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    end = time.monotonic() + GRACE_S
    while time.monotonic() < end:
        try:
            left = [int(pid) for pid in children.read_text().split()]
        except OSError:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
