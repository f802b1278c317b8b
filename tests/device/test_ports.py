"""Inputs and outputs: codes and what a child process may claim about them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_course.core.errors import InvalidModel
from tinyml_course.device.ports import Port, dequantize, parse_port, quantize

IMAGE = Port(shape=(1, 2, 2, 1), dtype="int8", scale=0.5, zero_point=-3)


@settings(max_examples=40)
@given(
    st.floats(-60, 60, width=32),
    st.sampled_from([0.5, 0.25, 0.1, 0.0173]),
    st.integers(-128, 127),
)
def test_quantizing_moves_a_value_by_half_a_step_at_most(value, scale, zero_point):
    """Codes are the nearest ones, within the range that the type can hold."""
    port = Port(shape=(1, 1), dtype="int8", scale=scale, zero_point=zero_point)
    low, high = dequantize(np.array([-128, 127], np.int8), port)
    back = dequantize(quantize(np.array([value], np.float32), port), port)[0]
    assert abs(back - np.clip(value, low, high)) <= scale / 2 * (1 + 1e-4)


@pytest.mark.parametrize(("value", "code"), [(0.25, 1), (-0.25, -1), (0.75, 2), (-0.75, -2)])
def test_halves_round_away_from_zero(value, code):
    """A value between two codes goes to the one farther from zero, not to the even one."""
    port = Port(shape=(1, 1), dtype="int8", scale=0.5)
    assert code == quantize(np.array([value], np.float32), port)[0]


def test_the_largest_float_below_a_half_rounds_to_zero():
    """Adding a half in float32 would carry 0.49999997 up to one."""
    port = Port(shape=(1, 1), dtype="int8", scale=1.0)
    assert 0 == quantize(np.array([0.49999997], np.float32), port)[0]


def test_values_saturate_in_unsigned_types_too():
    """An infinite value gets the last code instead of wrapping around."""
    port = Port(shape=(1, 2), dtype="uint8", scale=0.1, zero_point=10)
    assert [255, 0] == quantize(np.array([np.inf, -np.inf], np.float32), port).tolist()


def test_a_value_that_is_not_a_number_is_refused():
    """NaN has no code."""
    with pytest.raises(ValueError, match="not a number"):
        quantize(np.array([np.nan], np.float32), IMAGE)


def test_float_images_are_encoded_with_the_inputs_own_scale():
    """A float batch becomes codes of the model's type."""
    expected = np.full((3, 2, 2, 1), -1, np.int8)
    assert np.array_equal(expected, IMAGE.encode(np.ones((3, 2, 2, 1))))


def test_a_port_without_a_batch_of_one_keeps_its_whole_shape():
    """Samples of a model that takes four rows at once are four rows."""
    assert (4, 7) == Port(shape=(4, 7), dtype="int8").sample_shape


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        (np.zeros((3, 2, 2), np.int8), r"shape \(3, 2, 2\).*takes \(N, 2, 2, 1\)"),
        (np.zeros((1, 3, 2, 2, 1), np.int8), "reshape"),
        (np.zeros((3, 2, 2, 1), np.uint8), "type uint8.*takes int8.*or floats"),
        (np.zeros((3, 2, 2, 1), np.int64), "type int64"),
        (np.int8(3), "shape"),
    ],
)
def test_what_does_not_match_is_named(batch, words):
    """A wrong shape or integer type is refused with what the model takes."""
    with pytest.raises(ValueError, match=words):
        IMAGE.encode(batch)


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [1, 0]},
        {"shape": [1, -4]},
        {"shape": [2**40, 2**40]},
        {"shape": "abc"},
        {"shape": None},
        {"dtype": "object"},
        {"dtype": "<U200000000"},
        {"scale": None},
        {"zero_point": float("inf")},
    ],
)
def test_a_forged_description_is_an_invalid_model(change):
    """Whatever the child claims, the parent allocates nothing absurd."""
    stored = {"shape": [1, 4], "dtype": "int8", "scale": 0.5, "zero_point": 0}
    with pytest.raises(InvalidModel):
        parse_port({**stored, **change})
