"""Affine quantization: real numbers as integer codes, per tensor or per channel.

Every function computes in float64. The guarantee, for each ``x`` in ``[low, high]``::

    |x - roundtrip(x, choose_qparams(low, high, ...))| <= scale / 2

in exact arithmetic, for every width and both kinds of range; float64 adds less than
``4 * 2**-52 * (high - low)``. The proof takes two lines. Between the lowest and the highest
code, rounding moves ``x / scale`` by at most half a code. Rounding the zero point shifts the
codes against the range by at most half a step, so an end of the range lies at most that far
outside the codes, and saturation costs no more than that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyml_course.core.types import ChannelQParams, QParams

MAX_REAL = float(np.finfo(np.float32).max)
MIN_SCALE = float(np.finfo(np.float32).tiny)
"""Smallest scale that a .tflite file can hold as a normal float32."""


def choose_qparams(
    low: float, high: float, *, bits: int = 8, symmetric: bool = False, narrow: bool | None = None
) -> QParams:
    """Return the affine map that spreads the signed codes over ``[low, high]``.

    Parameters
    ----------
    low, high : float
        Observed range, in the tensor's own unit. Widened to hold 0.0, so that zero padding
        and ReLU's zeros stay exact; if symmetric, widened to ``[-m, m]``.
    bits : int, default 8
        Width of the codes, 2 to 16.
    symmetric : bool, default False
        Put the zero point at code 0, as LiteRT does for weights.
    narrow : bool, optional
        Leave out the lowest code. By default as LiteRT: yes if symmetric, no otherwise.

    Returns
    -------
    QParams
        `scale` in tensor units per step; `zero_point` the code of 0.0. A range too narrow
        for a float32 scale gives scale 1.0: all its values come back as 0.0.

    Raises
    ------
    ValueError
        If the range is reversed or exceeds float32, or `bits` is not in 2..16.

    References
    ----------
    .. [1] Jacob et al., arXiv:1712.05877, section 2.1 and equation 13.
    .. [2] LiteRT 8-bit quantization specification: weights in [-127, 127], zero point 0.

    Examples
    --------
    >>> choose_qparams(1.0, 6.375)
    QParams(scale=0.025, zero_point=-128, bits=8)
    >>> choose_qparams(-0.5, 1.27, symmetric=True).limits
    (-127, 127)
    """
    if not 2 <= bits <= 16:
        raise ValueError(f"bits must be in 2..16, got {bits}")
    if not -MAX_REAL <= low <= high <= MAX_REAL:
        raise ValueError(f"need low <= high, both within float32, got [{low}, {high}]")
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    narrow = symmetric if narrow is None else narrow
    lowest, highest = QParams(1.0, 0, bits, narrow).limits
    if symmetric:
        scale = max(-low, high) / highest
        return QParams(scale if scale >= MIN_SCALE else 1.0, 0, bits, narrow)
    scale = (high - low) / (highest - lowest)
    if scale < MIN_SCALE:
        return QParams(1.0, lowest, bits, narrow)
    return QParams(scale, _place_zero(low / scale, high / scale, lowest, highest), bits, narrow)


def choose_channel_qparams(
    x: ArrayLike, *, axis: int, bits: int = 8, symmetric: bool = True, narrow: bool | None = None
) -> ChannelQParams:
    """Return one affine map per channel, each from its own channel's smallest and largest value.

    Parameters
    ----------
    x : array of float, any shape
        Weights, in their own unit; not empty.
    axis : int
        Axis of the channels: the last one of a Keras convolution kernel (kh, kw, C_in, C_out),
        the first one of the same kernel in a .tflite file.
    bits, symmetric, narrow
        As in `choose_qparams`, but symmetric by default, as LiteRT's per-channel weights.

    Raises
    ------
    ValueError
        If `x` is empty or not finite, has no such axis, or `bits` is not in 2..16.

    References
    ----------
    .. [1] Krishnamoorthi, arXiv:1806.08342, section 2.1.

    Examples
    --------
    >>> q = choose_channel_qparams([[1.27, -0.1], [0.3, 0.254]], axis=1)
    >>> [channel.scale for channel in q.channels]
    [0.01, 0.002]
    """
    values = _as_finite(x)
    rows = np.moveaxis(values, _check_axis(axis, values), 0).reshape(values.shape[axis], -1)
    if not rows.size:
        raise ValueError(f"need at least one value per channel, got an array of {values.shape}")
    ends = zip(rows.min(axis=1).tolist(), rows.max(axis=1).tolist(), strict=True)
    return ChannelQParams(
        tuple(
            choose_qparams(low, high, bits=bits, symmetric=symmetric, narrow=narrow)
            for low, high in ends
        ),
        axis,
    )


def quantize(x: ArrayLike, q: QParams | ChannelQParams) -> NDArray[np.int32]:
    """Return the code nearest to each value; values outside the range saturate.

    Halves round away from zero, as LiteRT and the device runtime do.

    Parameters
    ----------
    x : array of float, any shape
        In the tensor's own unit.
    q : QParams or ChannelQParams
        One map, or one for each channel along `q.axis`.

    Returns
    -------
    array of int32, shape of `x`
        Codes within `limits`. int32, so that ``code - zero_point`` can't overflow; store
        them with ``.astype(np.int8)``.

    Raises
    ------
    ValueError
        If a value is not finite, or the channels do not match the shape of `x`.

    Examples
    --------
    >>> q = choose_qparams(-1.0, 1.55, bits=8)
    >>> quantize([-1.0, 0.0, 0.014, 1.55, 9.0], q)
    array([-128,  -28,  -27,  127,  127], dtype=int32)
    """
    values = _as_finite(x)
    scale, zero_point, (lowest, highest) = _spread(q, values.shape)
    codes = _round_half_away(values / scale) + zero_point
    return np.asarray(np.clip(codes, lowest, highest), np.int32)


def dequantize(codes: ArrayLike, q: QParams | ChannelQParams) -> NDArray[np.float64]:
    """Return the real value of each code: ``scale * (code - zero_point)``.

    Parameters
    ----------
    codes : array of int, any shape
        Codes of any integer type.
    q : QParams or ChannelQParams
        The map that made them.

    Raises
    ------
    ValueError
        If the channels do not match the shape of `codes`.

    Examples
    --------
    >>> q = choose_qparams(-1.0, 1.55, bits=8)
    >>> dequantize(q.zero_point, q).item()
    0.0
    """
    whole = np.asarray(codes, np.int64)
    scale, zero_point, _ = _spread(q, whole.shape)
    return np.asarray(scale * (whole - zero_point), np.float64)


def roundtrip(x: ArrayLike, q: QParams | ChannelQParams) -> NDArray[np.float64]:
    """Return what is left of `x` after quantizing and dequantizing, in its own unit and shape.

    Raises
    ------
    ValueError
        If a value is not finite, or the channels do not match the shape of `x`.

    Examples
    --------
    >>> round(roundtrip(2.9, choose_qparams(1.0, 6.0, bits=4)).item(), 3)
    2.8
    """
    return dequantize(quantize(x, q), q)


def _place_zero(low: float, high: float, lowest: int, highest: int) -> int:
    """Return the code of 0.0 for a range in steps; both ends agree but for float rounding.

    As gemmlowp and LiteRT do, trust the end whose terms are smaller.
    """
    trust_low = abs(lowest) + abs(low) < abs(highest) + abs(high)
    return int(_round_half_away(lowest - low if trust_low else highest - high))


def _round_half_away(x: Any) -> Any:
    """Round to the nearest integer, halves away from zero, exactly (C's ``round``)."""
    whole = np.trunc(x)
    return whole + np.sign(x) * (np.abs(x - whole) >= 0.5)


def _as_finite(x: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(x, np.float64)
    if not np.isfinite(values).all():
        bad = values[~np.isfinite(values)].flat[0]
        raise ValueError(f"only finite values have a code, got {bad}; repair the tensor first")
    return values


def _check_axis(axis: int, values: NDArray[Any]) -> int:
    if not -values.ndim <= axis < values.ndim:
        raise ValueError(f"an array of shape {values.shape} has no axis {axis}")
    return axis


def _spread(
    q: QParams | ChannelQParams, shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.int64], tuple[int, int]]:
    """Return scales and zero points, shaped to broadcast against `shape`, and the limits."""
    if isinstance(q, QParams):
        return np.asarray(q.scale, np.float64), np.asarray(q.zero_point, np.int64), q.limits
    count = len(q.channels)
    if not -len(shape) <= q.axis < len(shape) or shape[q.axis] != count:
        raise ValueError(f"{count} channels on axis {q.axis} do not match an array of {shape}")
    column = [1] * len(shape)
    column[q.axis] = count
    return (
        np.array([channel.scale for channel in q.channels], np.float64).reshape(column),
        np.array([channel.zero_point for channel in q.channels], np.int64).reshape(column),
        q.channels[0].limits,
    )
