"""Training through rounding: fake quantization and its two usual gradients, in NumPy.

Rounding is flat between its jumps, so its derivative is zero wherever it exists. Both
estimators here replace that derivative by the one of a *surrogate*, a function without steps:

* straight-through: ``clip(x, low, high)``, the identity inside the range of the codes;
* learned step size (LSQ): ``scale * (clip(x / scale) + r)`` with the rounding residue ``r``
  held constant, which has a derivative by the scale, too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyml_course.core.types import ChannelQParams, QParams
from tinyml_course.quantization.affine import dequantize, quantize, roundtrip

Floats = NDArray[np.float64]


def fake_quantize(x: ArrayLike, q: QParams | ChannelQParams) -> Floats:
    """Return `x` on the grid of `q`, still in its own unit: what the forward pass computes with.

    Parameters
    ----------
    x : array of float, any shape
        Weights or activations.
    q : QParams or ChannelQParams
        The affine map.

    Raises
    ------
    ValueError
        If a value is not finite, or the channels do not match the shape of `x`.
    """
    return roundtrip(x, q)


def reach(q: QParams | ChannelQParams, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Return the values of the lowest and of the highest code, broadcast to `shape`."""
    limits = (q if isinstance(q, QParams) else q.channels[0]).limits
    low, high = (dequantize(np.full(shape, limit), q) for limit in limits)
    return low, high


def ste_surrogate(x: ArrayLike, q: QParams | ChannelQParams) -> Floats:
    """Return `x` clipped to the reach of the codes: fake quantization without its steps."""
    values = np.asarray(x, np.float64)
    return np.clip(values, *reach(q, values.shape))


def ste_gradient(x: ArrayLike, q: QParams | ChannelQParams, upstream: ArrayLike) -> Floats:
    """Return the loss's straight-through gradient by `x`: passed inside the reach, else zero.

    It is the exact derivative of `ste_surrogate`; at the two kinks it passes.

    Parameters
    ----------
    x : array of float, any shape
        What was fake-quantized.
    q : QParams or ChannelQParams
        The affine map.
    upstream : array, shape of `x` or broadcast to it
        The loss's gradient by the fake-quantized values.

    References
    ----------
    .. [1] Bengio, Leonard and Courville, arXiv:1308.3432, section 4.
    .. [2] Jacob et al., arXiv:1712.05877, section 3.

    Examples
    --------
    >>> ste_gradient([-3.0, 0.2, 9.0], QParams(0.5, 0, 4, True), 1.0)
    array([1., 1., 0.])
    """
    values = np.asarray(x, np.float64)
    low, high = reach(q, values.shape)
    return np.where((values >= low) & (values <= high), np.asarray(upstream, np.float64), 0.0)


def lsq_quantize(x: ArrayLike, scale: float, *, bits: int, narrow: bool = True) -> Floats:
    """Return `x` on a symmetric grid of step `scale`, saturated at the outermost codes.

    Parameters
    ----------
    x : array of float, any shape
        Weights, in their own unit.
    scale : float
        Step, positive, in the same unit. LSQ learns it.
    bits : int
        Width of the codes, 2 to 16.
    narrow : bool, default True
        Leave out the lowest code, as LiteRT does for weights.

    Raises
    ------
    ValueError
        If `scale` is not positive, or a value is not finite.

    References
    ----------
    .. [1] Esser et al., arXiv:1902.08153, equations 1 and 2.

    Examples
    --------
    >>> lsq_quantize([0.26, -0.1, 9.0], 0.25, bits=3)
    array([0.25, 0.  , 0.75])
    """
    return roundtrip(x, _map(scale, bits, narrow))


def lsq_gradients(
    x: ArrayLike, scale: float, upstream: ArrayLike, *, bits: int, narrow: bool = True
) -> tuple[Floats, float]:
    """Return the loss's gradients by `x` and by `scale`, as learned step size defines them.

    With ``v = x / scale`` and the codes' ends ``-n`` and ``p``, the derivative of the
    fake-quantized value by the scale is ``round(v) - v`` inside, ``-n`` below and ``p`` above.
    The sum over all values is multiplied by ``1 / sqrt(N p)``, so that the step moves at the
    pace of the weights.

    Parameters
    ----------
    x, scale, bits, narrow
        As in `lsq_quantize`; N values.
    upstream : array, shape of `x` or broadcast to it
        The loss's gradient by the fake-quantized values.

    Returns
    -------
    gradient_x : array, shape of `x`
        Straight-through: passed strictly inside, zero outside.
    gradient_scale : float

    References
    ----------
    .. [1] Esser et al., arXiv:1902.08153, equations 3 and 5, and section 2.2.

    Examples
    --------
    >>> lsq_gradients([0.26, 9.0], 0.25, [1.0, 0.0], bits=3)[0]
    array([1., 0.])
    """
    q = _map(scale, bits, narrow)
    lowest, highest = q.limits
    v = np.asarray(x, np.float64) / scale
    inside = (v > lowest) & (v < highest)
    up = np.broadcast_to(np.asarray(upstream, np.float64), v.shape)
    by_scale = quantize(x, q) - np.where(inside, v, 0.0)
    pace = 1.0 / np.sqrt(v.size * highest)
    return np.where(inside, up, 0.0), float(pace * np.sum(up * by_scale))


def lsq_initial_scale(x: ArrayLike, *, bits: int) -> float:
    """Return the step from which LSQ starts: twice the mean magnitude over ``sqrt(p)``.

    Raises
    ------
    ValueError
        If all of `x` is zero.

    References
    ----------
    .. [1] Esser et al., arXiv:1902.08153, section 2.1.
    """
    size = float(np.mean(np.abs(np.asarray(x, np.float64))))
    if not size > 0:
        raise ValueError("need a weight other than zero to choose a step from, got none")
    return 2.0 * size / float(np.sqrt(2 ** (bits - 1) - 1))


def _map(scale: float, bits: int, narrow: bool) -> QParams:
    if not scale > 0:
        raise ValueError(f"scale must be positive, got {scale}")
    return QParams(float(scale), 0, bits, narrow)
