"""An experiment as a piece of a web page: every state drawn beforehand, no kernel, no network."""

from __future__ import annotations

import html
import json
import math
import os
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any

from tinyml_course.plots.svg import render_svg
from tinyml_course.widgets.state_table import measure_compressed_bytes, pack_states

if TYPE_CHECKING:
    from tinyml_course.widgets.experiment import Control, Experiment

STATIC_VARIABLE = "TINYML_COURSE_STATIC"
"""Set to 1 while the book is built: notebooks then show `static()` in the place of `live()`."""

MAX_PAGE_BYTES = 1_500_000
"""Most bytes of a page after compression."""

MAX_WIDGET_BYTES = 700_000
"""Most compressed bytes of one experiment, so that two and their text share a page."""


@dataclass(frozen=True, slots=True)
class StaticExperiment:
    """An experiment's HTML; notebooks and the book display it.

    Attributes
    ----------
    html : str
        A fragment that works in any page, alone or beside others.
    states : int
        How many states it holds.
    compressed_bytes : int
        Size of `html` after gzip.
    thinned : tuple of str
        What was left out to stay in the budget, one sentence a control; empty as a rule.
    """

    html: str
    states: int
    compressed_bytes: int
    thinned: tuple[str, ...] = ()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {
            "text/html": self.html,
            "text/plain": f"Experiment of {self.states} states, {self.compressed_bytes:,} bytes",
        }


def is_static_build() -> bool:
    """Return whether notebooks are run for the book."""
    return os.environ.get(STATIC_VARIABLE) == "1"


def build_static(experiment: Experiment, *, max_bytes: int = MAX_WIDGET_BYTES) -> StaticExperiment:
    """Return `experiment` as self-contained HTML, drawn by the function that serves it live.

    Over the budget, the longest control that can be thinned keeps every second value, its ends
    and its default, until the piece fits; the page says so.

    Parameters
    ----------
    experiment : Experiment
        Each of its states is drawn once.
    max_bytes : int, default `MAX_WIDGET_BYTES`
        Budget of the compressed HTML.

    Raises
    ------
    ValueError
        If no grid can be thinned further and the piece is still too large, or a state has no
        alt text.
    """
    drawn = {_key(values): _draw_state(experiment, values) for values in experiment.states()}
    controls = experiment.controls
    while True:
        piece = _assemble(experiment, controls, drawn)
        if piece.compressed_bytes <= max_bytes:
            return piece
        thinner = thin_longest(controls)
        if thinner == controls:
            raise ValueError(
                f"experiment {experiment.name!r} takes {piece.compressed_bytes:,} bytes with "
                f"{piece.states} states, the budget is {max_bytes:,}: draw fewer points a figure"
            )
        controls = thinner


def thin_longest(controls: tuple[Control, ...]) -> tuple[Control, ...]:
    """Return `controls`, the longest that can be thinned at every second of its values.

    Ends and default stay. Where nothing can be left out, the controls come back as they are.
    """
    for i in sorted(range(len(controls)), key=lambda i: -len(controls[i].values)):
        kept = _every_second(controls[i])
        if kept != controls[i].values:
            return (*controls[:i], replace(controls[i], values=kept), *controls[i + 1 :])
    return controls


def _every_second(control: Control) -> tuple[Any, ...]:
    last = len(control.values) - 1
    return tuple(
        value
        for i, value in enumerate(control.values)
        if i % 2 == 0 or i == last or value == control.default
    )


def _key(values: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(values.values())


def _draw_state(experiment: Experiment, values: dict[str, Any]) -> tuple[str, str]:
    svg = render_svg(experiment.draw(**values), salt=experiment.name)
    return svg, experiment.describe(**values)


def _assemble(
    experiment: Experiment,
    controls: tuple[Control, ...],
    drawn: dict[tuple[Any, ...], tuple[str, str]],
) -> StaticExperiment:
    """Return the piece that holds the states of `controls`, a part of the experiment's own."""
    states = [drawn[_key(values)] for values in replace(experiment, controls=controls).states()]
    thinned = tuple(
        f"“{new.label}” has {len(new.values)} of its {len(old.values)} values here; the notebook "
        "has them all."
        for old, new in zip(experiment.controls, controls, strict=True)
        if new.values != old.values
    )
    packed = pack_states(*zip(*states, strict=True))
    start = drawn[_key(experiment.defaults)]
    fragment = _write_html(experiment, controls, start, packed=packed, thinned=thinned)
    return StaticExperiment(fragment, len(states), measure_compressed_bytes(fragment), thinned)


def _write_html(
    experiment: Experiment,
    controls: tuple[Control, ...],
    start: tuple[str, str],
    *,
    packed: str,
    thinned: tuple[str, ...],
) -> str:
    """Return the fragment; without JavaScript it shows the question and the first state."""

    def escape(text: str) -> str:
        return html.escape(text, quote=True)

    return Template(_read_asset("static.html")).substitute(
        name=experiment.name,
        title=escape(experiment.name.replace("-", " ")),
        question=escape(experiment.question),
        strides=json.dumps(_strides(controls)),
        controls="\n".join(_write_control(control) for control in controls),
        figure=start[0],
        alt=escape(start[1]),
        notes="".join(f'<p class="tx-note">{escape(note)}</p>' for note in thinned),
        packed=packed,
        css=_read_asset("static.css"),
        script=_read_asset("static.js"),
    )


def _write_control(control: Control) -> str:
    label = html.escape(control.label)
    texts = control.texts
    start = control.values.index(control.default)
    if control.kind == "menu":
        options = "".join(
            f'<option value="{i}"{" selected" if i == start else ""}>{html.escape(text)}</option>'
            for i, text in enumerate(texts)
        )
        return f'<label><span>{label}</span> <select class="tx-control">{options}</select></label>'
    words = html.escape(json.dumps(texts, ensure_ascii=False), quote=True)
    now = html.escape(texts[start], quote=True)
    return (
        f'<label><span>{label}</span> <input class="tx-control" type="range" min="0" '
        f'max="{len(texts) - 1}" step="1" value="{start}" data-texts="{words}" '
        f'aria-valuetext="{now}"> <output>{now}</output></label>'
    )


def _strides(controls: tuple[Control, ...]) -> list[int]:
    """Return how far apart in the list of states two neighbouring values of each control are."""
    sizes = [len(control.values) for control in controls]
    return [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]


@cache
def _read_asset(name: str) -> str:
    return (resources.files("tinyml_course.widgets") / "assets" / name).read_text("utf-8").strip()
