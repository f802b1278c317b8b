"""An experiment: controls around one pure function, declared once and shown in several ways."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from tinyml_course.plots.style import img_tag, render_png
from tinyml_course.widgets.static import StaticExperiment, build_static, is_static_build

MAX_STATES = 400
"""Most combinations of control values, so that a page without a kernel can hold them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One knob of an experiment: a parameter of its function and the values it may take.

    Attributes
    ----------
    name : str
        Parameter of the experiment's function.
    label : str
        What the learner reads, with the unit.
    values : tuple
        The grid, in the order of the slider; numbers, strings or booleans.
    default : object
        The value at the start, one of `values`.
    kind : {'slider', 'menu'}
        How it is shown.
    """

    name: str
    label: str
    values: tuple[Any, ...]
    default: Any
    kind: str = "slider"

    def __post_init__(self) -> None:
        if self.kind not in ("slider", "menu"):
            raise ValueError(f"kind must be 'slider' or 'menu', got {self.kind!r}")
        if self.default not in self.values:
            raise ValueError(
                f"default of {self.name!r} must be one of its values, got {self.default!r}"
            )
        if len(set(self.values)) != len(self.values):
            raise ValueError(f"values of {self.name!r} must differ from each other")

    @property
    def texts(self) -> tuple[str, ...]:
        """The values as a learner reads them."""
        return tuple(_format(value) for value in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A question that a learner answers by moving controls.

    Attributes
    ----------
    name : str
        Identifier, unique in the course: lower case with hyphens.
    question : str
        What to predict before the result appears.
    controls : tuple of Control
        The knobs; the product of their grids has at most 400 states.
    draw : callable
        Pure function from the controls' values to a matplotlib Figure made without pyplot.
    describe : callable
        Pure function from the same values to the figure's alt text, with the result in it.

    Raises
    ------
    ValueError
        If the grid is larger than `MAX_STATES`.

    Examples
    --------
    >>> from tinyml_course.plots import new_figure
    >>> line = Experiment(
    ...     name="a-line",
    ...     question="Does the line rise?",
    ...     controls=(Control(name="slope", label="slope", values=(-1, 0, 1), default=0),),
    ...     draw=lambda slope: new_figure()[0],
    ...     describe=lambda slope: f"A line of slope {slope}.",
    ... )
    >>> [state["slope"] for state in line.states()]
    [-1, 0, 1]
    """

    name: str
    question: str
    controls: tuple[Control, ...]
    draw: Callable[..., Figure]
    describe: Callable[..., str]

    def __post_init__(self) -> None:
        states = math.prod(len(control.values) for control in self.controls)
        if states > MAX_STATES:
            raise ValueError(
                f"experiment {self.name!r} has {states} states; coarsen its grids to {MAX_STATES}"
            )

    @property
    def defaults(self) -> dict[str, Any]:
        """The controls' values at the start."""
        return {control.name: control.default for control in self.controls}

    def states(self) -> Iterator[dict[str, Any]]:
        """Yield every combination of the controls' values, the last control fastest."""
        names = [control.name for control in self.controls]
        for values in itertools.product(*(control.values for control in self.controls)):
            yield dict(zip(names, values, strict=True))

    def render(self, **values: Any) -> str:
        """Return the figure at `values` as HTML with its alt text.

        Raises
        ------
        ValueError
            If a value is not on its control's grid.
        """
        for control in self.controls:
            if values[control.name] not in control.values:
                raise ValueError(f"{control.name}={values[control.name]!r} is not on the grid")
        return img_tag(render_png(self.draw(**values), dpi=100), self.describe(**values))

    def live(self) -> Any:
        """Return ipywidgets: question, a field for the prediction, then controls and figure.

        The figure appears once the learner has entered a prediction or chosen to skip it.
        Needs a running kernel. While the book is built (``TINYML_COURSE_STATIC=1``) no kernel
        will run where the page is read: the same as `static` comes back, and no widget is made,
        so that the page asks the network for no widget library.
        """
        if is_static_build():
            return self.static()
        from tinyml_course.widgets.live import build_live

        return build_live(self)

    def static(self) -> StaticExperiment:
        """Return a page's version of it: every state drawn now, none when it is read.

        Raises
        ------
        ValueError
            If it cannot be made to fit in a page.
        """
        return build_static(self)


def _format(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else f"{value}"
