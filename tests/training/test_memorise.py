import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.training.memorise import flip_labels, measure_capacity, memorise, stored_bits


def test_a_linear_unit_stores_fewer_labels_than_it_has_weights_and_not_ten_times_as_many():
    """Up to one label per weight is stored; at ten labels per weight, Cover's bound bites."""
    few = [memorise(8, inputs=8, hidden=0, seed=s, epochs=300)[1] for s in range(3)]
    many = [memorise(90, inputs=8, hidden=0, seed=s, epochs=300)[1] for s in range(3)]

    assert [1.0, 1.0, 1.0] == few
    assert max(many) < 0.9


def test_capacity_is_reached_between_half_and_four_labels_per_parameter():
    """At half a label per parameter each label is stored; at four, most are not."""
    parameters, bits = measure_capacity([0.5, 4.0], inputs=6, hidden=6, seeds=[0])

    assert (6 + 1) * 6 + (6 + 1) * 2 == parameters
    assert 0.5 == bits[0]
    assert bits[1] < 2.0


@given(st.integers(1, 1000), st.floats(0, 1))
def test_stored_bits_lie_between_nothing_and_one_per_label(samples, accuracy):
    """A binary label holds at most one bit, and no recall holds less than none."""
    assert -1e-9 <= stored_bits(samples, accuracy) <= samples


def test_stored_bits_match_the_binary_entropy_at_a_quarter():
    """At 75 % recall, H = 0.8113 bits per label are unknown."""
    assert 18.87 == pytest.approx(stored_bits(100, 0.75), abs=0.005)


@given(st.integers(2, 200), st.floats(0, 1), st.integers(2, 10), st.integers(0, 2**32 - 1))
def test_flipping_changes_exactly_that_share(count, share, classes, seed):
    """Each chosen label becomes another class, the rest stay, and the input is not edited."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    before = labels.copy()

    noisy = flip_labels(labels, share, classes, rng)

    assert round(share * count) == int((noisy != labels).sum())
    assert np.array_equal(before, labels)
    assert 0 <= noisy.min() <= noisy.max() < classes


def test_impossible_shares_are_refused():
    """A share above one is an error."""
    with pytest.raises(ValueError, match="share"):
        flip_labels(np.zeros(3, np.int64), 1.5, 2, np.random.default_rng(0))
    with pytest.raises(ValueError, match="accuracy"):
        stored_bits(3, 1.5)
