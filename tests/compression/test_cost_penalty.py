"""The penalty on gates: its value, its gradient, and what it can't be fooled by."""

import numpy as np
import pytest

from tinyml_course.compression.cost_penalty import effective_width, price
from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.environment import load_tensorflow

pytestmark = pytest.mark.slow

SPEC = ArchSpec(
    layers=tuple(LayerSpec(op="conv", filters=width, stride=2) for width in (3, 5)),
    classes=4,
    input_shape=(8, 8, 1),
)


def gates(seed: int = 0):
    """Return gates of both groups in float64, some negative."""
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 1, 3), rng.normal(0, 1, 5)]


@pytest.mark.parametrize("open_gates", [1, 2, 5])
def test_the_effective_width_counts_equal_gates(open_gates):
    """Of k equal gates among zeros k are counted, whatever their sign."""
    values = np.zeros(7)
    values[:open_gates] = -0.3

    assert effective_width(values).numpy() == pytest.approx(open_gates)


def test_making_all_gates_small_lowers_nothing():
    """The next layer can undo a common factor, so it must not pay: kills a sum of magnitudes."""
    penalty = price(SPEC, flash_weight=0.5, latency_weight=2.0)

    small = penalty([0.01 * gates()[0], 3.0 * gates()[1]]).numpy()

    assert small == pytest.approx(penalty(gates()).numpy(), rel=1e-12)


def test_the_whole_network_costs_the_sum_of_the_weights():
    """With equal gates both costs are those of the whole network."""
    penalty = price(SPEC, flash_weight=0.5, latency_weight=2.0)

    assert penalty([np.ones(3), np.ones(5)]).numpy() == pytest.approx(2.5)


def test_closed_gates_cost_what_the_narrow_network_costs():
    """Zeroed gates count as removed channels, in the right group."""
    penalty = price(SPEC, flash_weight=0.0, latency_weight=1.0)
    surface = penalty.latency

    found = penalty([np.array([1.0, 0, 1]), np.array([0, 0, 1.0, 0, 0])]).numpy()

    assert found == pytest.approx(surface(np.array([2.0, 1.0])) / surface.whole)
    assert found != pytest.approx(surface(np.array([1.0, 2.0])) / surface.whole)


@pytest.mark.parametrize(("flash", "latency"), [(1.0, 0.0), (0.0, 1.0), (0.3, 2.0)])
def test_the_gradient_agrees_with_finite_differences(flash, latency):
    """Derivatives by every gate are right in float64."""
    tf = load_tensorflow()
    penalty = price(SPEC, flash_weight=flash, latency_weight=latency)
    variables = [tf.Variable(gate) for gate in gates()]
    with tf.GradientTape() as tape:
        value = penalty(variables)
    found = np.concatenate(tape.gradient(value, variables))

    numerical = []
    for group, gate in enumerate(gates()):
        for place in range(len(gate)):
            moved = [[g.copy() for g in gates()] for _ in range(2)]
            moved[0][group][place] += 1e-6
            moved[1][group][place] -= 1e-6
            up, down = (penalty(m).numpy() for m in moved)
            numerical.append((up - down) / 2e-6)

    np.testing.assert_allclose(found, numerical, rtol=1e-6, atol=1e-9)


def test_weak_gates_fall_and_strong_ones_rise():
    """A step down the gradient takes from the weakest gate and gives to the strongest."""
    tf = load_tensorflow()
    penalty = price(SPEC, flash_weight=1.0, latency_weight=1.0)
    first = tf.Variable([0.2, 1.0, 0.6])
    with tf.GradientTape() as tape:
        value = penalty([first, tf.ones(5)])
    slope = tape.gradient(value, first).numpy()

    assert slope[0] > slope[2] > slope[1]
    assert slope[0] > 0 > slope[1]


def test_negative_weights_are_refused():
    """A penalty that rewards size is an error."""
    with pytest.raises(ValueError, match="at least 0, got -1"):
        price(SPEC, flash_weight=-1.0, latency_weight=0.0)
