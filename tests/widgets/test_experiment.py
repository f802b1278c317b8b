"""Experiments: grids and rendering."""

import pytest

from tinyml_course.plots import new_figure
from tinyml_course.widgets.experiment import Control, Experiment


def line_figure(slope, dashed):
    """Return a figure with one line."""
    figure, ax = new_figure()
    ax.plot([0, 1], [0, slope], linestyle="--" if dashed else "-")
    return figure


def line_experiment():
    """Return an experiment of six states."""
    return Experiment(
        name="a-line",
        question="Does it rise?",
        controls=(
            Control(name="slope", label="slope", values=(-1, 0, 1), default=0),
            Control(
                name="dashed", label="dashed", values=(False, True), default=False, kind="menu"
            ),
        ),
        draw=line_figure,
        describe=lambda slope, dashed: f"slope {slope}, {'dashed' if dashed else 'solid'}",
    )


def test_states_are_the_product_of_the_grids():
    """Every combination appears once, the last control fastest."""
    states = [tuple(state.values()) for state in line_experiment().states()]
    assert states == [(s, d) for s in (-1, 0, 1) for d in (False, True)]


def test_a_grid_too_large_for_a_page_is_refused():
    """More than 400 states raise ValueError."""
    wide = Control(name="slope", label="slope", values=tuple(range(401)), default=0)
    with pytest.raises(ValueError, match="401 states"):
        Experiment(name="x", question="?", controls=(wide,), draw=line_figure, describe=str)


@pytest.mark.parametrize(
    ("change", "fault"),
    [({"default": 7}, "default"), ({"kind": "knob"}, "kind"), ({"values": (0, 0)}, "differ")],
)
def test_controls_that_make_no_sense_are_refused(change, fault):
    """A default off the grid, an unknown kind and repeated values raise ValueError."""
    with pytest.raises(ValueError, match=fault):
        Control(**{"name": "a", "label": "a", "values": (0, 1), "default": 0, **change})


def test_rendering_a_value_off_the_grid_is_refused():
    """Only values of the grid can be drawn."""
    with pytest.raises(ValueError, match="slope=5 is not on the grid"):
        line_experiment().render(slope=5, dashed=False)
