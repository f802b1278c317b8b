"""The job of `tinyml optimize`: gestures and requirements in, a file that meets them out."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tinyml_course.core.files import write_atomically
from tinyml_course.core.types import GestureSet
from tinyml_course.device.report import DeviceReport
from tinyml_course.nas.catalog import split_samples
from tinyml_course.pipeline import catalog
from tinyml_course.pipeline.advice import Situation, explain_misses, find_confusion
from tinyml_course.pipeline.catalog import DEFAULT_STAGES, baseline_net, make_stages
from tinyml_course.pipeline.job import Job, load_job_data
from tinyml_course.pipeline.plan import Outcome, Plan
from tinyml_course.pipeline.requirements import Miss, Requirements
from tinyml_course.pipeline.run import run_pipeline
from tinyml_course.pipeline.search_outputs import say
from tinyml_course.pipeline.stage import check_order
from tinyml_course.pipeline.store import Store
from tinyml_course.pipeline.tracking import Tracker, start_tracking

if TYPE_CHECKING:
    from tinyml_course.pipeline.history import Step

STAGES = "stages"
"""Folder of the artefacts, inside the job's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizeJob:
    """What to optimise; the options of `tinyml optimize`.

    Attributes
    ----------
    data : str
        Source of the gestures, as `data.load_gestures` takes it.
    requirements : Requirements
        What the result must keep to.
    test : str, optional
        Another recording as the test set; else a fifth is held out.
    classes : tuple of str, optional
        Classes to use.
    board : str
        Name of the board.
    stages : tuple of str
        Names in `pipeline.catalog.FULL`, in order.
    seed : int
        Of splits and trainings.
    quick : bool
        Short trainings, to try the command out.
    resume : bool
        Go on with an earlier session.
    track : str, optional
        Where MLflow keeps runs; '' or 'on' for a database in the output folder.
    """

    data: str
    requirements: Requirements = field(default_factory=Requirements)
    test: str | None = None
    classes: tuple[str, ...] | None = None
    board: str = "esp32"
    stages: tuple[str, ...] = DEFAULT_STAGES
    seed: int = 0
    quick: bool = False
    resume: bool = False
    track: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizeResult:
    """What a job gave.

    Attributes
    ----------
    job : OptimizeJob
        Its options.
    outcome : plan.Outcome
        File, history, and what is missed by validation samples.
    report : DeviceReport
        Of the file on the board, with its accuracy on the test set.
    baseline_accuracy : float
        Of the first float network, on the same test set.
    misses : tuple of Miss
        What is not met, the accuracy judged on the test set.
    advice : tuple of str
        Each miss with what to try.
    """

    job: OptimizeJob
    outcome: Outcome
    report: DeviceReport
    baseline_accuracy: float
    misses: tuple[Miss, ...]
    advice: tuple[str, ...]

    @property
    def met(self) -> bool:
        """Whether everything is met, and the file fits the board."""
        return not self.misses and self.report.fits


def run_optimize_job(job: OptimizeJob, out: Path) -> OptimizeResult:
    """Run `job`; write model.tflite, history.json, report.html and stages/ to `out`.

    The test set is looked at once, when the file is final. An interrupted run keeps every
    finished stage in ``out/stages``.

    Raises
    ------
    InvalidData
        If the gestures can't be read, or another run is to be resumed.
    StageRefused
        If the stages can't follow each other.
    ValueError
        If the board is unknown, or a limit exceeds it.
    FileExistsError
        If `out` is a file.
    """
    stages = make_stages(job.stages, catalog.QUICK if job.quick else catalog.FULL)
    check_order(stages)
    job.requirements.check_board(job.board)
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"--out {out} is a file; name a folder")
    rest, test = load_job_data(
        Job(data=job.data, test=job.test, classes=job.classes, board=job.board, seed=job.seed)
    )
    samples = split_samples(rest, seed=job.seed)
    say(
        f"{len(samples.train)} gestures to train on, {len(samples.validation)} to select by, "
        f"{len(test)} to test: {', '.join(rest.class_names)}"
    )
    from tinyml_course.pipeline.keras_state import find_versions

    plan = Plan(
        stages=stages, spec=baseline_net(len(rest.class_names)), samples=samples,
        requirements=job.requirements, board=job.board, seed=job.seed, versions=find_versions(),
    )  # fmt: skip
    tracking = nullcontext() if job.track is None else start_tracking(job.track, out, plan)
    with tracking as tracker:
        outcome = _run(plan, out, resume=job.resume, tracker=tracker)
        result = judge(job, outcome, test, samples.validation)
        if tracker is not None:
            tracker.finish(result.report.accuracy or 0.0, met=result.met)
    from tinyml_course.pipeline.optimize_outputs import print_result, result_files

    write_atomically(out, result_files(result, test))
    print_result(result, out)
    return result


def judge(
    job: OptimizeJob, outcome: Outcome, test: GestureSet, validation: GestureSet
) -> OptimizeResult:
    """Return the verdict on a final file: the only look at the test set."""
    from tinyml_course.device.emulate import Device
    from tinyml_course.pipeline.measure import network_accuracy

    device, artifact = Device(job.board), outcome.state.artifact
    report = device.emulate(artifact, test.images, test.labels, strict=False)
    misses = job.requirements.misses(
        report.accuracy or 0.0,
        model_bytes=report.model_bytes,
        arena_bytes=report.plan.required_bytes,
        latency_ms=report.latency.milliseconds,
    )
    confusion = ""
    if any(miss.limit == "accuracy" for miss in misses):
        seen = device.emulate(artifact, validation.images, validation.labels, strict=False)
        confusion = find_confusion(validation, seen.outputs)
    situation = Situation(
        stages=job.stages, quick=job.quick, history=outcome.history, report=report,
        confusion=confusion,
    )  # fmt: skip
    return OptimizeResult(
        job=job,
        outcome=outcome,
        report=report,
        baseline_accuracy=network_accuracy(outcome.baseline, test),
        misses=misses,
        advice=tuple(explain_misses(misses, situation)),
    )


def _run(plan: Plan, out: Path, *, resume: bool, tracker: Tracker | None) -> Outcome:
    """Run the stages, one line each; say what is kept when Ctrl-C ends it."""
    done: list[str] = []

    def tell(step: Step) -> None:
        done.append(step.stage)
        if tracker is not None:
            tracker.log(step)
        stage, *figures, note = step.row()
        known = ", ".join(part for part in figures[:4] if part)
        ending = " (kept from before)" if step.resumed else ""
        say(f"{stage}: {known}{ending}{'; ' + note if note else ''}")

    try:
        return run_pipeline(plan, Store(out / STAGES), resume=resume, on_step=tell)
    except KeyboardInterrupt:
        kept = (
            f"finished and kept in {out / STAGES}: {', '.join(done)}" if done else "none finished"
        )
        say(f"Interrupted. Stages {kept}; the same command with --resume goes on from there.")
        raise
