"""The main job: gestures in, a model on the emulated board out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinyml_course.core.arch import ArchSpec, gesture_net
from tinyml_course.core.boards import find_board
from tinyml_course.core.errors import InvalidData
from tinyml_course.core.files import write_atomically
from tinyml_course.core.types import GestureSet, ModelArtifact
from tinyml_course.data import load_gestures, split
from tinyml_course.device.report import DeviceReport

TEST_FRACTION = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to do; the options of `tinyml run`.

    Attributes
    ----------
    data : str
        Source of the gestures, as `data.load_gestures` takes it.
    test : str, optional
        Another recording as the test set; else a fifth is held out.
    classes : tuple of str, optional
        Classes to use, in the order of the model's outputs.
    board : str
        Name of the board.
    seed : int
        Of split, initial weights and augmentation.
    quick : bool
        A short training, to try the command out.
    """

    data: str
    test: str | None = None
    classes: tuple[str, ...] | None = None
    board: str = "esp32"
    seed: int = 0
    quick: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Lengths and rates of the two trainings."""

    float_epochs: int
    aware_epochs: int
    copies: int
    learning_rate: float = 4e-3
    aware_learning_rate: float = 5e-4
    batch_size: int = 32


FULL = Schedule(float_epochs=90, aware_epochs=20, copies=3)
QUICK = Schedule(float_epochs=12, aware_epochs=3, copies=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What a job gave.

    Attributes
    ----------
    job : Job
        Its options.
    artifact : ModelArtifact
        The bytes for the chip.
    report : DeviceReport
        The emulator's findings, with the accuracy of these bytes on the whole test set.
    accuracy_float : float
        Of the float32 model before quantization, on the same test set.
    train_samples : int
        Gestures trained on.
    """

    job: Job
    artifact: ModelArtifact
    report: DeviceReport
    accuracy_float: float
    train_samples: int

    def to_dict(self) -> dict[str, object]:
        """Return the result as plain values for JSON."""
        return {
            **self.report.to_dict(),
            "accuracy_float": self.accuracy_float,
            "accuracy_int8": self.report.accuracy,
            "seed": self.job.seed,
            "quick": self.job.quick,
            "data": self.job.data,
            "classes": list(self.artifact.class_names),
            "train_samples": self.train_samples,
            "data_fingerprint": self.artifact.data_fingerprint,
            "model_sha256": self.artifact.sha256,
            "versions": dict(self.artifact.versions),
        }


def load_job_data(job: Job) -> tuple[GestureSet, GestureSet]:
    """Return the training and the test set of `job`.

    Raises
    ------
    InvalidData
        If the data can't be read, or the test recording lacks or adds a class.
    """
    gestures = load_gestures(job.data, classes=job.classes, seed=job.seed)
    if job.test is None:
        return split(gestures, test_fraction=TEST_FRACTION, seed=job.seed)
    test = load_gestures(job.test, classes=job.classes or gestures.class_names, seed=job.seed)
    if test.class_names != gestures.class_names:
        raise InvalidData(
            f"the test recording {job.test} has the classes {', '.join(test.class_names)}, the "
            f"training data {', '.join(gestures.class_names)}; name the common ones with --classes"
        )
    return gestures, test


def train_and_convert(
    train: GestureSet, *, seed: int, schedule: Schedule, spec: ArchSpec | None = None
) -> tuple[ModelArtifact, object]:
    """Return the int8 artefact trained on `train`, and the float model before quantization.

    Parameters
    ----------
    train : GestureSet
        Training samples.
    seed : int
        Of initial weights, order and augmentation.
    schedule : Schedule
        Epochs and rates.
    spec : ArchSpec, optional
        Network; the course's gesture network by default.
    """
    from tinyml_course.core.environment import seed_everything
    from tinyml_course.device.convert import convert_int8
    from tinyml_course.quantization.qat import quantize_aware
    from tinyml_course.training.build import build
    from tinyml_course.training.fit import fit

    seed_everything(seed)
    model = build(spec or gesture_net(len(train.class_names)))
    common = {"seed": seed, "batch_size": schedule.batch_size, "copies": schedule.copies}
    fit(
        model, train, epochs=schedule.float_epochs, learning_rate=schedule.learning_rate,
        description="float32 training", **common,
    )  # fmt: skip
    aware = quantize_aware(model, calibration=train.images)
    fit(
        aware, train, epochs=schedule.aware_epochs, learning_rate=schedule.aware_learning_rate,
        description="quantization-aware", **common,
    )  # fmt: skip
    artifact = convert_int8(
        aware, train.images, class_names=train.class_names, seed=seed,
        data_fingerprint=train.fingerprint,
    )  # fmt: skip
    return artifact, model


def run_job(job: Job, out: Path) -> JobResult:
    """Run `job`, write model.tflite, report.json and report.html to `out`, return the result.

    The three files appear together at the end; an interrupted job leaves `out` as it was.

    Raises
    ------
    InvalidData
        If the gestures can't be read.
    ValueError
        If the board is unknown.
    FileExistsError
        If `out` is a file.
    """
    find_board(job.board)
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"--out {out} is a file; name a folder")
    train, test = load_job_data(job)
    _say(f"{len(train)} gestures to train on, {len(test)} to test: {', '.join(train.class_names)}")

    from tinyml_course.device.emulate import Device
    from tinyml_course.training.fit import evaluate

    artifact, model = train_and_convert(train, seed=job.seed, schedule=QUICK if job.quick else FULL)
    result = JobResult(
        job=job,
        artifact=artifact,
        report=Device(job.board).emulate(artifact, test.images, test.labels, strict=False),
        accuracy_float=evaluate(model, test),
        train_samples=len(train),
    )
    write_atomically(out, result_files(result))
    print_result(result, out)
    return result


def result_files(result: JobResult) -> dict[str, bytes]:
    """Return the files of a finished job: name -> content."""
    import json

    from tinyml_course.pipeline.outputs import render_page

    page = render_page("job.html.jinja", result=result, report=result.report)
    return {
        "model.tflite": result.artifact.tflite,
        "report.json": (json.dumps(result.to_dict(), indent=2) + "\n").encode(),
        "report.html": page.encode(),
    }


def print_result(result: JobResult, out: Path) -> None:
    """Print the report as a table, and where the files are."""
    from rich.console import Console
    from rich.table import Table

    report = result.report
    table = Table("what", "figure", "how", title=report.verdict, title_justify="left")
    table.add_row("accuracy, float32", f"{result.accuracy_float:.1%}", "measured")
    for row in report.rows():
        table.add_row(*row)
    console = Console()
    console.print(table)
    for reason in report.reasons:
        console.print(f"[red]reason:[/] {reason}")
    console.print(f"Wrote model.tflite, report.json and report.html to {out}/")


def _say(line: str) -> None:
    from rich.console import Console

    Console().print(line, highlight=False)
