"""Small .tflite files made from the schema, for operators that no converted model at hand has."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
import pytest
import tflite

NUMPY = {
    "FLOAT32": np.float32,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "BOOL": np.bool_,
    "INT4": np.int8,
}


def operand(dtype, *shape, data=None, scale=None, variable=False):
    """Describe a tensor: an activation, a state, or a constant where `data` is given."""
    if scale is None and dtype in ("INT8", "INT16", "INT4"):
        scale = 0.5
    return {"dtype": dtype, "shape": shape, "data": data, "scale": scale, "variable": variable}


def make_model(name: str, inputs: list[Any], outputs: list[Any], options: Any = None) -> bytes:
    """Return a model of one operator; `options` are (schema class, {camelCase field: value})."""
    given = [i for i, spec in enumerate(inputs) if spec["data"] is None and not spec["variable"]]
    made = list(range(len(inputs), len(inputs) + len(outputs)))
    op = (name, list(range(len(inputs))), made, options)
    return make_graphs([((*inputs, *outputs), [op], given, made)])


def make_graphs(graphs: list[Any]) -> bytes:
    """Return a model of several subgraphs: (operands, operators, inputs, outputs) of each.

    An operator is (name, inputs, outputs, options).
    """
    schema = load_schema()
    model = schema.ModelT()
    model.version, model.buffers = 3, [schema.BufferT()]
    names = list(dict.fromkeys(op[0] for _, ops, _, _ in graphs for op in ops))
    model.operatorCodes = [_code(schema, name) for name in names]
    model.subgraphs = []
    for tensors, ops, inputs, outputs in graphs:
        graph = schema.SubGraphT()
        graph.tensors = [_tensor(schema, model, spec) for spec in tensors]
        graph.operators = [_operator(schema, names, *op) for op in ops]
        graph.inputs, graph.outputs = inputs, outputs
        model.subgraphs.append(graph)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _code(schema, name):
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(tflite.BuiltinOperator, name)
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 1
    return code


def _operator(schema, names, name, inputs, outputs, options):
    op = schema.OperatorT()
    op.opcodeIndex, op.inputs, op.outputs = names.index(name), inputs, outputs
    if options is not None:
        kind, fields = options
        op.builtinOptionsType = getattr(tflite.BuiltinOptions, kind)
        op.builtinOptions = getattr(schema, f"{kind}T")()
        for field, value in fields.items():
            setattr(op.builtinOptions, field, value)
    return op


def load_schema():
    """Return tflite-micro's schema classes, which can write; skip the test where there are none."""
    return pytest.importorskip("tflite_micro.tensorflow.lite.micro.python.schema_py_generated")


def _tensor(schema, model, spec):
    tensor = schema.TensorT()
    tensor.shape, tensor.name = list(spec["shape"]), b"t"
    tensor.type = getattr(tflite.TensorType, spec["dtype"])
    tensor.isVariable = spec["variable"]
    if spec["data"] is not None:
        buffer = schema.BufferT()
        data = np.asarray(spec["data"]).astype(NUMPY[spec["dtype"]])
        buffer.data = list(data.tobytes())
        model.buffers.append(buffer)
        tensor.buffer = len(model.buffers) - 1
    if spec["scale"] is not None:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [spec["scale"]], [0]
    return tensor
