"""Traces of real files against stored outputs, and the matching of operators."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tinyml_course.core.errors import InvalidModel, UnsupportedModel
from tinyml_course.core.graph import OpInfo, TensorGraph, TensorInfo
from tinyml_course.device.flatbuffer import Model, read_model
from tinyml_course.device.slim import slim
from tinyml_course.quantization.layer_health import measure_layers
from tinyml_course.quantization.matching import match_operators, name_operators
from tinyml_course.quantization.symptoms import find_operators
from tinyml_course.quantization.trace import (
    Trace,
    _decode,
    dequantize_tensor,
    input_port,
    trace_model,
)

TRUTH = Path(__file__).parents[1] / "device" / "truth" / "models"
MODELS = ("g_conv_w8_d3", "g_res_w16", "g_sep_w32_d6", "dscnn_fcpt", "prebn_prelu")


def load(name):
    """Return a truth model, its input as floats, and the bytes that its output must have."""
    data = (TRUTH / f"{name}.tflite").read_bytes()
    port = input_port(read_model(data).subgraphs[0])
    codes = np.frombuffer((TRUTH / f"{name}.in0.bin").read_bytes(), port.dtype).reshape(port.shape)
    x = port.scale * (codes.astype(np.float64) - port.zero_point)
    return data, x.astype(np.float32), (TRUTH / f"{name}.out_ref.bin").read_bytes()


@pytest.mark.parametrize("name", MODELS)
def test_a_trace_ends_in_the_reference_output(name):
    """The last tensor equals the stored reference output, byte for byte."""
    data, x, expected = load(name)
    trace = trace_model(data, x)
    assert expected == b"".join(trace.stored[i].tobytes() for i in trace.graph.outputs)


def test_a_batch_is_traced_as_its_samples():
    """Samples do not influence each other, whether they run together or alone."""
    data, x, _ = load("g_conv_w8_d3")
    both = trace_model(data, np.concatenate([x, 0.5 * x]))
    for part, batch in enumerate((x, 0.5 * x)):
        alone = trace_model(data, batch)
        for index, values in alone.stored.items():
            assert np.array_equal(values[0], both.stored[index][part])


@pytest.mark.parametrize("name", MODELS)
def test_names_do_not_matter_to_the_matching(name):
    """A file and its slimmed copy, which has no names, match operator by operator."""
    data, x, _ = load(name)
    trace, bare = trace_model(data, x), trace_model(slim(data), x)
    matches = match_operators(trace, bare)
    assert [(i, i) for i in range(len(trace.graph.ops))] == [
        (m.reference, m.quantized) for m in matches
    ]
    assert len({m.layer for m in matches}) == len(matches)
    layers = measure_layers(trace, bare, matches, x)
    assert all(layer.sqnr_db == np.inf for layer in layers[1:])


def branch_trace(first, second):
    """Return a trace of two parallel dense layers that meet in an ADD, with these weights."""
    dense = TensorInfo(name="w", shape=(1, 2), dtype="FLOAT32", constant_bytes=8)
    hidden = TensorInfo(name="h", shape=(1, 1), dtype="FLOAT32")
    x = TensorInfo(name="x", shape=(1, 2), dtype="FLOAT32")
    ops = (
        OpInfo(name="FULLY_CONNECTED", inputs=(0, 1), outputs=(3,)),
        OpInfo(name="FULLY_CONNECTED", inputs=(0, 2), outputs=(4,)),
        OpInfo(name="ADD", inputs=(3, 4), outputs=(5,)),
    )
    graph = TensorGraph(
        tensors=(x, dense, dense, hidden, hidden, hidden), ops=ops, inputs=(0,), outputs=(5,)
    )
    weights = {1: np.array([first]), 2: np.array([second])}
    return Trace(model=Model(subgraphs=(graph,)), stored={}, constants=weights)


def test_twins_are_told_apart_by_their_weights():
    """Parallel branches of one form are matched by weights where their order changed."""
    a, b = [1.0, 2.0], [-3.0, 0.5]
    matches = match_operators(branch_trace(a, b), branch_trace(b, a))
    assert [(1, 0), (0, 1), (2, 2)] == [(m.reference, m.quantized) for m in matches]


def test_an_operator_without_twin_is_left_out():
    """What the float graph does not have is not paired with something else."""
    trace = branch_trace([1.0, 2.0], [-3.0, 0.5])
    ops = trace.graph.ops
    changed = replace(trace.graph, ops=(*ops[:2], replace(ops[2], name="SUB")))
    other = Trace(model=Model(subgraphs=(changed,)), stored={}, constants=trace.constants)
    assert 2 == len(match_operators(trace, other))


def test_layers_are_named_by_keras():
    """The last path of a tensor's name that holds a known layer gives the name, once."""
    info = TensorInfo(name="m/c0a/Relu6;m/c0n/FusedBatchNormV3;m/quant_c0/Conv2D", shape=(1, 4),
                      dtype="INT8")  # fmt: skip
    ops = tuple(OpInfo(name="RESHAPE", inputs=(0,), outputs=(0,)) for _ in range(2))
    graph = TensorGraph(tensors=(info,), ops=ops, inputs=(0,), outputs=(0,))
    assert ("c0", "c0 reshape") == name_operators(graph)
    assert ("c0n", "c0n reshape") == name_operators(graph, ("c0n", "c0a"))
    assert ("reshape", "reshape 2") == name_operators(graph, ("nothing",))


def test_int4_constants_hold_the_first_code_in_the_low_nibble():
    """Packed codes come back in order, signed, an odd number of them included."""
    info = TensorInfo(name="w", shape=(3,), dtype="INT4", constant_bytes=2)
    assert [-8, 7, -1] == _decode(bytes([0x78, 0x0F]), info).tolist()


def test_channel_scales_follow_their_axis():
    """Each channel along the axis has its own scale and zero point."""
    info = TensorInfo(name="w", shape=(2, 2), dtype="INT8", scales=(1.0, 0.5), zero_points=(0, 2),
                      axis=1)  # fmt: skip
    assert [[1.0, 0.0], [3.0, 1.0]] == dequantize_tensor(np.array([[1, 2], [3, 4]]), info).tolist()


@pytest.mark.parametrize(("name", "expected"), [("dscnn_hybrid", 5), ("dscnn_fcpt", 0)])
def test_each_refused_operator_is_a_finding_at_its_layer(name, expected):
    """A hybrid file gives one finding a convolution, under its own name; an int8 file none."""
    model = read_model((TRUTH / f"{name}.tflite").read_bytes())
    found = list(find_operators(model, name_operators(model.subgraphs[0])))
    assert expected == len(found) == len({finding.layer for finding in found})
    assert all("hybrid" in finding.evidence for finding in found)


def test_bytes_that_are_no_model_are_refused():
    """Damaged files and models with several inputs raise what the course raises elsewhere."""
    with pytest.raises(InvalidModel):
        trace_model(b"nothing", np.zeros((1, 2), np.float32))
    with pytest.raises(UnsupportedModel, match="one input"):
        trace_model((TRUTH / "g_multiin.tflite").read_bytes(), np.zeros((1, 2), np.float32))
