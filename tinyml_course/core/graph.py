"""A network as a graph of tensors and operators: what costs and plans are computed from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

TYPE_BITS = MappingProxyType(
    {
        "FLOAT32": 32,
        "FLOAT16": 16,
        "FLOAT64": 64,
        "INT32": 32,
        "UINT32": 32,
        "INT64": 64,
        "UINT64": 64,
        "INT16": 16,
        "UINT16": 16,
        "INT8": 8,
        "UINT8": 8,
        "BOOL": 8,
        "INT4": 4,
    }
)
"""Bits of one element of each tensor type, by the schema's names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """One tensor of a graph.

    Attributes
    ----------
    name : str
        As stored in the file.
    shape : tuple of int
        Dimensions, batch first.
    dtype : str
        Schema name: INT8, FLOAT32, ...
    scales, zero_points : tuple
        Quantization: empty, one, or one per channel along `axis`.
    axis : int
        Channel dimension of per-axis quantization.
    constant_bytes : int
        Bytes of stored data; 0 for activations.
    buffer : int
        Index of the constant's buffer in the file, 0 for none.
    is_variable : bool
        State that survives between invocations.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    axis: int = 0
    constant_bytes: int = 0
    buffer: int = 0
    is_variable: bool = False

    @property
    def elements(self) -> int:
        """Number of elements; 1 for a scalar."""
        return math.prod(self.shape)

    @property
    def is_constant(self) -> bool:
        """Whether its data lie in flash."""
        return self.constant_bytes > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpInfo:
    """One operator of a graph.

    Attributes
    ----------
    name : str
        Builtin name, e.g. CONV_2D; for custom operators the custom code.
    inputs, outputs : tuple of int
        Tensor indices; -1 for an optional input that is absent.
    options : mapping
        The builtin options by their schema names in snake_case.
    is_custom : bool
        Not one of the schema's builtin operators.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    is_custom: bool = False
    intermediates: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorGraph:
    """One subgraph: tensors, operators in execution order, inputs and outputs."""

    tensors: tuple[TensorInfo, ...]
    ops: tuple[OpInfo, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    name: str = ""
