"""Workers that raise, die or are killed: the search goes on. So does one that is killed itself."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.nas import toy_process
from tests.nas.toy import FaultyEvaluator, LoggingEvaluator, ToyEvaluator, toy_plan, widths_of
from tinyml_course.nas import crew as crews
from tinyml_course.nas.budget import Budget
from tinyml_course.nas.crew import WORKER_DIED, Crew, attempt
from tinyml_course.nas.evolution import Evolution
from tinyml_course.nas.journal import read_trials
from tinyml_course.nas.search import search

evolve = partial(Evolution, population=10, seed=1)


def answers(result) -> list:
    """Return what a search found, without times."""
    return [(t.hash, t.accuracy, t.fault) for t in result.trials]


class Shuffled(Executor):
    """Runs calls in threads that finish in another order than they were submitted."""

    def submit(self, fn, /, *args, **kwargs):
        """Let every second call wait."""
        future, slow = Future(), self.count % 2
        self.count += 1

        def call():
            time.sleep(0.004 * slow)
            future.set_result(fn(*args, **kwargs))

        threading.Thread(target=call).start()
        return future

    count = 0


def test_results_do_not_depend_on_workers_or_their_order():
    """One worker or four that overtake each other: the same trials in the same order."""
    found = [
        answers(search(toy_plan(evolve), Budget(evaluations=40), Crew(Shuffled(), jobs=jobs)))
        for jobs in (1, 4)
    ]
    assert found[0] == found[1]


def test_a_fault_is_told_with_its_kind_and_message():
    """An exception inside an evaluator becomes a reason, cut to a line's length."""
    spec = toy_plan(evolve).strategy.ask(1)[0]
    first = widths_of(spec)[0]
    outcome = attempt(FaultyEvaluator(raises=(first,)), spec, 0)
    assert f"MemoryError: no room for width {first}" == outcome.reason


@pytest.mark.slow
def test_a_dying_worker_costs_only_its_own_trial():
    """Networks that kill their process are recorded as failed; all others have accuracies."""
    deadly = FaultyEvaluator(dies=(3, 4))
    with Crew(jobs=2) as crew:
        result = search(toy_plan(evolve, deadly), Budget(evaluations=24), crew)
    for trial in result.trials:
        died = widths_of(trial.spec)[0] in deadly.dies
        assert (WORKER_DIED if died else None) == trial.fault
    assert 24 == len(result.trials)
    assert any(trial.fault for trial in result.trials)


@pytest.mark.slow
def test_a_worker_killed_from_outside_costs_nothing(tmp_path):
    """The evaluation under way is repeated, and the result is that of a quiet search."""
    killed = []

    def kill_one(progress):
        if progress.finished == 6:
            newest = max(tmp_path.glob("begun-*"), key=lambda path: path.stat().st_mtime_ns)
            killed.append(int(newest.name.split("-")[3]))
            os.kill(killed[0], signal.SIGKILL)

    evaluator = LoggingEvaluator(folder=str(tmp_path), pause=0.05)
    with Crew(jobs=2) as crew:
        result = search(
            toy_plan(evolve, evaluator), Budget(evaluations=20), crew, on_trial=kill_one
        )
    quiet = search(toy_plan(evolve), Budget(evaluations=20), Crew(Shuffled(), jobs=1))
    assert answers(quiet) == answers(result)
    assert 1 == len(killed)


@pytest.mark.slow
def test_workers_die_with_the_search(tmp_path):
    """After SIGKILL of the search its worker processes end within seconds."""
    parent = toy_process.start(tmp_path, 9, pause=30.0)
    while len(begun := list(tmp_path.glob("begun-*"))) < 2:
        assert parent.poll() is None
        time.sleep(0.05)
    workers = [int(path.name.split("-")[3]) for path in begun]
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, workers))


@pytest.mark.slow
def test_a_search_killed_again_and_again_loses_and_repeats_nothing(tmp_path):
    """After SIGKILL at random moments, what was completed is kept, not run again, and all there."""
    rng, completed = np.random.default_rng(time.time_ns()), dict[str, int]()
    journal = tmp_path / "journal.sqlite3"
    for number in range(4):
        process = toy_process.start(tmp_path, 120, pause=0.02)
        begun = len(list(tmp_path.glob("begun-*")))
        while len(list(tmp_path.glob("begun-*"))) == begun and process.poll() is None:
            time.sleep(0.005)
        time.sleep(rng.uniform(0.08 * number, 0.08 * (number + 1)))
        process.kill()
        process.wait()
        killed_at = time.monotonic_ns()
        for trial in read_trials(journal):
            completed.setdefault(trial.hash, killed_at)
    assert 0 < len(completed)
    assert 0 == toy_process.start(tmp_path, 120, pause=0.0).wait()
    for path in tmp_path.glob("begun-*"):
        _, key, _, _, moment = path.name.split("-")
        assert int(moment) <= completed.get(key, int(moment)), "a completed evaluation ran again"
    quiet = search(toy_plan(toy_process.evolve), Budget(evaluations=120), Crew(Shuffled(), jobs=1))
    found = {trial.hash: trial.accuracy for trial in read_trials(journal)}
    assert {trial.hash: trial.accuracy for trial in quiet.trials} == found
    assert completed.keys() <= found.keys()


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_ends_the_search_and_its_workers_quietly(tmp_path):
    """SIGINT to the whole group: the search ends by itself, without a trace or an orphan."""
    process = toy_process.start(tmp_path, 2000, pause=0.5)
    while len(ended := list(tmp_path.glob("ended-*"))) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, noise = process.communicate(timeout=60)
    assert (130, b"") == (process.returncode, noise)
    assert not any(is_running(int(path.name.split("-")[3])) for path in ended)
    under_way = 2
    assert len(ended) - under_way <= len(read_trials(tmp_path / "journal.sqlite3"))


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_no_more_than_the_jobs_run_at_a_time(tmp_path):
    """With two processes at most two evaluations overlap, and both processes work."""
    with Crew(jobs=2) as crew:
        evaluator = LoggingEvaluator(folder=str(tmp_path), pause=0.1)
        search(toy_plan(evolve, evaluator), Budget(evaluations=16), crew)
    pids = {path.name.split("-")[3] for path in tmp_path.glob("begun-*")}
    assert 2 == len(pids)


@pytest.mark.slow
def test_workers_that_have_grown_are_replaced(tmp_path, monkeypatch):
    """Past the limit of growth a new process takes over, between evaluations: nothing is lost."""
    monkeypatch.setattr(crews, "MOST_GROWTH", -1)
    with Crew(jobs=1) as crew:
        evaluator = LoggingEvaluator(folder=str(tmp_path))
        result = search(toy_plan(evolve, evaluator), Budget(evaluations=3), crew)
    assert 3 == len({path.name.split("-")[3] for path in tmp_path.glob("ended-*")})
    assert [None] * 3 == [trial.fault for trial in result.trials]


def test_jobs_must_be_positive():
    """No workers, no crew."""
    with pytest.raises(ValueError, match="at least 1"):
        Crew(jobs=0)


def test_evaluators_can_be_sent():
    """The toy evaluators, like the real ones, survive pickling."""
    import pickle

    evaluator = ToyEvaluator(fidelity=0.5)
    assert evaluator == pickle.loads(pickle.dumps(evaluator))
