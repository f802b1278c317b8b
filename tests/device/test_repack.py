"""Filters stored in four bits: the same answers in both runtimes, and what is refused."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
import tflite

from tests.device.factory import load_schema, make_model, operand
from tinyml_course.core.boards import find_board
from tinyml_course.core.errors import CourseError, UnsupportedModel
from tinyml_course.device import repack
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.int4 import INT4_VERSIONS, filter_bytes, fit_int4, unpack_codes
from tinyml_course.device.latency import model_latency
from tinyml_course.device.refusals import refusals, warnings
from tinyml_course.device.repack import pack_int4
from tinyml_course.device.runtime import DeviceRuntime
from tinyml_course.device.runtime_server import RuntimeServer
from tinyml_course.device.slim import slim

MODELS = Path(__file__).parent / "truth" / "models"
CONVOLUTIONS = ["g_conv_w4_d2", "g_dw_w8_d2", "g_dwmult", "g_res_w16", "dscnn_fcpt", "g_multiin"]
needs_tflm = pytest.mark.skipif(
    find_spec("tflite_micro") is None, reason="TFLM has wheels for x86-64 Linux only"
)
SAME, CHANNELS, SIDE = 0, 5, 7


def model_bytes(name):
    return (MODELS / f"{name}.tflite").read_bytes()


def packed(data):
    """Return the model with every filter that may be packed in four bits, rounded to them."""
    return pack_int4(data, [f.op for f in fit_int4(data) if not f.reason], requantize=True)


@pytest.fixture(scope="module")
def servers():
    """A child for each runtime."""
    with RuntimeServer() as device, RuntimeServer("litert-reference") as litert:
        yield device, litert


def answer(data, server):
    """Return the output codes for three random samples."""
    rng = np.random.default_rng(0)
    with DeviceRuntime(data, server=server) as runtime:
        batches = [
            rng.integers(-128, 128, (3, *p.sample_shape)).astype(p.dtype) for p in runtime.inputs
        ]
        outputs = runtime.run_all(batches)
    return np.concatenate([output.ravel() for output in outputs]).astype(int)


def layer(kind, step=1.0, *, seed=0):
    """Return a model of one layer with an odd number of weights on a 4-bit grid, and the codes.

    The filter's scale is 0.5 / step, so that the same codes mean the same for every step.
    """
    rng = np.random.default_rng(seed)
    shapes = {
        "CONV_2D": (CHANNELS, 3, 3, 3),
        "DEPTHWISE_CONV_2D": (1, 3, 3, 3),
        "FULLY_CONNECTED": (CHANNELS, 7),
    }
    codes = rng.integers(-7, 8, shapes[kind])
    codes.flat[:: codes.size // 9] = 7
    outputs = 3 if kind.startswith("DEPTHWISE") else CHANNELS
    image = kind != "FULLY_CONNECTED"
    x = operand("INT8", *((1, SIDE, SIDE, 3) if image else (1, 7)), scale=0.03)
    filters = operand("INT8", *codes.shape, data=np.round(codes * step), scale=0.5 / step)
    bias = operand("INT32", outputs, data=np.round(rng.integers(-900, 900, outputs) * step))
    y = operand("INT8", *((1, SIDE, SIDE, outputs) if image else (1, outputs)), scale=2.5)
    window = {"strideW": 1, "strideH": 1, "dilationWFactor": 1, "dilationHFactor": 1}
    options = {
        "CONV_2D": ("Conv2DOptions", window),
        "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", window | {"depthMultiplier": 1}),
        "FULLY_CONNECTED": ("FullyConnectedOptions", {}),
    }
    return make_model(kind, [x, filters, bias], [y], options[kind]), codes


@pytest.mark.parametrize("kind", INT4_VERSIONS)
def test_codes_that_fit_four_bits_answer_as_the_int8_model(kind, servers):
    """Where no value changes, neither does an output: odd sizes, both runtimes, all kinds."""
    data, codes = layer(kind)
    small = pack_int4(data)
    assert codes.size % 2 == 1
    assert (codes.size + 1) // 2 == filter_bytes(small)
    for server in servers:
        expected = answer(data, server)
        assert len(np.unique(expected)) > 9
        np.testing.assert_array_equal(expected, answer(small, server))


@pytest.mark.parametrize("kind", INT4_VERSIONS)
def test_a_grid_spread_over_127_codes_answers_as_its_own_codes(kind, servers):
    """What the converter stored as int8 gets back the grid's codes, scales and bias."""
    spread, codes = layer(kind, 127 / 7)
    small = pack_int4(spread)
    root = tflite.Model.GetRootAs(small, 0)
    filters = root.Subgraphs(0).Tensors(1)
    blob = root.Buffers(filters.Buffer()).DataAsNumpy().tobytes()
    np.testing.assert_array_equal(codes.ravel(), unpack_codes(blob, codes.size))
    for server in servers:
        np.testing.assert_array_equal(answer(layer(kind)[0], server), answer(small, server))


@pytest.mark.parametrize("mutant", ["high half first", "bias kept"])
def test_wrong_packings_would_be_noticed(mutant, servers, monkeypatch):
    """Two plausible mistakes change the outputs that the tests above compare."""
    if mutant == "bias kept":
        monkeypatch.setattr(
            repack, "_rescale_bias",
            lambda graph, op, _, blobs: repack._Edit(
                "INT32", blobs[graph.tensors[op.inputs[2]].buffer], None
            ),
        )  # fmt: skip
    else:
        right = repack.pack_codes
        swap = lambda codes: bytes((b >> 4) | (b & 15) << 4 for b in right(codes))  # noqa: E731
        monkeypatch.setattr(repack, "pack_codes", swap)
    wrong = pack_int4(layer("CONV_2D", 127 / 7)[0])
    assert (answer(wrong, servers[1]) != answer(layer("CONV_2D")[0], servers[1])).any()


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_both_runtimes_agree_on_requantized_models(name, servers):
    """TFLM and LiteRT's reference give the same bytes, before and after slimming."""
    small = packed(model_bytes(name))
    expected = answer(small, servers[1])
    for data in (small, slim(small)):
        for server in servers:
            np.testing.assert_array_equal(expected, answer(data, server))


@pytest.mark.parametrize("name", [*CONVOLUTIONS, "resnet8_fcpt"])
def test_nothing_but_filters_and_biases_changes(name):
    """Names, shapes, options, metadata and all other constants are copied as they are."""
    data = model_bytes(name)
    before, after = read_model(data), read_model(packed(data))
    old, new = before.subgraphs[0], after.subgraphs[0]
    edited = {i for op in old.ops if op.name in INT4_VERSIONS for i in op.inputs[1:]}
    assert (old.ops, old.inputs, old.outputs) == (new.ops, new.inputs, new.outputs)
    assert (before.metadata, before.description) == (after.metadata, after.description)
    for index, (was, now) in enumerate(zip(old.tensors, new.tensors, strict=True)):
        if index not in edited:
            assert was == now
        assert (was.name, was.shape, was.axis) == (now.name, now.shape, now.axis)
    assert len(slim(packed(data))) < len(slim(data))
    signature = tflite.Model.GetRootAs(packed(data), 0).SignatureDefs(0)
    assert b"serving_default" == signature.SignatureKey()


def twins(*, one_tensor=False):
    """Return two dense layers in a row, whose equal filters share a buffer, or are one tensor."""
    schema = load_schema()
    rng = np.random.default_rng(0)
    filters, bias = rng.integers(-7, 8, (7, 7)), rng.integers(-900, 900, 7)
    x, y = operand("INT8", 1, 7, scale=0.03), operand("INT8", 1, 7, scale=0.9)
    constants = [operand("INT8", 7, 7, data=filters), operand("INT32", 7, data=bias)]
    data = make_model("FULLY_CONNECTED", [x, *constants], [y], ("FullyConnectedOptions", {}))
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph = model.subgraphs[0]
    graph.tensors += [copy.deepcopy(graph.tensors[index]) for index in (1, 2, 3)]
    unit = graph.tensors[5].quantization = schema.QuantizationParametersT()
    unit.scale, unit.zeroPoint = [0.9 * 0.5], [0]  # the runtime checks it against the products'
    second = copy.deepcopy(graph.operators[0])
    second.inputs, second.outputs = [3, 1 if one_tensor else 4, 5], [6]
    graph.operators.append(second)
    graph.outputs = [6]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("prepare", [bytes, slim], ids=["as made", "slimmed"])
def test_of_two_filters_in_one_buffer_either_may_be_packed(prepare, servers):
    """The other one keeps its int8 codes, even where slimming made one table of both."""
    data = prepare(twins())
    for chosen, kept in ((0, 1), (1, 0)):
        small = pack_int4(data, [chosen])
        graph = read_model(small).subgraphs[0]
        types = [graph.tensors[op.inputs[1]].dtype for op in graph.ops]
        assert ("INT4", "INT8") == (types[chosen], types[kept])
        assert 49 + 25 == filter_bytes(small)
        for server in servers:
            np.testing.assert_array_equal(answer(data, server), answer(small, server))
    both = pack_int4(data)
    assert 25 == filter_bytes(both)
    np.testing.assert_array_equal(answer(data, servers[0]), answer(both, servers[0]))


def test_a_filter_that_two_operators_read_is_packed_for_both(servers):
    """One tensor has one type; the biases of both readers are in its unit."""
    data = twins(one_tensor=True)
    small = pack_int4(data, [0])
    assert 25 == filter_bytes(small)
    for server in servers:
        np.testing.assert_array_equal(answer(data, server), answer(small, server))


def test_a_bias_never_grows_in_its_new_unit():
    """A 4-bit step is at least an int8 step, so that no bias can overflow."""
    data = model_bytes("resnet8_fcpt")
    before, after = read_model(data), read_model(packed(data))
    for op in before.subgraphs[0].ops:
        if op.name in INT4_VERSIONS:
            old, new = (m.subgraphs[0].tensors[op.inputs[2]].scales for m in (before, after))
            assert all(b >= a * (1 - 1e-6) for a, b in zip(old, new, strict=True))


def test_by_default_only_grids_are_packed():
    """A model that was not trained at four bits comes back as it was."""
    data = model_bytes("g_conv_w8_d3")
    assert not any(fit.on_grid for fit in fit_int4(data))
    assert data == pack_int4(data)


def test_what_cannot_be_packed_is_refused_with_the_remedy():
    """Weights off the grid, dense layers with many scales, wrong types, and no filter at all."""
    data = model_bytes("g_conv_w8_d3")
    conv, *_, last = fit_int4(data)
    with pytest.raises(UnsupportedModel, match=r"no 4-bit grid .*train it at 4 bits"):
        pack_int4(data, [conv.op])
    with pytest.raises(UnsupportedModel, match=r"single scale only, this one has 10; disable"):
        pack_int4(data, [last.op], requantize=True)
    with pytest.raises(ValueError, match="operator 99 has no int8 filter; those with one"):
        pack_int4(data, [99])
    wide = model_bytes("g_conv_w8_int16x8_fcpt")
    with pytest.raises(UnsupportedModel, match="need int8 activations, got INT16"):
        pack_int4(wide, [fit_int4(wide)[0].op], requantize=True)


def test_damaged_files_are_refused_without_a_crash():
    """Any byte of the file may be wrong: what comes is a CourseError or a file."""
    rng = np.random.default_rng(0)
    good = np.frombuffer(model_bytes("rnd10"), np.uint8)
    for _ in range(300):
        bad = good.copy()
        bad[rng.integers(8, len(bad), 4)] = rng.integers(0, 256, 4)
        try:
            read_model(packed(bad.tobytes()))
        except CourseError:
            continue


CHILD = """
import os, sys
from tflite_micro import runtime
for path in sys.argv[1:]:
    os.write(2, b"=== " + os.path.basename(path).encode() + b"\\n")
    runtime.Interpreter.from_bytes(open(path, "rb").read(), arena_size=200_000).print_allocations()
"""


@needs_tflm
def test_the_unpacked_filters_are_in_the_planned_arena(tmp_path):
    """The head, scratch of a byte a weight included, is what the host's runtime reports."""
    names = [*CONVOLUTIONS, "rnd19", "resnet8_fcpt"]
    files = {name: packed(model_bytes(name)) for name in names}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *(tmp_path / name for name in names)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert 0 == child.returncode, child.stderr[-500:]
    said = dict(part.split("\n", 1) for part in child.stderr.split("=== ")[1:])
    for name, data in files.items():
        plan = plan_arena(read_model(data), "tflm-reference")
        assert int(re.search(r"head (\d+) bytes", said[name])[1]) == plan.head_bytes
        assert any("unpacked" in b.name for b in plan.buffers if b.kind == "scratch")


def test_int4_is_accepted_but_slower_with_fast_kernels():
    """No refusal, a warning that says the price, and the reference kernels' time on the ESP32."""
    data = model_bytes("g_res_w16")
    before, after = read_model(data), read_model(packed(data))
    assert () == refusals(after)
    assert not any("int4" in line for line in warnings(before))
    assert any("a byte a weight" in line for line in warnings(after))
    board = find_board("esp32")
    times = [
        model_latency(replace(model.subgraphs[0]), board, kernels).milliseconds
        for model in (before, after)
        for kernels in ("esp-nn", "tflm-reference")
    ]
    fast, slow, fast4, slow4 = times
    assert fast < fast4 <= slow4 < slow
