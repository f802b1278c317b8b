"""Modelled flash: the model, the runtime's core and the code of each kind of operator linked."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

BASE_BYTES = 200_000
"""ESP-IDF's hello_world image without networking, about 180-220 KB."""

INTERPRETER_BYTES = 40_000
"""Interpreter, allocator, planner, flatbuffer access and C++ support."""

KERNEL_BYTES = MappingProxyType(
    {
        "CONV_2D": 16_000,
        "DEPTHWISE_CONV_2D": 18_000,
        "FULLY_CONNECTED": 10_000,
        "AVERAGE_POOL_2D": 6_000,
        "MAX_POOL_2D": 6_000,
        "MEAN": 12_000,
        "SOFTMAX": 9_000,
        "ADD": 8_000,
        "MUL": 7_000,
        "CONCATENATION": 5_000,
        "PAD": 4_000,
        "QUANTIZE": 6_000,
        "DEQUANTIZE": 3_000,
        "RESHAPE": 1_000,
    }
)
OTHER_KERNEL_BYTES = 8_000
"""For an operator that the table does not name."""


def modelled_code_bytes(op_names: Iterable[str]) -> int:
    """Return the application's code bytes for a model with these operators, modelled.

    Each kind of operator is linked once. The figures are round estimates of release builds,
    good to perhaps a third; they matter where a model comes near the partition's end.

    Examples
    --------
    >>> modelled_code_bytes(["RESHAPE", "RESHAPE"]) - modelled_code_bytes([])
    1000
    """
    kernels = sum(KERNEL_BYTES.get(name, OTHER_KERNEL_BYTES) for name in set(op_names))
    return BASE_BYTES + INTERPRETER_BYTES + kernels
