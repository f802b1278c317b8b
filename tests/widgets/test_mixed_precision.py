"""One slider of bits a layer: what the figures say is what the tables and the planner say."""

import itertools

import pytest
from matplotlib.figure import Figure

from tinyml_course.quantization.allocation import stored_bytes
from tinyml_course.quantization.mixed_results import SensitivityRow, UntrainedPlan
from tinyml_course.widgets.mixed_precision import model_cost, precision_experiment

NAMES = ("c0", "d1", "c1", "d2", "c2", "d3", "c3", "out")
WEIGHTS = (72, 72, 128, 144, 512, 288, 1792, 560)


def row(layer, weights, bits, drop):
    return SensitivityRow(
        seed=0, layer=layer, bits=bits, weights=weights, loss_increase=drop, accuracy_drop=drop,
        squared_error=0.0, trace=0.0, trace_error=0.0, base_accuracy=0.9,
    )  # fmt: skip


ROWS = [
    row(name, weights, bits, 0.01 * number if bits == 4 else 0.0)
    for number, (name, weights) in enumerate(zip(NAMES, WEIGHTS, strict=True))
    for bits in (8, 4)
]
PLANS = [
    UntrainedPlan(
        bits="".join(map(str, bits)),
        weight_bytes=sum(stored_bytes(n, b) for n, b in zip(WEIGHTS, bits, strict=True)),
        loss_increase=0.0,
        accuracy=0.5 + 0.05 * bits.count(8),
    )
    for bits in itertools.product((8, 4), repeat=8)
]


@pytest.fixture(scope="module")
def experiment():
    return precision_experiment(ROWS, PLANS, budget_bytes=2140)


def test_every_plan_is_a_state_with_its_own_words(experiment):
    """All 256 states describe themselves differently, and states across the grid draw."""
    states = list(experiment.states())
    assert 256 == len({experiment.describe(**state) for state in states})
    for state in states[::64]:
        assert isinstance(experiment.draw(**state), Figure)


def test_a_plan_is_predicted_from_the_layers_alone_and_measured_as_a_whole(experiment):
    """Float's accuracy less the single drops, beside the table's figure of the whole plan."""
    said = experiment.describe(**dict.fromkeys(NAMES, 8) | {"d1": 4, "d3": 4})
    assert "4 bits in d1, d3" in said
    assert "3,388 B of weights (95 % of int8)".replace(" %", "%") in said
    assert "accuracy predicted 84.0%, measured 80.0%" in said


def test_the_largest_unpacked_filter_is_in_the_arena():
    """Narrow filters never take less arena, and c3 takes a byte a weight of scratch."""
    full, narrow = model_cost((8,) * 8), model_cost((8,) * 6 + (4, 8))
    assert (0, 1792) == (full.scratch_bytes, narrow.scratch_bytes)
    assert narrow.arena_bytes >= full.arena_bytes
    assert narrow.latency_ms > full.latency_ms


def test_a_plan_that_was_not_measured_is_refused():
    """A table with a hole raises ValueError before anything is shown."""
    with pytest.raises(ValueError, match="got 255 plans of 8 layers"):
        precision_experiment(ROWS, PLANS[1:], budget_bytes=1)
