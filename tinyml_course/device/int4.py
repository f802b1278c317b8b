"""4-bit codes: two to a byte, and the 4-bit grid on which an int8 filter lies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.graph import OpInfo, TensorGraph, TensorInfo
from tinyml_course.device.flatbuffer import read_model

INT4_VERSIONS = MappingProxyType({"CONV_2D": 7, "DEPTHWISE_CONV_2D": 6, "FULLY_CONNECTED": 10})
"""Operators with int4 kernels, and the least version that their codes get; op_version.cc.

The converter would write 7 for depthwise; LiteRT's reference resolver knows versions up to 6 of
it, whose kernel takes int4 as well, and TFLM does not look.
"""

RAILS = (-8, 7)
LARGEST = 7
"""Largest code of a narrow 4-bit range; LiteRT's int8 range goes to 127."""

INT8_LARGEST = 127
HALF = 0.5 + 1e-6
"""Half an int8 step: as far as the converter's rounding moves a value off its 4-bit grid."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Int4Fit:
    """How well one filter fits a 4-bit grid.

    Attributes
    ----------
    op : int
        Number of the operator that reads it.
    tensor : int
        Index of the filter.
    name : str
        Its name in the file.
    codes : int8, shape of the filter
        4-bit codes.
    scales : (C,) float32
        Units of a 4-bit step, one a channel or a single one.
    error_steps : float
        Largest distance of a value from its 4-bit code, in steps of the 4-bit grid.
    on_grid : bool
        The int8 values are a 4-bit grid's, moved by no more than the converter's rounding.
    reason : str
        Why the runtime could not take it in four bits; empty where it can.
    """

    op: int
    tensor: int
    name: str
    codes: NDArray[np.int8]
    scales: NDArray[np.float32]
    error_steps: float
    on_grid: bool
    reason: str = ""

    @property
    def saved_bytes(self) -> int:
        """Bytes by which the packed filter is smaller."""
        return self.codes.size // 2


def pack_codes(codes: NDArray[np.integer[Any]]) -> bytes:
    """Return 4-bit codes two to a byte, the first of a pair in the low half.

    Parameters
    ----------
    codes : array of int, any shape
        Codes in -8..7, in row-major order; an odd one out leaves the last high half zero.

    Raises
    ------
    ValueError
        If a code is not in -8..7.

    References
    ----------
    .. [1] tensorflow/lite/kernels/internal/portable_tensor_utils.cc, UnpackDenseInt4IntoInt8.

    Examples
    --------
    >>> pack_codes(np.array([1, -1, 7])).hex()
    'f107'
    """
    flat = np.asarray(codes).ravel()
    if flat.size and not RAILS[0] <= flat.min() <= flat.max() <= RAILS[1]:
        raise ValueError(f"4-bit codes lie in -8..7, got {flat.min()}..{flat.max()}")
    halves = np.zeros(flat.size + flat.size % 2, np.uint8)
    halves[: flat.size] = flat.astype(np.int8).view(np.uint8) & 0xF
    return (halves[0::2] | halves[1::2] << 4).tobytes()


def unpack_codes(data: bytes, count: int) -> NDArray[np.int8]:
    """Return the `count` codes, int8 of shape (count,), that `pack_codes` put into `data`.

    Raises
    ------
    ValueError
        If `data` holds fewer codes.

    Examples
    --------
    >>> unpack_codes(bytes.fromhex("f107"), 3).tolist()
    [1, -1, 7]
    """
    if count > 2 * len(data):
        raise ValueError(f"{len(data)} B hold {2 * len(data)} codes, {count} were asked for")
    packed = np.frombuffer(data, np.uint8)
    halves = np.stack([packed & 0xF, packed >> 4], axis=1).ravel()[:count]
    return ((halves ^ 8).astype(np.int8) - 8).astype(np.int8)


def fit_int4(tflite: bytes) -> tuple[Int4Fit, ...]:
    """Return, for each int8 filter of the model, the 4-bit codes nearest to it.

    Filters of operators other than convolutions and dense layers are not listed.

    Raises
    ------
    InvalidModel
        If the bytes are no valid .tflite.
    """
    graph = read_model(tflite).subgraphs[0]
    blobs = read_constants(tflite)
    return tuple(
        _fit(graph, number, blobs)
        for number in filter_ops(graph)
        if _is_int8_filter(graph, graph.ops[number])
    )


def filter_ops(graph: TensorGraph) -> tuple[int, ...]:
    """Return the numbers of the operators whose filters may take four bits, in their order.

    Examples
    --------
    >>> from tinyml_course.cost.layers import dense_graph
    >>> filter_ops(dense_graph(4, 2))
    (0,)
    """
    return tuple(number for number, op in enumerate(graph.ops) if op.name in INT4_VERSIONS)


def narrow_filters(graph: TensorGraph, ops: Iterable[int]) -> TensorGraph:
    """Return `graph` with the filters of `ops` as INT4: for planning, before anything is packed.

    Parameters
    ----------
    graph : TensorGraph
        A full-integer graph, from a file or a specification.
    ops : iterable of int
        Numbers of operators among `filter_ops`.

    Raises
    ------
    ValueError
        If an operator is not among them.
    """
    tensors, known = list(graph.tensors), filter_ops(graph)
    for op in ops:
        if op not in known:
            raise ValueError(f"operator {op} has no filter to narrow; those with one: {known}")
        info = tensors[graph.ops[op].inputs[1]]
        tensors[graph.ops[op].inputs[1]] = replace(
            info, dtype="INT4", constant_bytes=(info.elements + 1) // 2
        )
    return replace(graph, tensors=tuple(tensors))


def filter_bytes(tflite: bytes) -> int:
    """Return the bytes of all filters of convolutions and dense layers, as stored.

    Biases and other constants are left out; a buffer that filters share counts once.

    Raises
    ------
    InvalidModel
        If the bytes are no valid .tflite.
    """
    graph = read_model(tflite).subgraphs[0]
    tensors = [graph.tensors[graph.ops[op].inputs[1]] for op in filter_ops(graph)]
    return sum({info.buffer: info.constant_bytes for info in tensors}.values())


def _is_int8_filter(graph: TensorGraph, op: OpInfo) -> bool:
    info = graph.tensors[op.inputs[1]]
    return info.dtype == "INT8" and info.is_constant and info.constant_bytes == info.elements


def read_constants(data: bytes) -> list[bytes]:
    """Return the content of each buffer of a file that `read_model` has checked."""
    import tflite

    root = tflite.Model.GetRootAs(data, 0)
    arrays = [root.Buffers(i).DataAsNumpy() for i in range(root.BuffersLength())]
    return [b"" if isinstance(array, int) else array.tobytes() for array in arrays]


def _fit(graph: TensorGraph, number: int, blobs: list[bytes]) -> Int4Fit:
    op = graph.ops[number]
    info = graph.tensors[op.inputs[1]]
    int8 = np.frombuffer(blobs[info.buffer], np.int8).reshape(info.shape)
    rows = _rows(int8, info).astype(np.float64)
    ratios, on_grid = np.array([_find_step(row) for row in rows]).T
    codes = np.clip(round_half_away(rows / ratios[:, None]), *RAILS)
    old = np.array(info.scales or (0.0,), np.float64)
    return Int4Fit(
        op=number,
        tensor=op.inputs[1],
        name=info.name,
        codes=_unrows(codes.astype(np.int8), info),
        scales=(old * ratios).astype(np.float32),
        error_steps=float(np.abs(rows / ratios[:, None] - codes).max(initial=0.0)),
        on_grid=bool(on_grid.all()),
        reason="; ".join(_refusals(graph, op.inputs[1])),
    )


def _rows(values: NDArray[Any], info: TensorInfo) -> NDArray[Any]:
    """Return a filter as one row for each of its scales."""
    if len(info.scales) < 2:
        return values.reshape(1, -1)
    return np.moveaxis(values, info.axis, 0).reshape(len(info.scales), -1)


def _unrows(rows: NDArray[np.int8], info: TensorInfo) -> NDArray[np.int8]:
    """Return rows in the filter's own shape; the inverse of `_rows`."""
    if len(info.scales) < 2:
        return rows.reshape(info.shape)
    rest = [size for axis, size in enumerate(info.shape) if axis != info.axis]
    return np.moveaxis(rows.reshape(len(rows), *rest), 0, info.axis)


def _find_step(row: NDArray[np.float64]) -> tuple[float, bool]:
    """Return the 4-bit step in int8 steps, and whether all values lie on its grid.

    The step is at least one, so a bias only shrinks in the new unit and cannot overflow.
    Tried in turn: codes that are 4-bit ones already, the step of a range that the converter
    spread over 127 codes, and the largest value as each of the seven codes.
    """
    largest = float(np.abs(row).max(initial=0.0))
    if largest <= LARGEST or (RAILS[0] <= row.min() and row.max() <= RAILS[1]):
        return 1.0, True
    for step in (INT8_LARGEST / LARGEST, *(largest / code for code in range(LARGEST, 0, -1))):
        codes = round_half_away(row / step)
        if np.abs(codes).max() <= LARGEST and np.abs(row - codes * step).max() <= HALF:
            return step, True
    return largest / LARGEST, False


def round_half_away(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `values` rounded to integers, halves away from zero, as the runtime does."""
    return np.trunc(values + np.copysign(0.5, values))


def _refusals(graph: TensorGraph, tensor: int) -> Iterator[str]:
    """Yield why the filter `tensor` cannot be stored in four bits."""
    info = graph.tensors[tensor]
    for op in graph.ops:
        if tensor not in op.inputs:
            continue
        if op.name not in INT4_VERSIONS or op.inputs.index(tensor) != 1:
            yield f"{op.name} reads it too, and not as an int4 filter"
            continue
        if len(op.inputs) > 2 and op.inputs[2] >= 0:
            bias = graph.tensors[op.inputs[2]]
            if bias.dtype != "INT32" or not bias.is_constant:
                yield f"its bias must be a constant of type INT32, got {bias.dtype}"
        if graph.tensors[op.inputs[0]].dtype != "INT8":
            yield f"int4 filters need int8 activations, got {graph.tensors[op.inputs[0]].dtype}"
        if op.name == "FULLY_CONNECTED" and len(info.scales) > 1:
            yield (
                "dense layers take int4 with a single scale only, this one has "
                f"{len(info.scales)}; disable per-channel quantization of dense layers"
            )
    if not info.scales or any(info.zero_points):
        yield "its codes are not symmetric around zero; convert to int8 weights"
