"""An experiment as ipywidgets, for a notebook with a running kernel."""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tinyml_course.widgets.ahead import Ahead, nearby

if TYPE_CHECKING:
    from tinyml_course.widgets.experiment import Control, Experiment

CSS_CLASS = "tinyml-experiment"
STYLE = f"""<style>
body[data-jp-theme-light="false"] .{CSS_CLASS} select {{
  color-scheme: dark; appearance: auto; background-image: none; }}
body[data-jp-theme-light="false"] .{CSS_CLASS} img {{ border-radius: 4px; }}
</style>"""
"""JupyterLab's dark theme draws the arrow of a menu black on black."""


def build_live(experiment: Experiment) -> Any:
    """Return question, a field for the prediction, then controls and figure, as ipywidgets.

    A figure is drawn once. While the kernel has nothing else to do, those that one move of a
    control leads to are drawn beforehand, so that the move shows them at once.

    Parameters
    ----------
    experiment : Experiment
        What to show.
    """
    import ipywidgets as w

    controls = experiment.controls
    picture = w.HTML()
    column = _label_column(controls)
    knobs = {control.name: _make_knob(control, column) for control in controls}
    render = lru_cache(maxsize=None)(lambda *items: experiment.render(**dict(items)))
    ahead = Ahead(lambda state: render(*state.items()))

    def update(moved: str = "") -> None:
        now = {name: knob.value for name, knob in knobs.items()}
        picture.value = render(*now.items())
        ahead.plan(nearby(controls, now, moved=moved))

    for name, knob in knobs.items():
        knob.observe(lambda _, moved=name: update(moved), names="value")
    result = w.VBox([*knobs.values(), picture])
    box = _predict_first(experiment.question, result, update)
    box.add_class(CSS_CLASS)
    return box


def _label_column(controls: tuple[Control, ...]) -> str:
    """Return a CSS width that holds the longest label, so that all knobs begin in one line."""
    return f"{max(len(control.label) for control in controls) + 1}ch"


def _make_knob(control: Control, column: str) -> Any:
    import ipywidgets as w

    make = w.SelectionSlider if control.kind == "slider" else w.Dropdown
    return make(
        options=list(zip(control.texts, control.values, strict=True)),
        value=control.default,
        description=control.label,
        style={"description_width": column},
        layout=w.Layout(width="95%", max_width=f"calc({column} + 26em)"),
        **({"continuous_update": True} if control.kind == "slider" else {}),
    )


def _predict_first(question: str, result: Any, reveal: Callable[[], None]) -> Any:
    """Return a box that hides `result` until a prediction is entered or skipped."""
    import ipywidgets as w

    field = w.Text(
        placeholder="your prediction",
        tooltip="Your prediction; Enter shows the result",
        layout=w.Layout(width="60%", max_width="24em"),
    )
    button = w.Button(description="Show the result", button_style="primary")
    skip = w.Button(description="Skip the prediction")
    noted = w.HTML()
    result.layout.display = "none"

    def note(_: Any = None) -> None:
        said = html.escape(field.value.strip())
        noted.value = f"<b>You predicted:</b> {said}" if said else "No prediction made."

    def open_result(_: Any = None) -> None:
        note()
        field.observe(note, names="value")  # a press may overtake the last letters
        entry.layout.display = "none"
        result.layout.display = ""
        reveal()

    def open_if_predicted(_: Any = None) -> None:
        if field.value.strip():
            open_result()
        else:
            noted.value = "Write down a prediction first, or skip it."

    def open_on_enter(_: Any, content: Any, __: Any) -> None:
        if content.get("event") == "submit":  # what the field sends when Enter is pressed
            open_if_predicted()

    field.on_msg(open_on_enter)
    button.on_click(open_if_predicted)
    skip.on_click(open_result)
    entry = w.HBox([field, button, skip], layout=w.Layout(flex_flow="row wrap"))
    asked = w.HTML(f"{STYLE}<b>Predict.</b> {html.escape(question)}")
    return w.VBox([asked, entry, noted, result])
