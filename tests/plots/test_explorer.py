"""The figure of the Pareto explorer."""

from __future__ import annotations

import numpy as np

from tinyml_course.core.arch import gesture_net
from tinyml_course.cost.graph import arch_graph
from tinyml_course.device.arena import plan_arena
from tinyml_course.plots.explorer import plot_explorer, plot_front_choice

COSTS = np.array([[4.0, 10.0], [2.0, 30.0], [5.0, 40.0]])


def test_the_front_has_every_network_once_and_the_star_on_the_chosen_one():
    """Dominated, undominated and chosen networks lie where their costs say."""
    axes = plot_front_choice(COSTS, np.array([True, True, False]), 1, xlabel="arena, KB")
    others, front, star = (line.get_xydata().tolist() for line in axes.lines)
    assert ([[5, 40]], [[4, 10], [2, 30]], [[2, 30]]) == (others, front, star)


def test_the_network_stands_above_its_arena_and_the_front_has_a_place():
    """Three axes: blocks under the title, the memory map with its limit, and empty ones."""
    spec = gesture_net(3)
    plan = plan_arena(arch_graph(spec), "esp-nn")
    figure, free = plot_explorer(spec, plan, title="here", limit_bytes=plan.required_bytes + 9)
    assert [free] == [axes for axes in figure.axes if not (axes.lines or axes.patches)]
    titles = [axes.get_title(loc=side) for axes in figure.axes for side in ("left", "center")]
    assert "here" in titles
    assert any(f"{plan.arena_bytes:,} B" in title for title in titles)
