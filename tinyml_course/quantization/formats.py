"""Number formats bit by bit: what a value becomes in FP32, FP16, bfloat16 or a few-bit integer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinyml_course.core.types import QParams
from tinyml_course.quantization.affine import dequantize, quantize


@dataclass(frozen=True, slots=True)
class FloatFormat:
    """A binary floating-point format in the style of IEEE 754.

    Attributes
    ----------
    name : str
        As it is called in the field.
    exponent_bits, fraction_bits : int
        Widths of the two fields that follow the sign.
    """

    name: str
    exponent_bits: int
    fraction_bits: int

    @property
    def bits(self) -> int:
        """Width of one number."""
        return 1 + self.exponent_bits + self.fraction_bits

    @property
    def bias(self) -> int:
        """What is subtracted from the exponent field."""
        return int(2 ** (self.exponent_bits - 1) - 1)

    @property
    def largest(self) -> float:
        """Largest finite number."""
        return math.ldexp(2.0 - 2.0**-self.fraction_bits, self.bias)

    @property
    def smallest(self) -> float:
        """Smallest positive number, a subnormal one."""
        return math.ldexp(1.0, 1 - self.bias - self.fraction_bits)


FP32 = FloatFormat("FP32", 8, 23)
FP16 = FloatFormat("FP16", 5, 10)
BF16 = FloatFormat("bfloat16", 8, 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """One number as it is stored.

    Attributes
    ----------
    name : str
        Of the format.
    bits : str
        The stored bits, highest first.
    fields : tuple of (str, int)
        Names and widths of the fields, in the order of the bits.
    stored : float
        The value that the bits stand for.
    """

    name: str
    bits: str
    fields: tuple[tuple[str, int], ...]
    stored: float


def spell_float(value: float, form: FloatFormat) -> Spelling:
    """Return `value` in a floating-point format, rounded to the nearest, ties to even.

    Parameters
    ----------
    value : float
        Finite; beyond the largest number it becomes infinite, as in hardware.
    form : FloatFormat
        Where to store it.

    Raises
    ------
    ValueError
        If `value` is not finite.

    References
    ----------
    .. [1] IEEE 754-2019, section 3.4.

    Examples
    --------
    >>> spell_float(-6.25, FP16).bits
    '1100011001000000'
    >>> spell_float(0.1, BF16).stored
    0.10009765625
    """
    if not math.isfinite(value):
        raise ValueError(f"value must be finite, got {value}")
    exponent = _exponent(value, form)
    steps = round(math.ldexp(abs(value), form.fraction_bits - exponent))
    if exponent > form.bias or (exponent == form.bias and steps == 2 << form.fraction_bits):
        stored, pattern = math.inf, (2**form.exponent_bits - 1) << form.fraction_bits
    else:  # the hidden leading one carries into the exponent field by itself
        stored = math.ldexp(steps, exponent - form.fraction_bits)
        pattern = ((exponent + form.bias - 1) << form.fraction_bits) + steps
    sign = math.copysign(1.0, value) < 0
    return Spelling(
        name=form.name,
        bits=f"{int(sign)}{pattern:0{form.bits - 1}b}",
        fields=(("sign", 1), ("exponent", form.exponent_bits), ("fraction", form.fraction_bits)),
        stored=math.copysign(stored, value),
    )


def spell_integer(value: float, q: QParams) -> Spelling:
    """Return `value` as a signed integer code in two's complement; beyond the range it saturates.

    Parameters
    ----------
    value : float
        Finite, in the unit of `q.scale`.
    q : QParams
        The affine map.

    Raises
    ------
    ValueError
        If `value` is not finite.

    Examples
    --------
    >>> spell_integer(-0.5, QParams(scale=0.25, zero_point=0, bits=4)).bits
    '1110'
    """
    code = quantize(value, q)
    return Spelling(
        name=f"INT{q.bits}",
        bits=f"{int(code) % 2**q.bits:0{q.bits}b}",
        fields=(("two's complement", q.bits),),
        stored=float(dequantize(code, q)),
    )


def relative_step(magnitude: float, form: FloatFormat) -> float:
    """Return the gap between neighbours of a positive `magnitude`, divided by it.

    Examples
    --------
    >>> relative_step(1.0, FP16) == 2**-10
    True
    """
    return math.ldexp(1.0, _exponent(magnitude, form) - form.fraction_bits) / magnitude


def _exponent(value: float, form: FloatFormat) -> int:
    """Return e such that |value| is in [2**e, 2**(e+1)); subnormals share the lowest one."""
    lowest = 1 - form.bias
    return max(math.frexp(value)[1] - 1, lowest) if value else lowest
