"""Reading .tflite files: what they hold, and what hostile ones get."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
import tflite
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_course.core.errors import InvalidModel
from tinyml_course.core.graph import TensorGraph
from tinyml_course.cost.estimate import estimate_cost
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.explain import explain_peak
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.refusals import refusals

MODELS = Path(__file__).parent / "truth" / "models"
SMALL = ["mlp_small", "g_conv_w4_d2", "g_multiin", "rnd10", "slices_sub", "seg_softmax4d"]


def data_of(name):
    return (MODELS / f"{name}.tflite").read_bytes()


def mutate(data, rng):
    """Overwrite up to eight places with extreme words or random bytes, or cut the file."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 9)):
        place = int(rng.integers(0, len(changed) - 4))
        word = rng.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, rng.integers(2**32), 64])
        if rng.random() < 0.5:
            changed[place] = int(rng.integers(256))
        else:
            place -= place % 4
            changed[place : place + 4] = struct.pack("<I", int(word))
    return bytes(changed[: rng.integers(8, len(changed))] if rng.random() < 0.1 else changed)


def use(data):
    """Do what the emulator does before it runs a model."""
    model = read_model(data)
    plan = plan_arena(model, "esp-nn-s3")
    refusals(model)
    estimate_cost(model.subgraphs[0])
    explain_peak(plan, model.subgraphs[0])


@pytest.mark.parametrize("name", SMALL)
def test_damaged_files_are_refused_or_planned(name):
    """Fifty mutants of each model either work or get InvalidModel, and none takes long."""
    data, rng = data_of(name), np.random.default_rng(len(name))
    refused = 0
    for _ in range(50):
        start = time.process_time()
        try:
            use(mutate(data, rng))
        except InvalidModel:
            refused += 1
        assert time.process_time() - start < 5
    assert 0 < refused < 50


def test_one_long_vector_shared_by_many_tables_is_refused():
    """A file that points to the same vector for ever fills no memory."""
    builder = flatbuffers.Builder()
    shape = builder.CreateNumpyVector(np.ones(8, np.int32))
    scales = builder.CreateNumpyVector(np.ones(50_000, np.float32))
    tflite.QuantizationParametersStart(builder)
    tflite.QuantizationParametersAddScale(builder, scales)
    quantization = tflite.QuantizationParametersEnd(builder)
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, shape)
    tflite.TensorAddQuantization(builder, quantization)
    tensor = tflite.TensorEnd(builder)
    tensors = vector_of(builder, tflite.SubGraphStartTensorsVector, [tensor] * 10_000)
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensors)
    graphs = vector_of(builder, tflite.ModelStartSubgraphsVector, [tflite.SubGraphEnd(builder)])
    tflite.ModelStart(builder)
    tflite.ModelAddSubgraphs(builder, graphs)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    start = time.process_time()
    with pytest.raises(InvalidModel, match="elements"):
        read_model(bytes(builder.Output()))
    assert time.process_time() - start < 2


def vector_of(builder, start, offsets):
    start(builder, len(offsets))
    for offset in offsets:
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


@settings(max_examples=50)
@given(st.binary(max_size=400))
def test_bytes_that_are_no_model_are_refused(blob):
    """Arbitrary bytes after a valid identifier are refused, never crash."""
    with pytest.raises(InvalidModel):
        read_model(struct.pack("<I", 8) + b"TFL3" + blob)


@pytest.mark.parametrize("blob", [b"", b"PK\x03\x04" * 10, b"\x1c\x00\x00\x00TFL2" + bytes(64)])
def test_other_files_are_named_as_such(blob):
    """A file without the identifier is no .tflite, whatever else it is."""
    with pytest.raises(InvalidModel, match=r"not a \.tflite"):
        read_model(blob)


@pytest.mark.parametrize("kept", [9, 100, 1000, 3000])
def test_truncated_files_are_refused(kept):
    """A download that stopped early is called damaged."""
    with pytest.raises(InvalidModel):
        read_model(data_of("mlp_small")[:kept])


def test_the_reader_agrees_with_litert():
    """Shapes, types and quantization of inputs and outputs are LiteRT's."""
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(model_content=data_of("g_multiin"))
    graph = read_model(data_of("g_multiin")).subgraphs[0]
    for details, index in zip(
        interpreter.get_input_details() + interpreter.get_output_details(),
        (*graph.inputs, *graph.outputs),
        strict=True,
    ):
        info = graph.tensors[index]
        assert (details["index"], details["name"]) == (index, info.name)
        assert (tuple(details["shape"]), details["dtype"].__name__.upper()) == (
            info.shape,
            info.dtype,
        )
        assert details["quantization"] == pytest.approx((info.scales[0], info.zero_points[0]))


def test_options_have_the_schema_names():
    """A convolution's stride, padding and activation are read by name."""
    graph = read_model(data_of("g_conv_w4_d2")).subgraphs[0]
    conv = next(op for op in graph.ops if op.name == "CONV_2D")
    assert (1, 1, 0) == tuple(conv.options[key] for key in ("stride_w", "stride_h", "padding"))


def test_constants_know_their_bytes():
    """Weights are constants of the stored size; activations are none."""
    graph = read_model(data_of("mlp_small")).subgraphs[0]
    dense = graph.ops[0]
    x, weights = graph.tensors[dense.inputs[0]], graph.tensors[dense.inputs[1]]
    assert (0, weights.elements) == (x.constant_bytes, weights.constant_bytes)


def test_a_resnet_is_read_within_50_ms():
    """Reading is not what a learner waits for."""
    data = data_of("resnet8_32x32x3")
    read_model(data)
    start = time.process_time()
    assert isinstance(read_model(data).subgraphs[0], TensorGraph)
    assert time.process_time() - start < 0.05
