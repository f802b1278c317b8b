"""The learner's designs: what the sliders build, what it costs, and who dominates it."""

import dataclasses

import pytest
from matplotlib.figure import Figure

from tinyml_course.nas.code import to_code
from tinyml_course.nas.costs import measure_cost
from tinyml_course.nas.estimates import EstimatedNetwork
from tinyml_course.nas.space import DEFAULT_SPACE
from tinyml_course.widgets.beat_the_search import (
    LIMITS,
    beat_experiment,
    cost_of,
    design_network,
    designs,
    find_stronger,
    judge,
)
from tinyml_course.widgets.experiment import MAX_STATES

NETWORKS = designs()


def estimate(spec, accuracy=0.5):
    cost = cost_of(spec)
    return EstimatedNetwork(
        network=to_code(spec), accuracy=accuracy, loss=1.0, macs=cost.macs,
        arena_bytes=cost.arena_bytes, model_bytes=cost.model_bytes, latency_ms=cost.latency_ms,
    )  # fmt: skip


ESTIMATED = [estimate(spec) for spec in NETWORKS if not LIMITS.violations(cost_of(spec))]
RIVALS = [
    dataclasses.replace(ESTIMATED[0], network="c4k3", accuracy=0.9, arena_bytes=9000),
    dataclasses.replace(ESTIMATED[0], network="c5k3", accuracy=0.6, arena_bytes=3000),
]


@pytest.fixture(scope="module")
def experiment():
    return beat_experiment(ESTIMATED, RIVALS)


def test_every_design_is_in_the_space_that_the_supernet_shares():
    """Each slider position builds a member of the default space; the grid keeps its budget."""
    assert MAX_STATES >= len(NETWORKS)
    assert all(DEFAULT_SPACE.contains(spec) for spec in NETWORKS)


def test_late_halving_is_in_the_last_two_blocks_and_early_in_the_first_two():
    """The codes show where the map is halved, and by what."""
    options = {"depth": 4, "widths": "8 everywhere", "operation": "depthwise", "kernel": 5}
    assert "c8k5 dk5 dk5/2 dk5/2" == to_code(design_network(**options, shrinking="stride, late"))
    assert "c8k5p2 dk5p2 dk5 dk5" == to_code(design_network(**options, shrinking="pooling, early"))


def test_a_design_costs_what_the_cost_model_says(experiment):
    """Arena, file and latency in the words are those of `measure_cost` for the slimmed file."""
    cost = measure_cost(design_network(**experiment.defaults), form="slim")
    said = experiment.describe(**experiment.defaults)
    assert f"arena {cost.arena_bytes:,} B, file {cost.model_bytes:,} B" in said


def test_a_design_beyond_a_limit_is_not_estimated(experiment):
    """The verdict names the limit, and the figure draws without a star."""
    values = experiment.defaults | {"depth": 5, "widths": "16, doubling", "operation": "conv"}
    assert "exceeds" in experiment.describe(**values)
    assert isinstance(experiment.draw(**values), Figure)


def test_dominated_means_nowhere_better_and_somewhere_worse():
    """A rival with less error and less arena dominates; one with more arena does not."""
    small = judge(NETWORKS[0], {row.network: row for row in ESTIMATED})
    assert "c5k3" == find_stronger(small, RIVALS).network
    assert find_stronger(small, RIVALS[:1]) is None


def test_a_table_without_a_feasible_design_is_refused():
    """A hole raises ValueError before anything is shown."""
    with pytest.raises(ValueError, match="no estimate of"):
        beat_experiment(ESTIMATED[1:], RIVALS)


def test_states_across_the_grid_draw(experiment):
    """Every 71st state gives a figure, and a state's words name its network."""
    for state in list(experiment.states())[::71]:
        assert isinstance(experiment.draw(**state), Figure)
        assert experiment.describe(**state).startswith(to_code(design_network(**state)))
