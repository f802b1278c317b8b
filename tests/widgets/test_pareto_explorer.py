"""The Pareto explorer: its front, its order and what it says about a network."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure

from tinyml_course.nas.costs import measure_cost
from tinyml_course.nas.pareto import dominates
from tinyml_course.nas.tabulated import SMALL_SPACE, Entry
from tinyml_course.widgets.pareto_explorer import AXES, front_explorer, summarise

RNG = np.random.default_rng(0)
ENTRIES = tuple(
    Entry(spec=spec, accuracy=float(RNG.random()), loss=1.0, cost=measure_cost(spec, form="slim"))
    for spec in (SMALL_SPACE.sample(RNG) for _ in range(40))
)
EXPERIMENT = front_explorer(ENTRIES, limit_bytes=16384)


def row(entry: Entry) -> list[float]:
    """Return the four objectives."""
    cost = entry.cost
    return [1 - entry.accuracy, cost.arena_bytes, cost.model_bytes, cost.latency_ms]


def test_every_undominated_network_has_a_place_and_no_other():
    """The alt texts name exactly the networks that no other one dominates, once each."""
    front = [
        entry for entry in ENTRIES
        if not any(dominates(row(other), row(entry)) for other in ENTRIES)
    ]  # fmt: skip
    places = EXPERIMENT.controls[0].values
    said = [EXPERIMENT.describe(place=place, axis="latency, ms") for place in places]
    assert len(front) == len(said)
    assert all(sum(summarise(entry) in text for text in said) == 1 for entry in front)


def test_the_walk_begins_at_the_most_accurate_network():
    """Errors rise or stay along the walk."""
    texts = [EXPERIMENT.describe(place=p, axis="arena, KB") for p in EXPERIMENT.controls[0].values]
    errors = [float(text.split("error ")[1].split("%")[0]) for text in texts]
    assert all(a <= b for a, b in pairwise(errors))
    assert errors[0] == pytest.approx(100 * min(1 - e.accuracy for e in ENTRIES), abs=0.05)


@pytest.mark.parametrize("axis", list(AXES))
def test_a_state_draws_with_the_star_on_the_chosen_network(axis):
    """The star is where the chosen network's cost and error are."""
    figure = EXPERIMENT.draw(place=1, axis=axis)
    assert isinstance(figure, Figure)
    best = min(ENTRIES, key=lambda entry: 1 - entry.accuracy)
    column, unit = AXES[axis]
    star = next(line for ax in figure.axes for line in ax.lines if line.get_marker() == "*")
    assert star.get_xydata()[0] == pytest.approx([row(best)[column] / unit, 100 * row(best)[0]])


def test_a_long_front_is_cut_so_that_a_page_can_hold_it():
    """Many networks of falling accuracy and cost make no more than 400 states."""
    many = [
        replace(ENTRIES[0], accuracy=i / 500, cost=replace(ENTRIES[0].cost, arena_bytes=1000 + i))
        for i in range(300)
    ]
    assert len(list(front_explorer(many, limit_bytes=9).states())) <= 400
