"""Number formats against NumPy's and ml_dtypes' own bits."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tinyml_course.core.types import QParams
from tinyml_course.quantization.formats import (
    BF16,
    FP16,
    FP32,
    relative_step,
    spell_float,
    spell_integer,
)

VALUES = st.floats(allow_nan=False, allow_infinity=False, width=64)


def dtype_of(form):
    """The array type that stores `form`, and the integer type of its width."""
    if form is BF16:
        return pytest.importorskip("ml_dtypes").bfloat16, np.uint16
    return {FP32: (np.float32, np.uint32), FP16: (np.float16, np.uint16)}[form]


@pytest.mark.parametrize("form", [FP32, FP16], ids=lambda form: form.name)
@given(value=VALUES)
@example(value=65519.99)  # the last value that FP16 does not round to infinity
@example(value=65520.0)
@example(value=3e-8)  # rounds to FP16's smallest subnormal
@example(value=1.0 + 2.0**-11)  # a tie
@example(value=-0.0)
def test_bits_are_numpys(form, value):
    """The bits of any double equal those that NumPy stores, subnormals and overflow included."""
    kind, unsigned = dtype_of(form)
    with np.errstate(over="ignore", under="ignore"):
        stored = np.float64(value).astype(kind)
    spelling = spell_float(value, form)
    assert f"{int(stored.view(unsigned)):0{form.bits}b}" == spelling.bits
    assert float(stored) == spelling.stored


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_bfloat16_bits(value):
    """The bfloat16 bits of any float32 equal those of the library that TensorFlow uses."""
    kind, unsigned = dtype_of(BF16)
    stored = np.float32(value).astype(kind)
    assert f"{int(stored.view(unsigned)):016b}" == spell_float(value, BF16).bits


@pytest.mark.parametrize("form", [FP32, FP16], ids=lambda form: form.name)
def test_limits(form):
    """Largest, smallest and relative step are those that NumPy reports."""
    info = np.finfo(dtype_of(form)[0])
    assert float(info.max) == form.largest
    assert float(info.smallest_subnormal) == form.smallest
    assert float(info.eps) == relative_step(1.0, form)
    assert 1.0 == relative_step(form.smallest, form)


@given(st.integers(-128, 127))
def test_integers_are_twos_complement(code):
    """An INT8 spelling has the bits of NumPy's int8."""
    q = QParams(scale=0.5, zero_point=0)
    assert f"{int(np.int8(code).view(np.uint8)):08b}" == spell_integer(code / 2, q).bits


def test_spellings_that_do_not_exist():
    """A value that is not finite is refused."""
    with pytest.raises(ValueError, match="finite"):
        spell_float(float("nan"), FP32)
