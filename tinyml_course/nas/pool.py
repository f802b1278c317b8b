"""Executors on this machine: processes that end with the search, or none at all."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from tqdm import tqdm


class SerialExecutor(Executor):
    """An executor that runs each call at once, in this process: for evaluators that are quick."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run the call and return its finished future."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as fault:
            future.set_exception(fault)
        return future


class LocalPool:
    """Processes that end with this one, whatever ends it: they read from a pipe that it holds.

    Parameters
    ----------
    jobs : int
        Processes.
    """

    def __init__(self, jobs: int) -> None:
        context = get_context("spawn")
        reader, self._writer = context.Pipe(duplex=False)
        self._reader = reader
        self.executor = ProcessPoolExecutor(
            jobs, mp_context=context, initializer=_begin_worker, initargs=(reader,)
        )

    def close(self, *, at_once: bool) -> None:
        """End the processes, `at_once` or when they have done what was submitted."""
        if at_once:
            self._writer.close()
        self.executor.shutdown(wait=True, cancel_futures=at_once)
        self._writer.close()
        self._reader.close()


def _begin_worker(alive: Connection) -> None:
    """Prepare a worker: one thread, deaf to Ctrl-C, which the search answers; mortal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[name] = "1"
    tqdm.set_lock(threading.RLock())  # its own is a semaphore that would outlive a killed worker
    threading.Thread(target=_die_with, args=(alive,), daemon=True).start()


def _die_with(alive: Connection) -> None:
    """End this process when the other end of the pipe is closed."""
    try:
        alive.poll(None)
    finally:
        os._exit(1)


def peak_memory() -> int:
    """Return the most bytes that this process has held so far; 0 where no one counts them."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
