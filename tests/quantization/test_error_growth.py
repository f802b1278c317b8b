"""Error growth against the inequalities that it must obey, and cases solved by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.quantization.error_growth import (
    measure_growth,
    quantize_weights,
    random_network,
    run_layers,
    split_error,
)


@st.composite
def networks(draw):
    """A random network with inputs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    depth, gain = draw(st.integers(1, 6)), draw(st.floats(0.3, 2.0))
    return random_network(depth, width=8, gain=gain, rng=rng), rng.normal(size=(5, 8))


@given(networks(), st.integers(2, 8))
def test_bound(network, bits):
    """No network drifts further than its layers' gains and own errors allow."""
    growth = measure_growth(*network, bits=bits)
    assert (growth.total <= growth.bound * (1 + 1e-9) + 1e-12).all()
    assert growth.total[0] == pytest.approx(growth.local[0])


@given(networks(), st.integers(2, 8))
def test_shares_sum_to_the_whole(network, bits):
    """The layers' shares add up, as vectors, to the output's error; norms only bound it."""
    weights, x = network
    shares = split_error(weights, x, bits=bits)
    error = run_layers(quantize_weights(weights, bits), x)[-1] - run_layers(weights, x)[-1]
    np.testing.assert_allclose(shares.sum(axis=0), error, atol=1e-9)
    norms = np.linalg.norm(shares, axis=2)
    assert (np.linalg.norm(error, axis=1) <= norms.sum(axis=0) + 1e-9).all()


def test_two_layers_by_hand():
    """At 2 bits a weight of 0.25 beside a 1 rounds to zero: what it carried is the error."""
    growth = measure_growth([np.array([[1.0]]), np.array([[1.0]])], np.array([[2.0]]), bits=2)
    assert [0.0, 0.0] == growth.total.tolist()
    weights = [np.diag([1.0, 1.0]), np.diag([1.0, 0.25])]  # 0.25 rounds to 0 of {-1, 0, 1}
    growth = measure_growth(weights, np.array([[3.0, 4.0]]), bits=2)
    assert [0.0, 1.0] == growth.local.tolist()
    assert [0.0, 1.0] == growth.total.tolist()
    assert [0.0, 1.0] == growth.summed.tolist()


def test_errors_may_vanish():
    """A layer that ignores a wrong input ends with no error: the sum is no lower bound."""
    weights = [np.diag([1.0, 0.25]), np.diag([1.0, 0.0])]
    growth = measure_growth(weights, np.array([[3.0, 4.0]]), bits=2)
    assert [1.0, 0.0] == growth.total.tolist()
    assert 1.0 == growth.summed[-1]


@pytest.mark.parametrize("gain", [0.8, 1.0, 1.3])
def test_gain(gain):
    """The signal of a wide network grows by its gain per layer."""
    rng = np.random.default_rng(1)
    weights = random_network(10, width=256, gain=gain, rng=rng)
    sizes = [
        np.linalg.norm(h, axis=1).mean() for h in run_layers(weights, rng.normal(size=(64, 256)))
    ]
    assert gain == pytest.approx((sizes[-1] / sizes[0]) ** (1 / 9), rel=0.08)
