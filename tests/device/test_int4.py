"""Four-bit codes: their bytes, and the grid on which an int8 filter lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.device.factory import make_model, operand
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.int4 import (
    filter_bytes,
    filter_ops,
    fit_int4,
    narrow_filters,
    pack_codes,
    unpack_codes,
)
from tinyml_course.device.repack import pack_int4

MODELS = Path(__file__).parent / "truth" / "models"
CODES = hnp.arrays(np.int8, st.integers(0, 33), elements=st.integers(-8, 7))


def dense(filters, scale=0.5):
    """Return an int8 model of one dense layer with the given filter."""
    filters = np.asarray(filters)
    out, into = filters.shape
    inputs = [
        operand("INT8", 1, into),
        operand("INT8", out, into, data=filters, scale=scale),
        operand("INT32", out, data=np.arange(out) * 100),
    ]
    return make_model(
        "FULLY_CONNECTED", inputs, [operand("INT8", 1, out)], ("FullyConnectedOptions", {})
    )


@given(CODES)
def test_unpacking_undoes_packing(codes):
    """Any number of codes comes back, odd ones included, from half as many bytes, rounded up."""
    data = pack_codes(codes)
    assert (len(codes) + 1) // 2 == len(data)
    np.testing.assert_array_equal(codes, unpack_codes(data, len(codes)))


@given(CODES)
def test_the_first_code_of_a_pair_is_in_the_low_half(codes):
    """Each byte is first + 16 * second, both modulo 16; a missing second one is zero."""
    numbers = [int(code) % 16 for code in codes] + [0]
    pairs = zip(numbers[0::2], numbers[1::2], strict=False)
    assert bytes(low + 16 * high for low, high in pairs) == pack_codes(codes)


@pytest.mark.parametrize("code", [-9, 8])
def test_codes_beyond_four_bits_are_refused(code):
    """A code outside of -8..7 raises ValueError instead of losing its upper bits."""
    with pytest.raises(ValueError, match=r"-8\.\.7"):
        pack_codes(np.array([0, code]))


def test_asking_for_more_codes_than_there_are_is_refused():
    """Two bytes hold four codes; five raise ValueError."""
    with pytest.raises(ValueError, match="2 B hold 4 codes"):
        unpack_codes(b"ab", 5)


@given(
    hnp.arrays(np.int8, (3, 5), elements=st.integers(-7, 7)),
    st.sampled_from([1.0, 127 / 7, 18.0, 3.0]),
)
def test_a_grid_is_found_below_the_converters_rounding(codes, step):
    """Values rounded off a 4-bit grid come back within half an int8 step of where they were."""
    int8 = np.round(codes * step).astype(np.int8)
    (fit,) = fit_int4(dense(int8))
    assert fit.on_grid
    real = fit.codes * fit.scales[0].astype(np.float64)
    assert np.abs(real - int8 * 0.5).max() <= 0.25 + 1e-5


def test_the_converters_step_is_found_exactly():
    """A 4-bit range spread over 127 codes gives its codes back, and 127/7 of the int8 scale."""
    codes = np.arange(-7, 8).reshape(3, 5)
    (fit,) = fit_int4(dense(np.round(codes * 127 / 7)))
    np.testing.assert_array_equal(codes, fit.codes)
    assert np.float32(0.5 * 127 / 7) == fit.scales[0]


@given(hnp.arrays(np.int8, (4, 16), elements=st.integers(-127, 127)))
def test_the_nearest_code_is_at_most_half_a_step_away(int8):
    """What lies on no grid is rounded: no value moves by more than half a 4-bit step."""
    (fit,) = fit_int4(dense(int8))
    assert fit.error_steps <= 0.5 + 1e-9
    real = fit.codes * fit.scales[0].astype(np.float64)
    assert np.abs(real - int8 * 0.5).max() <= 0.5 * fit.scales[0] * (1 + 1e-6)


def test_arbitrary_weights_lie_on_no_grid():
    """A filter with every int8 code is not taken for a 4-bit one."""
    (fit,) = fit_int4(dense(np.arange(-127, 128).reshape(5, 51)))
    assert not fit.on_grid
    assert 0.45 < fit.error_steps <= 0.5


def test_filters_are_counted_without_biases():
    """Fifteen int8 weights take 15 bytes; the bias is not among them."""
    data = dense(np.arange(15).reshape(3, 5))
    assert 15 == filter_bytes(data)
    assert 7 == fit_int4(data)[0].saved_bytes
    assert len(read_model(data).subgraphs[0].tensors) == 4


def test_a_narrowed_graph_is_planned_like_the_packed_file():
    """Arena and bytes of the graph alone are those of the file that is packed later."""
    data = (MODELS / "dscnn_fcpt.tflite").read_bytes()
    graph = read_model(data).subgraphs[0]
    ops = filter_ops(graph)[1:4]
    file = read_model(pack_int4(data, ops, requantize=True)).subgraphs[0]
    narrow = narrow_filters(graph, ops)
    for tier in ("tflm-reference", "esp-nn-s3"):
        assert plan_arena(file, tier) == plan_arena(narrow, tier)
    assert [t.constant_bytes for t in file.tensors] == [t.constant_bytes for t in narrow.tensors]
    with pytest.raises(ValueError, match="operator 99 has no filter"):
        narrow_filters(graph, [99])
