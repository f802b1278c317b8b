"""Every tensor of a .tflite while it runs: what a diagnosis looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.errors import UnsupportedModel
from tinyml_course.core.graph import OpInfo, TensorGraph, TensorInfo
from tinyml_course.device.flatbuffer import Model, read_model
from tinyml_course.device.ports import Port

Array = NDArray[Any]

CONSTANT_DTYPES = {
    "FLOAT32": np.float32, "FLOAT16": np.float16, "INT8": np.int8, "UINT8": np.uint8,
    "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "BOOL": np.bool_,
}  # fmt: skip
CODE_LIMITS = {"INT4": (-8, 7), "INT8": (-128, 127), "UINT8": (0, 255), "INT16": (-32768, 32767)}
"""Lowest and highest code of each quantized type."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """What each tensor of a model held for N samples.

    Attributes
    ----------
    model : Model
        The parsed file.
    stored : mapping of int to array
        Tensor index to its values as the runtime stores them: (N, ...) codes or floats of each
        activation.
    constants : mapping of int to array
        Tensor index to codes or floats of each constant; int4 is unpacked to int8.
    """

    model: Model
    stored: Mapping[int, Array]
    constants: Mapping[int, Array]

    @property
    def graph(self) -> TensorGraph:
        """The entry subgraph."""
        return self.model.subgraphs[0]

    def real(self, tensor: int) -> NDArray[np.float64]:
        """Return what the values of a tensor stand for, in its own unit, as float64."""
        values = self.stored.get(tensor)
        if values is None:
            values = self.constants[tensor]
        return dequantize_tensor(values, self.graph.tensors[tensor])


def trace_model(data: bytes, x: NDArray[np.float32]) -> Trace:
    """Return every tensor that `data` computes for `x`, on LiteRT's reference kernels.

    The reference kernels give the device's integers bit for bit. Tensors that share memory
    are kept apart, so that each can be read afterwards.

    Parameters
    ----------
    data : bytes
        A .tflite with one input.
    x : (N, ...) float32
        Samples in the unit of the training data.

    Raises
    ------
    InvalidModel
        If the bytes are no .tflite.
    UnsupportedModel
        If LiteRT has no kernel for an operator, or the model has several inputs.
    ValueError
        If the shape of `x` does not match the model's input.
    """
    model = read_model(data)
    graph = model.subgraphs[0]
    if len(graph.inputs) != 1:
        raise UnsupportedModel(f"a trace needs a model with one input, got {len(graph.inputs)}")
    codes = input_port(graph).encode(np.asarray(x, np.float32))
    try:
        stored = _run(data, graph, codes)
    except (RuntimeError, ValueError):  # a shape that is fixed inside the model
        stored = _run_one_by_one(data, graph, codes)
    return Trace(model=model, stored=stored, constants=read_constants(data, graph))


def input_port(graph: TensorGraph) -> Port:
    """Return the first input of a graph as a port, which encodes samples."""
    info = graph.tensors[graph.inputs[0]]
    return Port(
        shape=info.shape,
        dtype=info.dtype.lower(),
        scale=info.scales[0] if info.scales else 0.0,
        zero_point=info.zero_points[0] if info.zero_points else 0,
    )


def read_constants(data: bytes, graph: TensorGraph) -> dict[int, Array]:
    """Return each constant of `graph` by its tensor index, in its stored type and shape."""
    import tflite

    root = tflite.Model.GetRootAs(data, 0)
    found = {}
    for index, info in enumerate(graph.tensors):
        if info.is_constant and (info.dtype in CONSTANT_DTYPES or info.dtype == "INT4"):
            raw = root.Buffers(info.buffer).DataAsNumpy().tobytes()
            found[index] = _decode(raw, info)
    return found


def dequantize_tensor(values: Array, info: TensorInfo) -> NDArray[np.float64]:
    """Return ``scale * (value - zero point)``, per channel where the tensor has channel scales.

    Parameters
    ----------
    values : (...) array
        Codes, or floats of a tensor without scales, which come back as they are.
    info : TensorInfo
        Scales, zero points and the axis of the channels.
    """
    whole = values.astype(np.float64)
    if not info.scales:
        return whole
    scales = np.asarray(info.scales, np.float64)
    zeros = np.asarray(info.zero_points or (0,), np.float64)
    if len(scales) == 1:
        return (whole - zeros[0]) * scales[0]
    column = [1] * whole.ndim
    column[info.axis] = len(scales)
    return (whole - zeros.reshape(column if len(zeros) > 1 else [1])) * scales.reshape(column)


def active_inputs(graph: TensorGraph, op: OpInfo) -> Iterator[int]:
    """Yield the inputs of `op` that are computed, not stored in the file."""
    for index in op.inputs:
        if index >= 0 and not graph.tensors[index].is_constant:
            yield index


def _run(data: bytes, graph: TensorGraph, codes: Array) -> dict[int, Array]:
    """Return all activations for the samples `codes`, run as one batch."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=data,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    place = interpreter.get_input_details()[0]["index"]
    if len(codes) > 1:
        interpreter.resize_tensor_input(place, codes.shape)
    try:
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as fault:
        if len(codes) > 1:
            raise
        raise UnsupportedModel(f"LiteRT refuses the model: {fault}") from fault
    interpreter.set_tensor(place, codes)
    interpreter.invoke()
    written = [*graph.inputs, *(index for op in graph.ops for index in op.outputs)]
    return {index: interpreter.get_tensor(index) for index in written}


def _run_one_by_one(data: bytes, graph: TensorGraph, codes: Array) -> dict[int, Array]:
    rows = [_run(data, graph, sample[None]) for sample in codes]
    return {index: np.concatenate([row[index] for row in rows]) for index in rows[0]}


def _decode(raw: bytes, info: TensorInfo) -> Array:
    """Return a constant's bytes as an array; int4 holds two codes a byte, low nibble first."""
    if info.dtype != "INT4":
        return np.frombuffer(raw, CONSTANT_DTYPES[info.dtype]).reshape(info.shape)
    packed = np.frombuffer(raw, np.uint8)
    nibbles = np.stack([packed & 15, packed >> 4], axis=1).ravel()[: info.elements]
    return ((nibbles ^ 8).astype(np.int8) - 8).reshape(info.shape)
