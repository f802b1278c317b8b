"""A class graded on a Dask cluster has the same grades as on this machine."""

import pytest

from tests.grading.handed_in import EXERCISES, SOLUTIONS
from tests.grading.sample import NAME
from tinyml_course.grading.class_run import grade_submissions

pytestmark = pytest.mark.slow


def test_a_dask_cluster_grades_like_this_machine(tmp_path, monkeypatch):
    """Two workers on loopback get each notebook to its verdict."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("DASK_DISTRIBUTED__WORKER__DAEMON", "False")
    for name, source in (("ada", SOLUTIONS), ("late", EXERCISES)):
        folder = tmp_path / "class" / name
        folder.mkdir(parents=True)
        (folder / NAME).write_bytes((source / NAME).read_bytes())
    here = grade_submissions(tmp_path / "class", tmp_path / "here", jobs=1, folder=SOLUTIONS.parent)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        there = grade_submissions(
            tmp_path / "class", tmp_path / "there",
            executor=cluster.scheduler_address, folder=SOLUTIONS.parent,
        )  # fmt: skip
    points = [[(g.student, g.verdict.task, g.verdict.points) for g in run] for run in (here, there)]
    assert points[0] == points[1]
    assert sum(p for _, _, p in points[0]) > 0
