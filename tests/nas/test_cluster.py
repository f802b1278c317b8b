"""A search on a Dask cluster, whose workers may be lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from tests.nas.toy import LoggingEvaluator, toy_plan
from tests.nas.toy_process import ROOT, evolve
from tinyml_course.core.errors import CourseError
from tinyml_course.nas import crew
from tinyml_course.nas.budget import Budget
from tinyml_course.nas.crew import Crew, connect_crew
from tinyml_course.nas.pool import SerialExecutor
from tinyml_course.nas.search import search

pytestmark = pytest.mark.slow


def dask(*words: str) -> subprocess.Popen[bytes]:
    """Start a command of Dask's, quietly."""
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]], cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def cluster(tmp_path):
    """A scheduler on loopback and two workers with one thread each; address and workers."""
    where = tmp_path / "scheduler.json"
    scheduler = dask(
        "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
        "--scheduler-file", str(where),
    )  # fmt: skip
    while not (where.exists() and where.read_text()):
        assert scheduler.poll() is None
        time.sleep(0.05)
    options = ("--scheduler-file", str(where), "--nthreads", "1", "--no-nanny", "--no-dashboard")
    workers = [dask("dask_worker", *options, "--host", "127.0.0.1") for _ in range(2)]
    yield json.loads(where.read_text())["address"], workers
    for process in (*workers, scheduler):
        process.kill()
        process.wait()


def test_a_search_survives_the_loss_of_a_cluster_s_worker(cluster, tmp_path):
    """Of two workers one is killed half-way: every result arrives, equal to a local search's."""
    address, workers = cluster
    evaluator = LoggingEvaluator(folder=str(tmp_path), pause=0.05)

    def kill_one(progress):
        if progress.finished == 12:
            workers[0].kill()

    with connect_crew(address) as workers_there:
        result = search(
            toy_plan(evolve, evaluator), Budget(evaluations=24), workers_there, on_trial=kill_one
        )
    local = search(toy_plan(evolve), Budget(evaluations=24), Crew(SerialExecutor(), jobs=1))
    pids = {int(path.name.split("-")[3]) for path in tmp_path.glob("begun-*")}
    assert {worker.pid for worker in workers} == pids
    assert [(t.hash, t.accuracy) for t in local.trials] == [
        (t.hash, t.accuracy) for t in result.trials
    ]


def test_a_wrong_address_is_named(monkeypatch):
    """Nothing answers: the error has the address and a remedy."""
    monkeypatch.setattr(crew, "CONNECT_SECONDS", 0.5)
    with (
        pytest.raises(CourseError, match=r"no Dask scheduler at tcp://127.0.0.1:9"),
        connect_crew("tcp://127.0.0.1:9"),
    ):
        pass
