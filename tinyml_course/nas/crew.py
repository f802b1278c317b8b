"""Workers for evaluations: any executor, whatever happens to its processes."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinyml_course.core.errors import CourseError
from tinyml_course.nas.evaluate import Evaluator
from tinyml_course.nas.pool import LocalPool, SerialExecutor, peak_memory
from tinyml_course.nas.trial import Failure, Outcome, Trial

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec

_ONE_AT_A_TIME = threading.Lock()
"""TensorFlow's seed is the process's; a cluster's worker may run several threads."""

LONGEST_FAULT = 300
CONNECT_SECONDS = 10.0
"""How long a cluster's scheduler may take to answer."""
WORKER_DIED = "its worker process died, alone with it: killed, crashed or out of memory"


MOST_GROWTH = 1 << 30
"""Bytes that a worker may grow by before it is replaced: TensorFlow 2.21 keeps the graphs of every
training that a process has run, 10 MB each."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker hands back: the outcome, and how large its process has been."""

    outcome: Outcome
    pid: int
    peak_bytes: int


def work(evaluator: Evaluator, spec: ArchSpec, seed: int) -> Report:
    """Return what `attempt` returns, signed by this process."""
    return Report(attempt(evaluator, spec, seed), os.getpid(), peak_memory())


def attempt(evaluator: Evaluator, spec: ArchSpec, seed: int) -> Outcome:
    """Return what `evaluator` says about `spec`; a fault of its own is an outcome too."""
    with _ONE_AT_A_TIME:
        began = time.perf_counter()
        try:
            found = evaluator(spec, seed)
        except Exception as fault:  # whatever a network or an evaluator does, the search goes on
            reason = f"{type(fault).__name__}: {fault}"[:LONGEST_FAULT]
            return Failure(reason, time.perf_counter() - began)
    if not (math.isfinite(found.accuracy) and 0 <= found.accuracy <= 1):
        return Failure(f"accuracy {found.accuracy} is not in [0, 1]", found.seconds)
    return found


class Crew:
    """The workers of a search; a context manager.

    By default local processes, each with one thread; a pool that breaks, because a process was
    killed or ran out of memory, is made anew, and each evaluation that was under way is
    tried once more, alone, so that only the guilty one fails.

    Parameters
    ----------
    executor : Executor, optional
        Runs the evaluations elsewhere; it stays open.
    width : callable, optional
        () -> int, evaluations under way at a time; one per local process by default.
    jobs : int, optional
        Local processes; one a core by default.

    Raises
    ------
    ValueError
        If `jobs` is not positive.
    """

    def __init__(
        self,
        executor: Executor | None = None,
        *,
        width: Callable[[], int] | None = None,
        jobs: int | None = None,
    ) -> None:
        if jobs is not None and jobs < 1:
            raise ValueError(f"jobs must be at least 1, got {jobs}")
        self._given = executor
        self._jobs = jobs or os.cpu_count() or 1
        self._width = width or (lambda: self._jobs)
        self._pool: LocalPool | None = None
        self._first_peak: dict[int, int] = {}
        self._worn = False

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(at_once=kind is not None)

    def close(self, *, at_once: bool = False) -> None:
        """End the local processes, `at_once` or when they have finished."""
        if self._pool is not None:
            self._pool.close(at_once=at_once)
        self._pool, self._first_peak, self._worn = None, {}, False

    def run(
        self,
        evaluator: Evaluator,
        trials: Iterable[Trial],
        *,
        on_start: Callable[[Trial], None],
        may_start: Callable[[], bool],
    ) -> Iterator[tuple[Trial, Outcome]]:
        """Yield each trial with its outcome as it comes.

        Parameters
        ----------
        evaluator : Evaluator
            Sent to the workers with each network.
        trials : iterable of Trial
            Their networks and seeds are evaluated.
        on_start : callable
            Told of each trial before it is handed to a worker.
        may_start : callable
            Asked before each; once it says no, what is under way is finished and no more.
        """
        waiting, under_way = iter(trials), dict[Future[Any], Trial]()
        try:
            while True:
                lost = self._fill(evaluator, waiting, under_way, on_start, may_start)
                if not under_way and not lost:
                    return
                done = wait(under_way, return_when=FIRST_COMPLETED).done if under_way else ()
                for future in done:
                    trial = under_way.pop(future)
                    if self._was_lost(future):
                        lost.append(trial)
                    else:
                        yield trial, self._receive(future)
                if lost:
                    lost += under_way.values()
                    under_way.clear()
                    yield from self._try_alone(evaluator, lost)
        finally:
            for future in under_way:
                future.cancel()

    def _fill(
        self,
        evaluator: Evaluator,
        waiting: Iterator[Trial],
        under_way: dict[Future[Any], Trial],
        on_start: Callable[[Trial], None],
        may_start: Callable[[], bool],
    ) -> list[Trial]:
        """Hand out trials until all workers are busy; return those that met a broken pool."""
        if self._worn:
            if under_way:
                return []
            self.close()
        while len(under_way) < max(1, self._width()) and may_start():
            trial = next(waiting, None)
            if trial is None:
                break
            on_start(trial)
            try:
                under_way[self._executor().submit(work, evaluator, trial.spec, trial.seed)] = trial
            except BrokenExecutor:
                if self._given is not None:
                    raise
                return [trial]
        return []

    def _was_lost(self, future: Future[Any]) -> bool:
        """Whether a local pool broke under `future`."""
        if self._given is not None or future.cancelled():
            return False
        return isinstance(future.exception(), BrokenExecutor)

    def _try_alone(
        self, evaluator: Evaluator, trials: list[Trial]
    ) -> Iterator[tuple[Trial, Outcome]]:
        """Yield the outcome of trials whose pool broke, each in a process of its own."""
        self.close(at_once=True)
        for trial in trials:
            pool = LocalPool(1)
            try:
                future = pool.executor.submit(work, evaluator, trial.spec, trial.seed)
                lost = self._was_lost(future)
                yield trial, Failure(WORKER_DIED) if lost else self._receive(future)
            finally:
                pool.close(at_once=True)

    def _receive(self, future: Future[Report]) -> Outcome:
        """Return the outcome of a finished future; a cluster's fault is one too."""
        try:
            report = future.result()
        except CancelledError:
            raise CourseError("the executor cancelled an evaluation; search again") from None
        except BrokenExecutor:
            raise
        except Exception as fault:  # such as Dask's KilledWorker, after several workers have died
            return Failure(f"{type(fault).__name__}: {fault}"[:LONGEST_FAULT])
        if self._given is None:
            first = self._first_peak.setdefault(report.pid, report.peak_bytes)
            self._worn = self._worn or report.peak_bytes - first > MOST_GROWTH
        return report.outcome

    def _executor(self) -> Executor:
        if self._given is not None:
            return self._given
        if self._pool is None:
            self._pool = LocalPool(self._jobs)
        return self._pool.executor


@contextmanager
def connect_crew(
    address: str | None, *, jobs: int | None = None, in_process: bool = False
) -> Iterator[Crew]:
    """Yield a crew on the Dask cluster at `address`, or of local workers where it is None.

    Parameters
    ----------
    address : str or None
        Of the scheduler.
    jobs : int, optional
        Local processes; one a core by default.
    in_process : bool, default False
        Without an address, evaluate in this process.

    Raises
    ------
    CourseError
        If Dask is not installed, or nothing answers at the address.
    """
    if address is None:
        with Crew(SerialExecutor(), jobs=1) if in_process else Crew(jobs=jobs) as crew:
            yield crew
        return
    try:
        from distributed import Client
    except ImportError:
        raise CourseError(
            "--executor needs Dask: pip install 'tinyml-course[cluster]' in the course's .venv"
        ) from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as fault:
        raise CourseError(
            f"no Dask scheduler at {address} ({fault}); start one with `dask scheduler`, or leave "
            "out --executor"
        ) from None
    with client, Crew(client.get_executor(), width=lambda: sum(client.nthreads().values())) as crew:
        yield crew
