"""The search job: gestures and limits in, a front of networks and the best one's bytes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tqdm.auto import tqdm

from tinyml_course.core.boards import find_board
from tinyml_course.core.errors import CourseError
from tinyml_course.core.files import write_atomically
from tinyml_course.core.types import GestureSet, ModelArtifact
from tinyml_course.device.report import DeviceReport
from tinyml_course.nas.budget import Budget
from tinyml_course.nas.catalog import Settings, make_problem, make_searcher, split_samples
from tinyml_course.nas.costs import Constraints
from tinyml_course.nas.crew import connect_crew
from tinyml_course.nas.front import reference_for
from tinyml_course.nas.search import Plan, Progress, SearchResult, search
from tinyml_course.pipeline.job import FULL, QUICK, Job, load_job_data, train_and_convert
from tinyml_course.pipeline.search_outputs import front_files, model_files, print_front, say

QUICK_EPOCHS = 2
"""Of each evaluation in a quick search."""
FILE_MARGIN = 0.02
"""By how much a slimmed file may exceed its prediction; the search keeps this much below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchJob:
    """What to search; the options of `tinyml search`.

    Attributes
    ----------
    data : str
        Source of the gestures, as `data.load_gestures` takes it.
    classes : tuple of str, optional
        Classes to use.
    board : str
        Name of the board.
    max_arena, max_flash : int, optional
        Most bytes of the arena, by default what the board gives, and of the .tflite.
    max_latency : float, optional
        Most milliseconds of one inference.
    strategy : str
        A name in `nas.catalog.STRATEGIES`.
    budget : Budget
        Evaluations or time.
    settings : Settings
        Seed, epochs, halving.
    journal : Path, optional
        File that keeps the evaluations.
    executor : str, optional
        Address of a Dask scheduler.
    jobs : int, optional
        Local processes; one a core by default.
    quick : bool
        Short trainings, to try the command out.
    """

    data: str
    budget: Budget
    classes: tuple[str, ...] | None = None
    board: str = "esp32"
    max_arena: int | None = None
    max_flash: int | None = None
    max_latency: float | None = None
    strategy: str = "nsga2"
    settings: Settings = field(default_factory=Settings)
    journal: Path | None = None
    executor: str | None = None
    jobs: int | None = None
    quick: bool = False

    def constraints(self) -> Constraints:
        """Return the hard limits as given; the board's arena where none is.

        Raises
        ------
        ValueError
            If the board is unknown, or does not have so much.
        """
        board = find_board(self.board)
        for name, asked, most in (
            ("arena", self.max_arena, board.arena_limit_bytes),
            ("flash", self.max_flash, board.flash_bytes),
        ):
            if asked is not None and asked > most:
                raise ValueError(
                    f"--max-{name} is {asked:,} B, {board.title} gives {most:,} B; ask for no more"
                )
        return Constraints(
            max_arena=self.max_arena or board.arena_limit_bytes,
            max_flash=self.max_flash,
            max_latency=self.max_latency,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOutcome:
    """What a search job gave.

    Attributes
    ----------
    result : SearchResult
        All trials, and the front.
    artifact : ModelArtifact or None
        The most accurate network, trained fully, int8, slimmed; None where none was asked for.
    report : DeviceReport or None
        Of these bytes on the board, with the accuracy on the whole test set.
    """

    result: SearchResult
    artifact: ModelArtifact | None = None
    report: DeviceReport | None = None

    @property
    def fits(self) -> bool:
        """Whether the best network, if one was trained, keeps to its limits on the board."""
        return self.report is None or self.report.fits


def run_search_job(job: SearchJob, out: Path | None = None) -> SearchOutcome:
    """Search, print the front, and write it to `out` with the best network's bytes and report.

    The test set is held out before the search and looked at once, by the report at the end.
    The front is written before the best network is trained. An interrupted search prints and
    writes the front so far, and no network.

    Raises
    ------
    InvalidData
        If the gestures can't be read, or are too few for three parts.
    ValueError
        If the board or the strategy is unknown, or a limit exceeds the board.
    InvalidJournal
        If the journal belongs to another search.
    NoFeasibleNetwork
        If hardly any network meets the limits.
    FileExistsError
        If `out` is a file.
    CourseError
        If every evaluation failed.
    """
    constraints = job.constraints()
    if out is not None and out.exists() and not out.is_dir():
        raise FileExistsError(f"--out {out} is a file; name a folder")
    train, test = load_job_data(
        Job(data=job.data, classes=job.classes, board=job.board, seed=job.settings.seed)
    )
    result = search_networks(job, constraints, train)
    outcome = SearchOutcome(result=result)
    if result.front:
        print_front(result, constraints)
    if result.ending == "interrupted":
        _explain_resume(job, result)
    elif not result.front:
        raise CourseError(_explain_no_front(result))
    if out is None or not result.front:
        return outcome
    _write(out, front_files(result, constraints))
    if result.ending == "interrupted":
        return outcome
    outcome = _train_best(job, result, train, test)
    _write(out, model_files(outcome, test))
    return outcome


def search_networks(job: SearchJob, constraints: Constraints, train: GestureSet) -> SearchResult:
    """Return what the search finds on the training samples alone, under a progress bar."""
    samples, held = split_samples(train, seed=job.settings.seed), constraints
    if constraints.max_flash is not None:
        held = replace(constraints, max_flash=int(constraints.max_flash / (1 + FILE_MARGIN)))
    problem = make_problem(held, classes=len(train.class_names), board=job.board)
    strategy, evaluator = make_searcher(job.strategy, problem, samples, _with_checkpoint(job))
    board = find_board(job.board)
    plan = Plan(
        problem=problem,
        strategy=strategy,
        evaluator=evaluator,
        seed=job.settings.seed,
        reference=reference_for(
            constraints, arena_bytes=board.arena_limit_bytes, model_bytes=board.flash_bytes
        ),
    )
    say(
        f"{len(samples.train)} gestures to train on, {len(samples.validation)} to select by; "
        f"{problem.space.size():.2g} networks, limits: {_limits(constraints)}"
    )
    quick = getattr(evaluator, "in_process", False)
    crews = connect_crew(job.executor, jobs=job.jobs, in_process=quick)
    with crews as crew, _bar(job.budget) as show:
        return search(plan, job.budget, crew, journal=job.journal, on_trial=show)


def _with_checkpoint(job: SearchJob) -> Settings:
    """Return the job's settings; beside a journal, a supernet's training is kept as well."""
    if job.journal is None:
        return job.settings
    return replace(
        job.settings, checkpoint=job.journal.with_name(f"{job.journal.name}.supernet.npz")
    )


def _train_best(
    job: SearchJob, result: SearchResult, train: GestureSet, test: GestureSet
) -> SearchOutcome:
    """Return the outcome with the most accurate network, trained on all training samples."""
    from tinyml_course.device.emulate import Device
    from tinyml_course.device.slim import slim

    constraints, best = job.constraints(), result.front[0]
    artifact, _ = train_and_convert(
        train, seed=job.settings.seed, schedule=QUICK if job.quick else FULL, spec=best.spec
    )
    artifact = replace(artifact, tflite=slim(artifact.tflite))
    device = Device(job.board, arena_bytes=constraints.max_arena)
    report = device.emulate(artifact, test.images, test.labels, strict=False)
    if constraints.max_flash is not None and report.model_bytes > constraints.max_flash:
        raise CourseError(
            f"the converted network takes {report.model_bytes:,} B, --max-flash allows "
            f"{constraints.max_flash:,} B and {best.cost.model_bytes:,} B were predicted; please "
            "report this, and search again with a slightly smaller --max-flash"
        )
    return SearchOutcome(result=result, artifact=artifact, report=report)


def _write(out: Path, files: dict[str, bytes]) -> None:
    write_atomically(out, files)
    say(f"Wrote {', '.join(files)} to {out}/")


@contextmanager
def _bar(budget: Budget) -> Iterator[Callable[[Progress], None]]:
    """Yield a function that shows the progress of a search in a bar."""
    counted = budget.evaluations is not None
    total = budget.evaluations if counted else round(budget.seconds or 0)
    unit = "network" if counted else "s"
    with tqdm(total=total, desc="search", unit=unit, smoothing=0.1) as bar:

        def show(progress: Progress) -> None:
            done = progress.finished if counted else min(round(progress.spent_seconds), total)
            best = progress.front[0].accuracy if progress.front else None
            bar.set_postfix_str(
                f"{progress.finished} done, best {best:.1%}, hypervolume {progress.hypervolume:.3f}"
                if best is not None
                else f"{progress.finished} done, none succeeded",
                refresh=False,
            )
            bar.update(done - bar.n)

        yield show


def _limits(constraints: Constraints) -> str:
    parts = [f"arena {constraints.max_arena:,} B"] if constraints.max_arena else []
    parts += [f"file {constraints.max_flash:,} B"] if constraints.max_flash else []
    parts += [f"latency {constraints.max_latency:g} ms"] if constraints.max_latency else []
    return ", ".join(parts)


def _explain_resume(job: SearchJob, result: SearchResult) -> None:
    """Say what is kept after an interruption."""
    if job.journal is None:
        say("Interrupted. Nothing was kept; with --journal FILE a search can be resumed.")
        return
    say(
        f"Interrupted. Evaluations kept in {job.journal}: {result.evaluations}; the same command "
        "goes on from there."
    )


def _explain_no_front(result: SearchResult) -> str:
    faults = [trial.fault for trial in result.trials if trial.fault]
    if not faults:
        return "the search ended before its first network was trained; give it more --budget"
    return f"all {len(faults)} evaluations failed; the first fault: {faults[0]}"
