"""What `tinyml optimize` leaves: model.tflite, history.json, report.html, and a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyml_course.core.types import GestureSet
from tinyml_course.pipeline.history import COLUMNS
from tinyml_course.pipeline.outputs import render_page

if TYPE_CHECKING:
    from tinyml_course.pipeline.optimize_job import OptimizeResult


def history_list(result: OptimizeResult) -> list[dict[str, Any]]:
    """Return the history as plain values; its last stage has the accuracies on the test set."""
    steps = result.outcome.history.to_list()
    steps[-1] |= {
        "accuracy_test": result.report.accuracy,
        "accuracy_test_baseline": result.baseline_accuracy,
        "met": result.met,
    }
    return steps


def result_files(result: OptimizeResult, test: GestureSet) -> dict[str, bytes]:
    """Return the files of a finished job: name -> content."""
    from tinyml_course.plots.style import img_tag, render_png

    history = result.outcome.history
    page = render_page(
        "optimize.html.jinja", result=result, report=result.report, history=history,
        picture=img_tag(render_png(history.waterfall()), history.describe()),
        asked=asked_rows(result), source=test.source, columns=COLUMNS,
    )  # fmt: skip
    return {
        "model.tflite": result.outcome.state.artifact.tflite,
        "history.json": (json.dumps(history_list(result), indent=2) + "\n").encode(),
        "report.html": page.encode(),
    }


def asked_rows(result: OptimizeResult) -> list[tuple[str, str, str, str]]:
    """Return a row for each requirement: what, asked for, got, whether it is met."""
    asked, report = result.job.requirements, result.report
    missed = {miss.limit for miss in result.misses}
    rows = (
        ("flash", asked.max_flash, report.model_bytes, "at most {:,} B", "{:,} B"),
        ("arena", asked.max_arena, report.plan.required_bytes, "at most {:,} B", "{:,} B"),
        ("latency", asked.max_latency, report.latency.milliseconds, "at most {:g} ms", "{:.2f} ms"),
        ("accuracy", asked.min_accuracy, report.accuracy, "at least {:.1%}", "{:.1%}"),
    )
    return [
        (name, limit_form.format(limit), form.format(got), "missed" if name in missed else "met")
        for name, limit, got, limit_form, form in rows
        if limit is not None and got is not None
    ]


def print_result(result: OptimizeResult, out: Path) -> None:
    """Print history, requirements and, where something is missed, what to try."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(result.outcome.history.table("by validation samples"))
    for note in result.outcome.history.notes():
        console.print(note, highlight=False, markup=False)
    table = Table("requirement", "asked for", "got", "", title="by test samples, looked at once")
    for name, limit, got, verdict in asked_rows(result):
        table.add_row(name, limit, got, verdict, style="bold red" if verdict == "missed" else None)
    console.print(table)
    console.print(
        f"Accuracy on {result.report.test_samples} test samples: {result.report.accuracy:.1%}; the "
        f"float network at the beginning: {result.baseline_accuracy:.1%}.", highlight=False,
    )  # fmt: skip
    for line in (*result.advice, *result.report.reasons):
        console.print(f"not met: {line}", style="red", highlight=False, markup=False)
    console.print(
        f"Wrote model.tflite, history.json, report.html and stages/ to {out}/", highlight=False
    )
