"""The self-test: inputs stored in the firmware, and the outputs that the chip must give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.errors import UnsupportedModel
from tinyml_course.device.ports import Port
from tinyml_course.device.runtime import DeviceRuntime

CASES = 5
FLOAT_TOLERANCE = 1e-4
"""Of the largest output: float kernels of two compilers differ in the last bits."""

C_TYPES = {
    "int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "uint16": "uint16_t",
    "int32": "int32_t", "uint32": "uint32_t", "int64": "int64_t", "float32": "float",
    "bool": "bool",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseArray:
    """What all cases have for one input or one output.

    Attributes
    ----------
    values : (5, ...) of the tensor's type
        Codes, or reals for a float tensor.
    tolerance : float
        Largest difference that still passes; 0 for inputs.
    """

    values: NDArray[Any]
    tolerance: float = 0.0

    @property
    def c_type(self) -> str:
        """Element type in C++."""
        return C_TYPES[self.values.dtype.name]

    @property
    def case_bytes(self) -> int:
        """Bytes of one case."""
        return int(self.values[0].nbytes)

    def rows(self) -> list[bytes]:
        """Return the bytes of each case, little-endian as on the chip."""
        little = self.values.astype(self.values.dtype.newbyteorder("<"))
        return [row.tobytes() for row in little]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SelfTest:
    """Five cases; `runtime` computed the outputs."""

    inputs: tuple[CaseArray, ...]
    outputs: tuple[CaseArray, ...]
    runtime: str


def make_self_test(
    data: bytes, samples: NDArray[Any] | Sequence[NDArray[Any]] | None = None, *, seed: int = 0
) -> SelfTest:
    """Return five cases for a model, their outputs computed by the device's runtime.

    Each case starts from the model's initial state.

    Parameters
    ----------
    data : bytes
        A .tflite.
    samples : (N, ...) array, or one per input, optional
        The first five are stored; floats are quantized with the input's scale. Random codes
        where left out.
    seed : int
        Of the random codes.

    Raises
    ------
    ValueError
        If there are fewer than five samples, or they do not match the model.
    CourseError
        As `DeviceRuntime`.
    """
    with DeviceRuntime(data) as runtime:
        batches = _batches(runtime.inputs, samples, np.random.default_rng(seed))
        codes = [
            port.encode(batch, what=f"input {index}")
            for index, (port, batch) in enumerate(zip(runtime.inputs, batches, strict=True))
        ]
        outputs = runtime.run_all(codes)
        exact = runtime.name == "tflm"
        return SelfTest(
            inputs=tuple(CaseArray(values=values) for values in codes),
            outputs=tuple(
                CaseArray(values=values, tolerance=_tolerance(values, exact=exact))
                for values in outputs
            ),
            runtime=runtime.name,
        )


def _batches(
    ports: Sequence[Port],
    samples: NDArray[Any] | Sequence[NDArray[Any]] | None,
    rng: np.random.Generator,
) -> list[NDArray[Any]]:
    if not ports:
        raise UnsupportedModel("the model has no input; there is nothing to test it with")
    if samples is None:
        return [_random(port, rng) for port in ports]
    batches = [samples] if isinstance(samples, np.ndarray) else list(samples)
    if len(batches) != len(ports):
        raise ValueError(f"the model has {len(ports)} inputs, got samples for {len(batches)}")
    shortest = min(len(batch) for batch in batches)
    if shortest < CASES:
        raise ValueError(
            f"the self-test stores {CASES} samples, got {shortest}; pass more, or none for "
            "random ones"
        )
    return [np.asarray(batch)[:CASES] for batch in batches]


def _random(port: Port, rng: np.random.Generator) -> NDArray[Any]:
    """Return (5, ...) values that the tensor can take; small integers may be indices: 0 or 1."""
    shape = (CASES, *port.sample_shape)
    if port.dtype == "float32":
        return rng.standard_normal(shape, dtype=np.float32)
    if port.dtype in ("int8", "uint8", "int16") and port.scale > 0:
        limits = np.iinfo(port.dtype)
        return rng.integers(limits.min, limits.max + 1, shape).astype(port.dtype)
    return rng.integers(0, 2, shape).astype(port.dtype)


def _tolerance(values: NDArray[Any], *, exact: bool) -> float:
    """Return what the chip's output may differ by; LiteRT's kernels are within one step of it."""
    if values.dtype.kind == "f":
        return FLOAT_TOLERANCE * max(1.0, float(np.abs(values).max()))
    return 0.0 if exact else 1.0
