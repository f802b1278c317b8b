"""Tracking: one step a stage in MLflow, and a clear word where it is missing."""

from __future__ import annotations

import sys

import pytest

from tests.pipeline.states import measurement, small_samples
from tests.pipeline.toy_stages import toy_plan
from tinyml_course.core.errors import CourseError
from tinyml_course.pipeline.history import Step
from tinyml_course.pipeline.tracking import EXPERIMENT, METRICS, start_tracking


@pytest.fixture(scope="module")
def plan():
    """What a run is about."""
    return toy_plan(small_samples(), max_flash=6144)


def test_without_mlflow_the_message_says_how_to_get_it(plan, tmp_path, monkeypatch):
    """An error with the command, before a stage runs."""
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with (
        pytest.raises(CourseError, match=r"pip install 'tinyml-course\[production\]'"),
        start_tracking("on", tmp_path, plan),
    ):
        pytest.fail("a tracker without MLflow")


@pytest.mark.slow
def test_each_stage_is_a_step_of_one_run(plan, tmp_path):
    """All figures of all stages, in order; options as parameters; the verdict; an ended run."""
    mlflow = pytest.importorskip("mlflow", reason="MLflow, an optional part, is not installed")
    steps = [
        Step(stage="train", folder="a", measurement=measurement()),
        Step(stage="prune", folder="b", measurement=measurement(accuracy=0.5), kept=False),
    ]
    with start_tracking("on", tmp_path, plan) as tracker:
        for step in steps:
            tracker.log(step)
        tracker.finish(0.97, met=True)
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    (run,) = client.search_runs([experiment.experiment_id])
    history = client.get_metric_history(run.info.run_id, "accuracy")
    assert [(1, 0.97), (2, 0.5)] == [(metric.step, metric.value) for metric in history]
    assert {*METRICS, "accuracy_test"} == set(run.data.metrics)
    assert ("6144", "3") == (run.data.params["max_flash"], run.data.params["seed"])
    assert "prune, not kept" == run.data.tags["stage 2"]
    assert ("FINISHED", "True") == (run.info.status, run.data.tags["met"])


@pytest.mark.slow
def test_a_run_that_breaks_off_is_marked(plan, tmp_path):
    """Ctrl-C and an error leave a run that says so."""
    mlflow = pytest.importorskip("mlflow", reason="MLflow, an optional part, is not installed")
    uri = f"sqlite:///{tmp_path / 'own.db'}"
    for fault in (KeyboardInterrupt, OSError):
        with pytest.raises(fault), start_tracking(uri, tmp_path, plan):
            raise fault
    client = mlflow.MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert ["FAILED", "KILLED"] == sorted(run.info.status for run in runs)


@pytest.mark.slow
def test_a_store_that_can_t_be_used_is_named(plan, tmp_path):
    """A made-up scheme: the message has it, and what else to give."""
    pytest.importorskip("mlflow", reason="MLflow, an optional part, is not installed")
    with (
        pytest.raises(CourseError, match=r"carrier-pigeon.*name a server"),
        start_tracking("carrier-pigeon://here", tmp_path, plan),
    ):
        pytest.fail("a tracker without a store")
