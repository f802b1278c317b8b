"""The guessing game of the diagnosis: six patients, one fault each or none."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tinyml_course.plots.diagnosis import plot_bars, plot_ranges, plot_sqnr
from tinyml_course.plots.style import new_figure
from tinyml_course.quantization.findings import Diagnosis
from tinyml_course.widgets.experiment import Control, Experiment

VIEWS = ("ranges", "weights", "channels")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLayer:
    """What the game shows of one layer; decibels and ranges as in `LayerHealth`.

    Attributes
    ----------
    layer : str
        Its name.
    sqnr_db, limit_db : float
        Measured ratio, and what rounding this output alone would leave.
    low, high, float_low, float_high : float
        Ranges of the codes and of the float values.
    weight_db : float or None
        Ratio of the float weights to their error; None without weights.
    living : float
        Share of the channels that change from sample to sample, in [0, 1].
    """

    layer: str
    sqnr_db: float
    limit_db: float
    low: float
    high: float
    float_low: float
    float_high: float
    weight_db: float | None
    living: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One patient of the game.

    Attributes
    ----------
    letter : str
        What the learner calls it.
    fault : str
        The answer in a few words.
    story : str
        How it came about.
    evidence : str
        What the diagnosis says, findings and remedies.
    accuracy_float, accuracy_quantized : float
        Shares of the samples classified right, in [0, 1].
    samples : int
        N.
    layers : tuple of CaseLayer
        In execution order, the input first.
    """

    letter: str
    fault: str
    story: str
    evidence: str
    accuracy_float: float
    accuracy_quantized: float
    samples: int
    layers: tuple[CaseLayer, ...]


def make_case(letter: str, story: str, diagnosis: Diagnosis) -> Case:
    """Return a case of the game from a diagnosis with labels.

    Parameters
    ----------
    letter : str
        What the learner calls it.
    story : str
        How the fault came about.
    diagnosis : Diagnosis
        Of the patient.
    """
    found = diagnosis.findings
    return Case(
        letter=letter,
        fault=", ".join(f"{x.kind} at {x.layer}" for x in found) or "healthy",
        story=story,
        evidence=" ".join(f"Evidence: {x.evidence}. Remedy: {x.remedy}." for x in found),
        accuracy_float=diagnosis.accuracy_float or 0.0,
        accuracy_quantized=diagnosis.accuracy_quantized or 0.0,
        samples=diagnosis.samples,
        layers=tuple(
            CaseLayer(
                layer=x.layer,
                sqnr_db=round(x.sqnr_db, 2),
                limit_db=round(x.rounding_db, 2),
                low=round(x.low, 4),
                high=round(x.high, 4),
                float_low=round(x.float_low, 4),
                float_high=round(x.float_high, 4),
                weight_db=None if x.weight_sqnr_db is None else round(x.weight_sqnr_db, 2),
                living=round(1 - len(x.dead) / x.channels, 4),
            )
            for x in diagnosis.layers
        ),
    )


def write_cases(path: Path, cases: Sequence[Case]) -> None:
    """Write the cases as JSON, one entry each.

    Raises
    ------
    ValueError
        If a figure is not finite.
    """
    text = json.dumps([asdict(case) for case in cases], indent=1, allow_nan=False)
    path.write_text(text + "\n")


def read_cases(path: Path) -> tuple[Case, ...]:
    """Return the cases that `write_cases` wrote."""
    return tuple(
        Case(**entry | {"layers": tuple(CaseLayer(**layer) for layer in entry["layers"])})
        for entry in json.loads(path.read_text())
    )


def fault_game(cases: Sequence[Case]) -> Experiment:
    """Return the game: choose a patient and a view, guess, then reveal the fault.

    Parameters
    ----------
    cases : sequence of Case
        With the same layers; one of them is healthy.
    """
    by_letter = {case.letter: case for case in cases}
    healthy = next(case for case in cases if case.fault == "healthy")

    def draw(letter: str, view: str, reveal: bool) -> Figure:
        return _draw_case(by_letter[letter], view, healthy if reveal else None)

    def describe(letter: str, view: str, reveal: bool) -> str:
        return _describe_case(by_letter[letter], view, reveal)

    return Experiment(
        name="find-the-fault",
        question="Of six patients one is healthy. Which one, and what ails the other five?",
        controls=(
            Control(name="letter", label="patient", values=tuple(by_letter), default="A"),
            Control(
                name="view", label="right picture", values=VIEWS, default="ranges", kind="menu"
            ),
            Control(name="reveal", label="reveal the fault", values=(False, True), default=False),
        ),
        draw=draw,
        describe=describe,
    )


def _draw_case(case: Case, view: str, healthy: Case | None) -> Figure:
    figure, (left, right) = new_figure(1, 2, width=10.0, height=4.6 if healthy else 3.8)
    names = [layer.layer for layer in case.layers]
    plot_sqnr(
        names,
        [layer.sqnr_db for layer in case.layers],
        [layer.limit_db for layer in case.layers],
        healthy_db=[layer.sqnr_db for layer in healthy.layers]
        if healthy and healthy is not case and len(healthy.layers) == len(case.layers)
        else None,
        ax=left,
    )
    left.set_title(f"Patient {case.letter}: {_accuracies(case)}", fontsize=10)
    _DRAWN[view](case, names, right)
    if healthy:
        told = textwrap.fill(f"{case.fault}. {case.story} {case.evidence}", 118)
        figure.suptitle(told, fontsize=9, x=0.01, ha="left")
    return figure


def _draw_ranges(case: Case, names: list[str], ax: Axes) -> None:
    plot_ranges(
        names,
        [(layer.low, layer.high) for layer in case.layers],
        [(layer.float_low, layer.float_high) for layer in case.layers],
        ax=ax,
    )


def _draw_weights(case: Case, names: list[str], ax: Axes) -> None:
    figures = [layer.weight_db for layer in case.layers]
    plot_bars(names, figures, ylabel="weights: signal to noise (dB, measured)", top=60.0, ax=ax)


def _draw_channels(case: Case, names: list[str], ax: Axes) -> None:
    figures = [100 * layer.living for layer in case.layers]
    plot_bars(names, figures, ylabel="channels that ever change (%, measured)", top=100.0, ax=ax)


_DRAWN: dict[str, Callable[[Case, list[str], Axes], None]] = {
    "ranges": _draw_ranges, "weights": _draw_weights, "channels": _draw_channels,
}  # fmt: skip


def _describe_case(case: Case, view: str, reveal: bool) -> str:
    ratios = ", ".join(f"{x.layer} {x.sqnr_db:.0f}" for x in case.layers)
    text = f"Patient {case.letter}, {_accuracies(case)}. SQNR in dB: {ratios}. {_seen(case, view)}."
    return f"{text} {case.fault}: {case.story} {case.evidence}" if reveal else text


def _seen(case: Case, view: str) -> str:
    """Return what the right picture shows, in words."""
    if view == "weights":
        shown: list[Any] = [x for x in case.layers if x.weight_db is not None]
        return "Weights in dB: " + ", ".join(f"{x.layer} {x.weight_db:.0f}" for x in shown)
    if view == "channels":
        return "Channels that change: " + ", ".join(
            f"{x.layer} {x.living:.0%}" for x in case.layers
        )
    beyond = [x.layer for x in case.layers if x.float_high > x.high * 1.01 and x.high < math.inf]
    return f"Float values reach beyond the codes in: {', '.join(beyond) or 'no layer'}"


def _accuracies(case: Case) -> str:
    return (
        f"{case.accuracy_float:.0%} right in float, {case.accuracy_quantized:.0%} in int8 "
        f"({case.samples} samples)"
    )
