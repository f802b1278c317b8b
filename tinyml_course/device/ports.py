"""The inputs and outputs of a model: shape, type, and the map between reals and codes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.errors import InvalidModel

DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "bool")
MAX_TENSOR_BYTES = 256 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One input or output of a model.

    Attributes
    ----------
    shape : tuple of int
        As stored, batch first.
    dtype : str
        NumPy name of the element type.
    scale : float
        Units per step; 0 where the tensor is not quantized.
    zero_point : int
        The code of 0.0.
    """

    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample: without the leading batch dimension of 1."""
        return self.shape[1:] if self.shape[:1] == (1,) else self.shape

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def encode(self, batch: NDArray[Any], *, what: str = "input") -> NDArray[Any]:
        """Return `batch` as the (N, ...) codes that the model takes, contiguous.

        Floats for an integer port are quantized with its scale and zero point; everything else
        must already have the port's type.

        Raises
        ------
        ValueError
            If shape or type do not match, or a float is not finite.
        """
        batch = np.asarray(batch)
        if batch.shape[1:] != self.sample_shape or batch.ndim == 0:
            raise ValueError(
                f"{what} has shape {batch.shape}, the model takes (N, "
                f"{', '.join(map(str, self.sample_shape))}); reshape it"
            )
        if batch.dtype.kind == "f" and self.dtype != "float32" and self.scale > 0:
            return quantize(batch, self)
        if batch.dtype.name != self.dtype and not (
            batch.dtype.kind == "f" and self.dtype == "float32"
        ):
            raise ValueError(
                f"{what} has type {batch.dtype.name}, the model takes {self.dtype}; "
                "pass that type, or floats in the unit of the training data"
            )
        return np.ascontiguousarray(batch, self.dtype)


def quantize(values: NDArray[Any], port: Port) -> NDArray[Any]:
    """Return the codes of `values` at `port`: round(values / scale) + zero point, saturated.

    Division is in float32 and halves round away from zero, as in LiteRT's QUANTIZE kernel.

    Parameters
    ----------
    values : (...) float
        In the unit of the data that the model was trained on.
    port : Port
        A quantized input or output.

    Returns
    -------
    (...) of the port's type
        Codes.

    Raises
    ------
    ValueError
        If the port is not quantized or a value is not a number.

    References
    ----------
    .. [1] tensorflow/lite/kernels/internal/reference/quantize.h, AffineQuantize.

    Examples
    --------
    >>> port = Port(shape=(1, 4), dtype="int8", scale=0.5, zero_point=-3)
    >>> quantize(np.array([0.25, -0.25, 100.0, 0.0], np.float32), port)
    array([  -2,   -4,  127,   -3], dtype=int8)
    """
    if not port.scale > 0:
        raise ValueError(f"the tensor of type {port.dtype} has no scale; pass codes of that type")
    if np.isnan(values).any():
        raise ValueError("got a value that is not a number; clean the data first")
    with np.errstate(over="ignore"):
        steps = (values.astype(np.float32) / np.float32(port.scale)).astype(np.float64)
    limits = np.iinfo(port.dtype)
    codes = np.trunc(steps + np.copysign(0.5, steps)) + port.zero_point
    saturated: NDArray[Any] = np.clip(codes, limits.min, limits.max).astype(port.dtype)
    return saturated


def dequantize(codes: NDArray[Any], port: Port) -> NDArray[np.float32]:
    """Return the reals that `codes` stand for: scale * (code - zero point); floats as they are.

    Examples
    --------
    >>> port = Port(shape=(1, 2), dtype="int8", scale=0.5, zero_point=-3)
    >>> dequantize(np.array([-3, -1], np.int8), port)
    array([0., 1.], dtype=float32)
    """
    if not port.scale > 0:
        return codes.astype(np.float32)
    return np.float32(port.scale) * (codes.astype(np.float32) - np.float32(port.zero_point))


def parse_port(stored: Mapping[str, Any]) -> Port:
    """Return a port from what the child process said, which a hostile model may have forged.

    Raises
    ------
    InvalidModel
        If a field is missing or makes no sense.
    """
    try:
        port = Port(
            shape=tuple(int(n) for n in stored["shape"]),
            dtype=str(stored["dtype"]),
            scale=float(stored["scale"]),
            zero_point=int(stored["zero_point"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InvalidModel("the runtime described an input or output wrongly") from None
    if port.dtype not in DTYPES:
        raise InvalidModel(f"inputs and outputs of type {port.dtype} are not supported")
    if min(port.shape, default=1) < 1 or port.sample_bytes > MAX_TENSOR_BYTES:
        raise InvalidModel(f"an input or output has the shape {port.shape}; export it again")
    return port
