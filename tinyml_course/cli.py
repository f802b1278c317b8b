"""The `tinyml` command: each subcommand parses its options and calls one function.

Everything heavy is imported inside the subcommands, so that `tinyml --help` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinyml_course.command_line import (
    EXIT_DOES_NOT_FIT,
    EXIT_INTERRUPTED,
    EXIT_NOT_YET,
    Classes,
    Executor,
    Gestures,
    Jobs,
    MaxLatency,
    Quick,
    TestRecording,
    app,
    command,
    split_names,
)


@command
def learn(
    browser: Annotated[bool, typer.Option(help="Open a browser where there is a screen.")] = True,
    port: Annotated[int, typer.Option(help="Port of the server; 0 takes a free one.")] = 8888,
) -> None:
    """Open the course in JupyterLab."""
    from tinyml_course.launch import start_jupyterlab

    raise typer.Exit(start_jupyterlab(browser=browser, port=port))


@command
def doctor() -> None:
    """Check Python, packages, disk, cores, kernel, data and optional parts."""
    from tinyml_course.doctor import examine, print_findings

    findings = examine()
    print_findings(findings)
    raise typer.Exit(int(any(finding.status == "fault" for finding in findings)))


@command
def run(
    data: Annotated[
        str,
        typer.Option(
            help="Stroke JSON, folder of them, folder of images with one subfolder a class, "
            "'synthetic', 'synthetic:digits' or 'magic-wand'."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for model.tflite and the reports.")],
    test: TestRecording = None,
    classes: Classes = None,
    board: Annotated[str, typer.Option(help="Board to emulate.")] = "esp32",
    seed: Annotated[int, typer.Option(help="Seed of split, training and augmentation.")] = 0,
    quick: Annotated[
        bool, typer.Option("--quick", help="A short training, to try it out.")
    ] = False,
) -> None:
    """Take gestures to a model on the emulated board: train, quantize, convert, emulate, report."""
    from tinyml_course.pipeline.job import Job, run_job

    job = Job(
        data=data, test=test, classes=split_names(classes), board=board, seed=seed, quick=quick
    )
    result = run_job(job, out)
    raise typer.Exit(0 if result.report.fits else EXIT_DOES_NOT_FIT)


@command
def search(
    data: Gestures,
    board: Annotated[str, typer.Option(help="Board whose limits hold.")] = "esp32",
    max_arena: Annotated[
        str | None, typer.Option(help="Most arena, as 16KB; else what the board gives.")
    ] = None,
    max_flash: Annotated[
        str | None, typer.Option(help="Largest model file, as 12KB; else no limit.")
    ] = None,
    max_latency: MaxLatency = None,
    strategy: Annotated[
        str, typer.Option(help="random, evolution, aging, nsga2, supernet or differentiable.")
    ] = "nsga2",
    budget: Annotated[
        str, typer.Option(help="Evaluations, as 200, or a time over all sessions, as 10m.")
    ] = "10m",
    epochs: Annotated[int, typer.Option(help="Epochs of each network's training.")] = 20,
    halving: Annotated[
        bool, typer.Option("--halving", help="Train all a little and only the best fully.")
    ] = False,
    journal: Annotated[
        Path | None, typer.Option(help="File that keeps every evaluation; resumes if it exists.")
    ] = None,
    executor: Executor = None,
    jobs: Jobs = None,
    classes: Classes = None,
    seed: Annotated[int, typer.Option(help="Seed of splits, strategy and trainings.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for front.json, front.png, best.tflite, report.")
    ] = None,
    quick: Quick = False,
) -> None:
    """Search for networks that respect the chip: hard limits, journal, many workers."""
    from tinyml_course.nas.budget import parse_budget, parse_size
    from tinyml_course.nas.catalog import Settings
    from tinyml_course.pipeline.search_job import QUICK_EPOCHS, SearchJob, run_search_job

    job = SearchJob(
        data=data,
        classes=split_names(classes),
        board=board,
        max_arena=parse_size(max_arena) if max_arena else None,
        max_flash=parse_size(max_flash) if max_flash else None,
        max_latency=max_latency,
        strategy=strategy,
        budget=parse_budget(budget),
        settings=Settings(seed=seed, epochs=QUICK_EPOCHS if quick else epochs, halving=halving),
        journal=journal,
        executor=executor,
        jobs=jobs,
        quick=quick,
    )
    outcome = run_search_job(job, out)
    if outcome.result.ending == "interrupted":
        raise typer.Exit(EXIT_INTERRUPTED)
    raise typer.Exit(0 if outcome.fits else EXIT_DOES_NOT_FIT)


@command
def optimize(
    data: Gestures,
    test: TestRecording = None,
    board: Annotated[str, typer.Option(help="Board that the model is for.")] = "esp32",
    max_flash: Annotated[str, typer.Option(help="Largest model file.")] = "50KB",
    max_arena: Annotated[str, typer.Option(help="Most arena.")] = "40KB",
    min_accuracy: Annotated[float, typer.Option(help="Least accuracy, a share.")] = 0.95,
    max_latency: MaxLatency = None,
    stages: Annotated[
        str, typer.Option(help="search, train, distill, prune, quantize, convert, slim; in order.")
    ] = "train,distill,prune,quantize,convert,slim",
    classes: Classes = None,
    seed: Annotated[int, typer.Option(help="Seed of splits and trainings.")] = 0,
    out: Annotated[
        Path, typer.Option(help="Folder for model.tflite, history.json, report.html, stages/.")
    ] = Path("optimized"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what an earlier session has finished.")
    ] = False,
    quick: Quick = False,
    track: Annotated[
        str | None, typer.Option(help="MLflow store for the stages' figures; 'on' for a file.")
    ] = None,
) -> None:
    """Shrink a network, stage by stage, until it meets what you ask for, and show each stage."""
    from tinyml_course.nas.budget import parse_size
    from tinyml_course.pipeline.catalog import parse_stages
    from tinyml_course.pipeline.optimize_job import OptimizeJob, run_optimize_job
    from tinyml_course.pipeline.requirements import Requirements

    job = OptimizeJob(
        data=data,
        test=test,
        classes=split_names(classes),
        board=board,
        requirements=Requirements(
            max_flash=parse_size(max_flash),
            max_arena=parse_size(max_arena),
            max_latency=max_latency,
            min_accuracy=min_accuracy,
        ),
        stages=parse_stages(stages),
        seed=seed,
        quick=quick,
        resume=resume,
        track=track,
    )
    result = run_optimize_job(job, out)
    raise typer.Exit(0 if result.met else EXIT_DOES_NOT_FIT)


@command
def emulate(
    model: Annotated[Path, typer.Argument(help="The .tflite file.")],
    board: Annotated[str, typer.Option(help="Board to emulate.")] = "esp32",
    kernels: Annotated[
        str | None, typer.Option(help="Kernels that are linked: tflm-reference or esp-nn.")
    ] = None,
    arena: Annotated[
        int | None, typer.Option(help="Arena in bytes; else the board's largest free block.")
    ] = None,
    psram: Annotated[
        bool, typer.Option("--psram", help="Place the arena in the board's external RAM.")
    ] = False,
    input_files: Annotated[
        list[Path] | None, typer.Option("--input", help="Raw bytes of an input; repeat it.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="File for the raw bytes of the outputs, one after another.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say whether a model fits a board, what it costs there, and what it answers."""
    import json

    from tinyml_course.core.files import write_atomically
    from tinyml_course.device.emulate import Device, choose_kernels, run_raw
    from tinyml_course.device.model_file import read_model_file

    tier = choose_kernels(board, kernels)
    device = Device(board, kernels=tier, arena_bytes=arena, psram=psram)
    data = read_model_file(model)
    report = device.emulate(data, strict=False)
    if (input_files or output) and report.runtime:
        answer = run_raw(data, [path.read_bytes() for path in input_files or ()])
        if output is not None:
            write_atomically(output.parent, {output.name: answer})
    print(json.dumps(report.to_dict()) if as_json else report)
    raise typer.Exit(0 if report.fits else EXIT_DOES_NOT_FIT)


@command
def slim(
    model: Annotated[Path, typer.Argument(help="The .tflite file.")],
    out: Annotated[Path, typer.Option(help="File for the smaller model.")],
) -> None:
    """Make a .tflite smaller without changing an output: drop names, share equal vectors."""
    from tinyml_course.core.files import write_atomically
    from tinyml_course.device.model_file import read_model_file
    from tinyml_course.device.slim import slim as slimmed

    data = read_model_file(model)
    smaller = slimmed(data)
    write_atomically(out.parent, {out.name: smaller})
    saved = 1 - len(smaller) / len(data)
    print(f"{model.name}: {len(data):,} B -> {len(smaller):,} B, {saved:.1%} less; wrote {out}")


@command
def firmware(
    model: Annotated[Path, typer.Argument(help="The .tflite file.")],
    out: Annotated[Path, typer.Option(help="Folder for the ESP-IDF project.")],
    board: Annotated[str, typer.Option(help="Board of the ESP32 family.")] = "esp32",
    seed: Annotated[int, typer.Option(help="Seed of the self-test's inputs.")] = 0,
) -> None:
    """Write an ESP-IDF project around a model: exact arena, its operators only, a self-test."""
    from tinyml_course.device.firmware.project import write_firmware
    from tinyml_course.device.model_file import read_model_file

    made = write_firmware(read_model_file(model), out, board=board, seed=seed)
    print(f"Wrote {len(made.files)} files to {out}/: arena {made.arena_bytes:,} B, operators")
    print("  " + ", ".join(made.methods))
    print(f"Build it as {out}/README.md says.")


@command
def check(
    notebook: Annotated[Path, typer.Argument(help="Your copy of an exercise notebook.")],
    task: Annotated[str | None, typer.Option(help="One task, as 1.3; else all.")] = None,
    hint: Annotated[
        bool, typer.Option("--hint", help="Show the next hint for --task; it costs no points.")
    ] = False,
) -> None:
    """Check an exercise: each task's points, and what failed on which public input."""
    from tinyml_course.grading.terminal import (
        check_notebook,
        next_hint,
        print_verdicts,
        record_verdicts,
    )

    if hint:
        if task is None:
            raise ValueError("--hint needs --task, as in --task 1.3 --hint")
        print(next_hint(task))
        return
    verdicts = check_notebook(notebook, task=task)
    record_verdicts(verdicts)
    print_verdicts(verdicts)
    passed = all(verdict.status == "passed" for verdict in verdicts)
    raise typer.Exit(0 if passed else EXIT_NOT_YET)


@command
def assign(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if an exercise differs.")
    ] = False,
) -> None:
    """Make the exercises from the solutions."""
    from tinyml_course.grading.author import assign_exercises

    raise typer.Exit(int(not assign_exercises(check=check)))


@command
def grade(
    submissions: Annotated[Path, typer.Argument(help="Holds <student>/<notebook>.ipynb.")],
    out: Annotated[Path, typer.Option(help="Folder for the gradebook, tables and feedback.")],
    jobs: Jobs = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Judge only what is new or changed.")
    ] = False,
    seed_file: Annotated[
        Path | None, typer.Option(help="File with the secret that hidden inputs are drawn from.")
    ] = None,
    executor: Executor = None,
) -> None:
    """Grade a class: gradebook, grades.csv, a feedback page a student, item statistics."""
    from tinyml_course.grading.class_run import grade_submissions

    grade_submissions(
        submissions, out, jobs=jobs, resume=resume, seed_file=seed_file, executor=executor
    )


@command
def progress() -> None:
    """Show your tasks and points so far, and the next step."""
    from tinyml_course.grading.standing import my_progress

    print(my_progress())


@command
def release(
    folder: Annotated[Path, typer.Argument(help="New folder for the class's copy.")],
) -> None:
    """Write the course as a class gets it: no solutions, no hidden inputs, no judge."""
    from tinyml_course.grading.release import release_course
    from tinyml_course.launch import course_folder

    count = release_course(course_folder(), folder)
    print(f"Wrote {count} files to {folder}/; scanned for solutions, none found.")


@command
def book(
    out: Annotated[
        Path | None, typer.Option(help="Folder for _build; else the course's own.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="List the size of every page and experiment.")
    ] = False,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Print it to one PDF instead; needs a browser.")
    ] = False,
) -> None:
    """Build the online book: run the notebooks that changed, write the site, weigh its pages."""
    from tinyml_course.bookbuild.build import build_book, build_pdf
    from tinyml_course.launch import course_folder

    if pdf:
        print(f"Wrote {build_pdf(course_folder(), out=out)}")
        return
    built = build_book(course_folder(), out=out)
    print(built)
    if verbose:
        print("\n".join(str(page) for page in built.pages))


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
