"""What the runtime refuses, against the real runtime's verdicts."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from tinyml_course.core.errors import InvalidModel
from tinyml_course.core.graph import OpInfo
from tinyml_course.cost.layers import dense_graph
from tinyml_course.device.flatbuffer import Model, read_model
from tinyml_course.device.refusals import refusals, warnings
from tinyml_course.device.runtime import DeviceRuntime

TRUTH = Path(__file__).parent / "truth"
FIGURES = json.loads((TRUTH / "arena_truth.json").read_text())


def load(name):
    return read_model((TRUTH / "models" / f"{name}.tflite").read_bytes())


@pytest.mark.parametrize("name", FIGURES)
def test_verdicts_are_the_runtimes(name):
    """A model is refused here exactly if the real runtime refuses it."""
    assert FIGURES[name]["runs_on_tflm"] == (not refusals(load(name)))


def test_hybrid_models_are_told_to_quantize_activations():
    """The reason names operators, fault and remedy."""
    reason = refusals(load("dscnn_hybrid"))[0]
    assert all(part in reason for part in ("CONV_2D: hybrid", "representative dataset"))


def test_float_models_run_with_a_warning():
    """Float is allowed, but costs four times the memory."""
    model = load("g_conv_w8_float32")
    assert () == refusals(model)
    assert "float" in warnings(model)[0]


def test_dense_layers_with_a_scale_per_channel_are_warned_about():
    """The converter's default breaks silently on old runtimes; the fixed export does not."""
    assert any("per channel" in text for text in warnings(load("g_conv_w8_d3")))
    assert () == warnings(load("g_conv_w8_fcpt"))


def test_custom_and_unknown_operators_are_refused():
    """Neither has a kernel."""
    graph = dense_graph(4, 2)
    for name, custom in (("MyOp", True), ("BIDIRECTIONAL_SEQUENCE_LSTM", False)):
        op = OpInfo(name=name, inputs=(0,), outputs=(3,), is_custom=custom)
        assert 1 == len(refusals(Model(subgraphs=(replace(graph, ops=(op,)),))))


@pytest.mark.skipif(find_spec("tflite_micro") is None, reason="TFLM: x86-64 Linux only")
@pytest.mark.parametrize("factor", [1.01, 1.0, 0.5])
def test_a_softmax_scale_is_refused_exactly_where_the_runtime_aborts(factor):
    """Patched to just above, at and below 2**-26, the scale is refused iff loading crashes."""
    data = (TRUTH / "models" / "mlp_small.tflite").read_bytes()
    graph = read_model(data).subgraphs[0]
    softmax = next(op for op in graph.ops if op.name == "SOFTMAX")
    scale = struct.pack("<f", graph.tensors[softmax.inputs[0]].scales[0])
    patched = data.replace(scale, struct.pack("<f", factor * 2.0**-26))
    try:
        DeviceRuntime(patched, name="tflm").close()
        loads = True
    except InvalidModel:
        loads = False
    assert loads == (not refusals(read_model(patched)))
    assert loads == (factor > 1)
