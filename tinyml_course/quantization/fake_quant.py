"""Fake quantization in TensorFlow, with gradients that pass through the rounding.

The arithmetic is that of `affine.choose_qparams` and `affine.roundtrip`, in float32; the
gradients are those of `ste`. The width may be a variable: a schedule changes it without
tracing anything anew.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

from tinyml_course.core.environment import load_tensorflow

IDENTITY_BITS = 32
"""From this width on nothing is quantized."""

ENDS_TOLERANCE = 1e-6
"""Relative; the outermost codes' values carry float32's rounding, the gradient must not."""


def fake_quantize(
    x: Any, low: Any, high: Any, *, bits: Any, narrow: bool = False, axis: int | None = None
) -> Any:
    """Return `x` on the grid that spreads ``2**bits`` codes over ``[low, high]``.

    The gradient passes to `x` inside the reach of the codes. What saturates gives its
    gradient to `low` or `high`, as in `tf.quantization.fake_quant_with_min_max_vars`.

    Parameters
    ----------
    x : tensor of float32, any shape
        Weights or activations.
    low, high : tensor of float32, () or (C,)
        Range to cover, in the unit of `x`; widened to hold 0.0, which gets a code of its own.
        A vector has one range for each of the C channels along `axis`.
    bits : int or integer tensor or variable, ()
        Width of the codes: 2 to 16, or 32 for the identity. Not checked where a tensor.
    narrow : bool, default False
        Leave out the lowest code; with ``low = -high`` the grid is symmetric.
    axis : int, optional
        Axis of the channels; needed where `low` and `high` are vectors.

    Raises
    ------
    ValueError
        If `bits` is a Python integer outside 2..16 and not 32.

    References
    ----------
    .. [1] Jacob et al., arXiv:1712.05877, section 3.
    .. [2] tensorflow/core/kernels/fake_quant_ops_functor.h: the same nudging of the zero
       point. It differs in ties: halves go up there, away from zero here, as in LiteRT; and
       an empty range gives zeros there.
    """
    tf = load_tensorflow()
    _check_bits(bits)
    x = tf.convert_to_tensor(x)
    low, high, bits = (tf.cast(tf.convert_to_tensor(value), x.dtype) for value in (low, high, bits))

    @tf.custom_gradient
    def quantize(x: Any, low: Any, high: Any) -> Any:
        spread_low, spread_high = (_spread(end, x, axis) for end in (low, high))
        scale, zero, lowest, highest = _choose_grid(spread_low, spread_high, bits, narrow)
        codes = tf.clip_by_value(_round(x / scale) + zero, lowest, highest)
        floats = bits >= IDENTITY_BITS
        below, above = _saturated(x, (lowest - zero) * scale, (highest - zero) * scale, floats)

        def gradient(upstream: Any) -> tuple[Any, Any, Any]:
            zeros = tf.zeros_like(upstream)
            passed = tf.where(below | above, zeros, upstream)
            to_low, to_high = (
                _gather(tf.where(side, upstream, zeros), low, axis) for side in (below, above)
            )
            return passed, to_low, to_high

        return tf.where(floats, x, scale * (codes - zero)), gradient

    return quantize(x, low, high)


def lsq_quantize(
    x: Any, scale: Any, *, bits: Any, narrow: bool = True, axis: int | None = None
) -> Any:
    """Return `x` on a symmetric grid whose step is learned; gradients to `x` and to `scale`.

    Parameters
    ----------
    x : tensor of float32, any shape
        Weights.
    scale : tensor of float32, () or (C,)
        Step of the grid, or of each channel's along `axis`; a variable that training moves.
        Kept positive by clipping at the smallest normal float32.
    bits : int or integer tensor or variable, ()
        As in `fake_quantize`.
    narrow : bool, default True
        Leave out the lowest code.
    axis : int, optional
        Axis of the channels.

    Raises
    ------
    ValueError
        If `bits` is a Python integer outside 2..16 and not 32.

    References
    ----------
    .. [1] Esser et al., arXiv:1902.08153, equations 1 to 5; the gradient of the scale carries
       the factor ``1 / sqrt(N p)`` of section 2.2, N values a scale.
    """
    tf = load_tensorflow()
    _check_bits(bits)
    x = tf.convert_to_tensor(x)
    scale, bits = (tf.cast(tf.convert_to_tensor(value), x.dtype) for value in (scale, bits))

    @tf.custom_gradient
    def quantize(x: Any, scale: Any) -> Any:
        step = _spread(tf.maximum(scale, x.dtype.as_numpy_dtype(_TINY)), x, axis)
        lowest, highest = _limits(bits, narrow)
        v = x / step
        codes = tf.clip_by_value(_round(v), lowest, highest)
        floats = bits >= IDENTITY_BITS
        inside = floats | ((v > lowest) & (v < highest))

        def gradient(upstream: Any) -> tuple[Any, Any]:
            zeros = tf.zeros_like(upstream)
            by_scale = tf.where(floats, zeros, upstream * (codes - tf.where(inside, v, zeros)))
            count = tf.cast(tf.size(x) // tf.size(scale), x.dtype)
            pace = tf.math.rsqrt(count * highest)
            return tf.where(inside, upstream, zeros), pace * _gather(by_scale, scale, axis)

        return tf.where(floats, x, step * codes), gradient

    return quantize(x, scale)


_TINY = 2.0**-126
"""Smallest normal float32."""


def _choose_grid(low: Any, high: Any, bits: Any, narrow: bool) -> tuple[Any, Any, Any, Any]:
    """Return scale, zero point, lowest and highest code, as `affine.choose_qparams`."""
    tf = load_tensorflow()
    low, high = tf.minimum(low, 0.0), tf.maximum(high, 0.0)
    lowest, highest = _limits(bits, narrow)
    scale = (high - low) / (highest - lowest)
    empty = scale < _TINY
    scale = tf.where(empty, tf.ones_like(scale), scale)
    low, high = low / scale, high / scale
    trust_low = tf.abs(lowest) + tf.abs(low) < tf.abs(highest) + tf.abs(high)
    zero = _round(tf.where(trust_low, lowest - low, highest - high))
    return scale, tf.where(empty, lowest, zero), lowest, highest


def _limits(bits: Any, narrow: bool) -> tuple[Any, Any]:
    half = 2.0 ** (bits - 1.0)
    return float(narrow) - half, half - 1.0


def _round(x: Any) -> Any:
    """Round to the nearest integer, halves away from zero."""
    tf = load_tensorflow()
    return tf.where(
        tf.abs(x - tf.round(x)) == 0.5,  # tf.round takes halves to even
        x + 0.5 * tf.sign(x),
        tf.round(x),
    )


def _saturated(x: Any, lowest: Any, highest: Any, floats: Any) -> tuple[Any, Any]:
    """Return where `x` lies below and above the values of the outermost codes."""
    below = x < lowest * (1.0 + ENDS_TOLERANCE)
    above = x > highest * (1.0 + ENDS_TOLERANCE)
    return below & ~floats, above & ~floats


def _spread(value: Any, x: Any, axis: int | None) -> Any:
    """Return a scalar as it is, a vector shaped to broadcast along `axis` of `x`."""
    if value.shape.rank == 0:
        return value
    tf = load_tensorflow()
    if axis is None:
        raise ValueError(f"ranges of shape {value.shape} need the axis of their channels")
    column = [1] * x.shape.rank
    column[axis] = -1
    return tf.reshape(value, column)


def _gather(gradient: Any, value: Any, axis: int | None) -> Any:
    """Return `gradient` summed over everything but the channels of `value`."""
    tf = load_tensorflow()
    if value.shape.rank == 0:
        return tf.reduce_sum(gradient)
    others = [k for k in range(gradient.shape.rank) if k != axis % gradient.shape.rank]
    return tf.reduce_sum(gradient, axis=others)


def _check_bits(bits: Any) -> None:
    if isinstance(bits, Integral) and not (2 <= bits <= 16 or bits == IDENTITY_BITS):
        raise ValueError(f"bits must be in 2..16, or 32 for float, got {bits}")
