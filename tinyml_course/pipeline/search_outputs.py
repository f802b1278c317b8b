"""What a search job leaves: the table, front.json, front.png, and the best network's files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.arch_json import to_fields
from tinyml_course.core.types import GestureSet
from tinyml_course.nas.costs import Constraints
from tinyml_course.nas.front import objectives
from tinyml_course.nas.search import SearchResult
from tinyml_course.pipeline.outputs import render_page

if TYPE_CHECKING:
    from tinyml_course.pipeline.search_job import SearchOutcome

SHOWN = 15
"""Rows of the front that a terminal shows."""


def spell(spec: ArchSpec) -> str:
    """Return a network in one short line.

    A block is its operation's first letter, kernel and filters: ``c3x8`` is a convolution of 3 x 3
    with 8 channels, ``s`` separable, ``d`` depthwise; ``/2`` halves by stride, ``v2`` by pooling,
    ``+`` adds the input.

    Examples
    --------
    >>> from tinyml_course.core.arch import gesture_net
    >>> spell(gesture_net(3))
    'c3x8/2 s3x16/2 s3x32 s3x56/2'
    """
    head = f" h{spec.hidden}" if spec.hidden else ""
    return " ".join(map(_spell_block, spec.layers)) + head


def _spell_block(layer: LayerSpec) -> str:
    width = f"x{layer.filters}" if layer.filters else ""
    stride = f"/{layer.stride}" if layer.stride > 1 else ""
    pool = f"v{layer.pool}" if layer.pool > 1 else ""
    return f"{layer.op[0]}{layer.kernel}{width}{stride}{pool}{'+' if layer.skip else ''}"


def front_files(result: SearchResult, constraints: Constraints) -> dict[str, bytes]:
    """Return front.json and front.png of a search: name -> content."""
    from tinyml_course.plots.search import plot_search
    from tinyml_course.plots.style import render_png

    rows = [
        {
            "arch": to_fields(trial.spec),
            "accuracy": trial.accuracy,
            "arena_bytes": trial.cost.arena_bytes,
            "model_bytes": trial.cost.model_bytes,
            "latency_ms": trial.cost.latency_ms,
        }
        for trial in result.front
    ]
    trained = [trial for trial in result.trials if trial.accuracy is not None]
    members = {trial.hash for trial in result.front}
    costs = objectives(trained)
    figure = plot_search(
        costs,
        np.array([trial.hash in members for trial in trained]),
        limits=(constraints.max_arena, constraints.max_flash, constraints.max_latency),
        best=[trial.hash for trial in trained].index(result.front[0].hash),
    )
    return {
        "front.json": (json.dumps(rows, indent=2) + "\n").encode(),
        "front.png": render_png(figure),
    }


def model_files(outcome: SearchOutcome, test: GestureSet) -> dict[str, bytes]:
    """Return best.tflite and its reports: name -> content; nothing without a network."""
    if outcome.artifact is None or outcome.report is None:
        return {}
    page = render_page(
        "search.html.jinja", outcome=outcome, report=outcome.report, best=outcome.result.front[0],
        network=spell(outcome.result.front[0].spec), source=test.source,
    )  # fmt: skip
    return {
        "best.tflite": outcome.artifact.tflite,
        "report.html": page.encode(),
        "report.txt": f"{outcome.report}\n".encode(),
    }


def print_front(result: SearchResult, constraints: Constraints) -> None:
    """Print the front as a table, the most accurate first."""
    from rich.console import Console
    from rich.table import Table

    failed = sum(trial.accuracy is None for trial in result.trials)
    table = Table(
        title=f"{len(result.front)} undominated of {len(result.trials)} networks, "
        f"{result.evaluations} evaluations in {result.spent_seconds:,.0f} s"
        + (f", {failed} failed" if failed else ""),
        title_justify="left",
    )
    table.add_column("accuracy", justify="right")
    for name, limit in (
        ("arena, B", constraints.max_arena),
        ("file, B", constraints.max_flash),
        ("latency, ms", constraints.max_latency),
    ):
        table.add_column(name + (f"\nof {limit:,.6g}" if limit else ""), justify="right")
    table.add_column("network", overflow="fold")
    for trial in result.front[:SHOWN]:
        cost = trial.cost
        table.add_row(
            f"{trial.accuracy:.1%}", f"{cost.arena_bytes:,}", f"{cost.model_bytes:,}",
            f"{cost.latency_ms:.1f}", spell(trial.spec),
        )  # fmt: skip
    console = Console()
    console.print(table)
    if len(result.front) > SHOWN:
        console.print(f"and {len(result.front) - SHOWN} more; --out writes all to front.json")


def say(line: str) -> None:
    """Print a line of plain text."""
    from rich.console import Console

    Console().print(line, highlight=False, soft_wrap=True)
