"""Runs in MLflow, for those who want them there: one step a stage."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyml_course.core.errors import CourseError

if TYPE_CHECKING:
    from tinyml_course.pipeline.history import Step
    from tinyml_course.pipeline.plan import Plan

EXPERIMENT = "tinyml optimize"
METRICS = (
    "accuracy", "model_bytes", "arena_bytes", "latency_ms", "parameters", "macs", "seconds"
)  # fmt: skip


class Tracker:
    """Writes the steps of one run.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the store.
    run_id : str
        The run that the steps belong to.
    """

    def __init__(self, client: Any, run_id: str) -> None:
        self._client, self._run_id, self._count = client, run_id, 0

    def log(self, step: Step) -> None:
        """Write the figures of one stage, under its place in the order."""
        self._count += 1
        name = f"stage {self._count}"
        self._client.set_tag(
            self._run_id, name, f"{step.stage}, {'kept' if step.kept else 'not kept'}"
        )
        if step.measurement is None:
            return
        for metric in METRICS:
            value = float(getattr(step.measurement, metric))
            self._client.log_metric(self._run_id, metric, value, step=self._count)

    def finish(self, accuracy_test: float, *, met: bool) -> None:
        """Write the accuracy on the test set, and whether all requirements are met."""
        self._client.log_metric(self._run_id, "accuracy_test", accuracy_test)
        self._client.set_tag(self._run_id, "met", str(met))


@contextmanager
def start_tracking(uri: str, out: Path, plan: Plan) -> Iterator[Tracker]:
    """Yield a tracker with a run of its own; the run ends with the block.

    Parameters
    ----------
    uri : str
        An MLflow server or database; '' or 'on' for ``mlflow.db`` in `out`.
    out : Path
        Folder of the job.
    plan : plan.Plan
        Its options become the run's parameters.

    Raises
    ------
    CourseError
        If MLflow is not installed, or can't reach its store.
    """
    client, run_id = _open(uri, out, plan)
    try:
        yield Tracker(client, run_id)
    except KeyboardInterrupt:
        client.set_terminated(run_id, "KILLED")
        raise
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")


def _open(uri: str, out: Path, plan: Plan) -> tuple[Any, str]:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing leaves the machine
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError as missing:
        raise CourseError(
            "--track needs MLflow: pip install 'tinyml-course[production]' in the course's .venv "
            f"({missing})"
        ) from None
    for chatter in ("mlflow", "alembic"):
        logging.getLogger(chatter).setLevel(logging.WARNING)
    try:
        client = MlflowClient(tracking_uri=_resolve(uri, out))
        found = client.get_experiment_by_name(EXPERIMENT)
        number = found.experiment_id if found else client.create_experiment(EXPERIMENT)
        run_id = client.create_run(number).info.run_id
    except (MlflowException, ImportError, OSError) as fault:
        raise CourseError(
            f"--track {uri!r}: MLflow can't use this store ({str(fault)[:200]}); name a server "
            "such as http://localhost:5000, a database such as sqlite:///runs.db, or 'on'"
        ) from None
    for name, value in plan.to_dict().items():
        client.log_param(run_id, name.replace(" ", "_"), str(value)[:500])
    return client, run_id


def _resolve(uri: str, out: Path) -> str:
    if uri not in ("", "on"):
        return uri
    out.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{(out / 'mlflow.db').resolve()}"
