"""Slimming: fewer bytes, the same model to every reader and runtime."""

from __future__ import annotations

import struct
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
import tflite

from tinyml_course.core.environment import load_keras, load_tensorflow, quiet_native_log
from tinyml_course.core.errors import CourseError, InvalidModel, UnsupportedModel
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.runtime import DeviceRuntime
from tinyml_course.device.runtime_server import RuntimeServer
from tinyml_course.device.slim import slim

MODELS = Path(__file__).parent / "truth" / "models"
NAMES = sorted(path.stem for path in MODELS.glob("*.tflite"))
SMALLEST = sorted(NAMES, key=lambda name: (MODELS / f"{name}.tflite").stat().st_size)[:6]
KINDS = [*SMALLEST, "prebn_prelu", "mbv3_se_block", "g_conv_w8_float32", "g_logits_int16x8"]
TIERS = ("tflm-reference", "esp-nn", "esp-nn-s3", "esp-nn-p4")
needs_tflm = pytest.mark.skipif(
    find_spec("tflite_micro") is None, reason="TFLM has wheels for x86-64 Linux only"
)


def model_bytes(name):
    return (MODELS / f"{name}.tflite").read_bytes()


@pytest.fixture(scope="module")
def servers():
    """A child for each runtime."""
    with RuntimeServer() as device, RuntimeServer("litert-reference") as litert:
        yield device, litert


def answers(data, server):
    """Return ports and output bytes for three samples, or what the runtime says against it."""
    rng = np.random.default_rng(0)
    try:
        with DeviceRuntime(data, server=server) as runtime:
            batches = [
                rng.integers(0, 2, (3, *p.sample_shape)).astype(p.dtype)
                if p.dtype == "bool"
                else rng.normal(0, 50, (3, *p.sample_shape)).astype(p.dtype)
                for p in runtime.inputs
            ]
            outputs = runtime.run_all(batches)
            return runtime.inputs, runtime.outputs, [output.tobytes() for output in outputs]
    except CourseError as error:
        return type(error), str(error)


def nameless(plan):
    """Return a memory plan without the tensors' names, which slimming removes."""
    buffers = tuple(replace(b, name="") for b in plan.buffers)
    tail = tuple(replace(t, what=t.what.split(" ")[0]) for t in plan.tail)
    return replace(plan, buffers=buffers, tail=tail)


def meaning(data):
    """Return graphs without names and buffer numbers, each tensor with its constant's bytes."""
    root = tflite.Model.GetRootAs(data, 0)
    model = read_model(data)
    found = []
    for graph in model.subgraphs:
        tensors = tuple(replace(t, name="", buffer=0) for t in graph.tensors)
        constants = [
            bytes(root.Buffers(t.buffer).DataAsNumpy()) if t.is_constant else b""
            for t in graph.tensors
        ]
        found.append((replace(graph, name="", tensors=tensors), constants))
    return found, {code.name: code.version for code in model.operator_codes}


def same_everywhere(data, servers):
    small = slim(data)
    for server in servers:
        assert answers(data, server) == answers(small, server)
    for tier in TIERS:
        full, slimmed = (plan_arena(read_model(file), tier) for file in (data, small))
        assert nameless(full) == nameless(slimmed)


@pytest.mark.parametrize("name", KINDS)
def test_outputs_and_arena_stay_as_they_were(name, servers):
    """Both runtimes give the same bytes, and the plan is the same for every kernel tier."""
    same_everywhere(model_bytes(name), servers)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_outputs_and_arena_of_every_truth_model_stay(name, servers):
    """What is refused stays refused, in the same words."""
    same_everywhere(model_bytes(name), servers)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_is_read_changes(name):
    """Shapes, types, scales, options, constants and operator versions are all as before."""
    data = model_bytes(name)
    small = slim(data)
    assert meaning(data) == meaning(small)
    assert len(small) < len(data)


def test_the_smallest_models_lose_more_than_a_third():
    """At least 35 % of the six smallest truth models, in sum."""
    before = sum(len(model_bytes(name)) for name in SMALLEST)
    after = sum(len(slim(model_bytes(name))) for name in SMALLEST)
    assert 1 - after / before >= 0.35


@pytest.mark.parametrize("name", [*KINDS, "resnet8_fcpt"])
def test_slimming_twice_changes_nothing_more(name):
    """A slimmed file is its own slimmed file."""
    small = slim(model_bytes(name))
    assert small == slim(small)


@pytest.mark.parametrize("name", ["g_conv_w8_d3", "g_multiin", "g_logits_int16x8"])
def test_vectors_are_aligned_and_stored_once(name):
    """Constants lie at multiples of 16, 64-bit zero points of 8; equal vectors share a place."""
    file = np.frombuffer(slim(model_bytes(name)), np.uint8)
    root = tflite.Model.GetRootAs(file, 0)
    start = file.__array_interface__["data"][0]
    places = {}

    def note(kind, array, align):
        if isinstance(array, int):
            return
        place = array.__array_interface__["data"][0] - start
        assert place % align == 0
        assert places.setdefault((kind, array.tobytes()), place) == place

    for i in range(root.BuffersLength()):
        note("data", root.Buffers(i).DataAsNumpy(), 16)
    graph = root.Subgraphs(0)
    for i in range(graph.TensorsLength()):
        quantization = graph.Tensors(i).Quantization()
        note("shape", graph.Tensors(i).ShapeAsNumpy(), 4)
        if quantization is not None:
            note("scale", quantization.ScaleAsNumpy(), 4)
            note("zero point", quantization.ZeroPointAsNumpy(), 8)
    assert len(places) > 10


def test_scalars_stay_scalars():
    """A tensor without dimensions keeps the flag that tells it from one of unknown rank."""
    data = model_bytes("slices_sub")
    graphs = [tflite.Model.GetRootAs(file, 0).Subgraphs(0) for file in (data, slim(data))]
    full, small = (
        [(t.ShapeLength(), t.HasRank()) for t in map(g.Tensors, range(g.TensorsLength()))]
        for g in graphs
    )
    assert (0, True) in full
    assert [entry for entry in full if entry[0] == 0] == [e for e in small if e[0] == 0]


class ModelBuilder:
    """Two additions in a row, with everything that slimming may remove."""

    def __init__(self):
        self.b = flatbuffers.Builder()

    def tables(self, start, offsets):
        """Return a vector of tables."""
        start(self.b, len(offsets))
        for offset in reversed(offsets):
            self.b.PrependUOffsetTRelative(offset)
        return self.b.EndVector()

    def ints(self, *values):
        """Return a vector of 32-bit integers."""
        return self.b.CreateNumpyVector(np.array(values, np.int32))

    def buffer(self, data, offset=None):
        """Return a buffer of `data`, or of the vector at `offset`."""
        if offset is None:
            offset = self.b.CreateNumpyVector(np.frombuffer(data, np.uint8)) if data else None
        tflite.BufferStart(self.b)
        if offset is not None:
            tflite.BufferAddData(self.b, offset)
        return tflite.BufferEnd(self.b)

    def tensor(self, buffer):
        """Return a float tensor of four elements."""
        name, shape = self.b.CreateString(f"tensor of buffer {buffer}"), self.ints(4)
        tflite.TensorStart(self.b)
        tflite.TensorAddName(self.b, name)
        tflite.TensorAddShape(self.b, shape)
        tflite.TensorAddBuffer(self.b, buffer)
        return tflite.TensorEnd(self.b)

    def add(self, code, inputs, output):
        """Return an ADD that uses operator code `code`."""
        tflite.AddOptionsStart(self.b)
        options = tflite.AddOptionsEnd(self.b)
        inputs, outputs = self.ints(*inputs), self.ints(output)
        tflite.OperatorStart(self.b)
        tflite.OperatorAddOpcodeIndex(self.b, code)
        tflite.OperatorAddInputs(self.b, inputs)
        tflite.OperatorAddOutputs(self.b, outputs)
        tflite.OperatorAddBuiltinOptionsType(self.b, tflite.BuiltinOptions.AddOptions)
        tflite.OperatorAddBuiltinOptions(self.b, options)
        return tflite.OperatorEnd(self.b)

    def code(self, builtin):
        """Return an operator code."""
        tflite.OperatorCodeStart(self.b)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(self.b, builtin)
        tflite.OperatorCodeAddBuiltinCode(self.b, builtin)
        return tflite.OperatorCodeEnd(self.b)

    def metadata(self, name, buffer):
        """Return an entry of metadata."""
        text = self.b.CreateString(name)
        tflite.MetadataStart(self.b)
        tflite.MetadataAddName(self.b, text)
        tflite.MetadataAddBuffer(self.b, buffer)
        return tflite.MetadataEnd(self.b)

    def finish(self, buffers, metadata=()):
        """Return x + c1 + c2, where c1 and c2 are buffers 1 and 2."""
        graph_tensors = [self.tensor(buffer) for buffer in (0, 1, 0, 2, 0)]
        tensors = self.tables(tflite.SubGraphStartTensorsVector, graph_tensors)
        ops = self.tables(
            tflite.SubGraphStartOperatorsVector,
            [self.add(1, (0, 1), 2), self.add(2, (2, 3), 4)],
        )
        inputs, outputs = self.ints(0), self.ints(4)
        tflite.SubGraphStart(self.b)
        tflite.SubGraphAddTensors(self.b, tensors)
        tflite.SubGraphAddInputs(self.b, inputs)
        tflite.SubGraphAddOutputs(self.b, outputs)
        tflite.SubGraphAddOperators(self.b, ops)
        graph = self.tables(tflite.ModelStartSubgraphsVector, [tflite.SubGraphEnd(self.b)])
        add, unused = tflite.BuiltinOperator.ADD, tflite.BuiltinOperator.WHILE
        codes = self.tables(
            tflite.ModelStartOperatorCodesVector, [self.code(c) for c in (unused, add, add)]
        )
        named = self.tables(
            tflite.ModelStartMetadataVector, [self.metadata(*entry) for entry in metadata]
        )
        stored = self.tables(tflite.ModelStartBuffersVector, buffers)
        text = self.b.CreateString("made by hand")
        tflite.ModelStart(self.b)
        tflite.ModelAddVersion(self.b, 3)
        tflite.ModelAddOperatorCodes(self.b, codes)
        tflite.ModelAddSubgraphs(self.b, graph)
        tflite.ModelAddDescription(self.b, text)
        tflite.ModelAddBuffers(self.b, stored)
        tflite.ModelAddMetadata(self.b, named)
        self.b.Finish(tflite.ModelEnd(self.b), b"TFL3")
        return bytes(self.b.Output())


def sums(*metadata):
    """Return a model that adds [1, 2, 3, 4] twice, and carries `metadata` (name, bytes)."""
    builder = ModelBuilder()
    constant = np.array([1, 2, 3, 4], np.float32).tobytes()
    blobs = [b"", constant, constant, b"unused", *(blob for _, blob in metadata)]
    buffers = [builder.buffer(blob) for blob in blobs]
    return builder.finish(buffers, [(name, 4 + i) for i, (name, _) in enumerate(metadata)])


def test_duplicates_and_the_unused_go(servers):
    """Two equal constants, two equal operator codes and unused ones leave one each."""
    data = sums(("min_runtime_version", b"1.5.0"))
    root = tflite.Model.GetRootAs(slim(data), 0)
    assert (2, 1, 0) == (root.BuffersLength(), root.OperatorCodesLength(), root.MetadataLength())
    assert (None, None) == (root.Description(), root.Subgraphs(0).Tensors(0).Name())
    same_everywhere(data, servers)


def test_an_offline_memory_plan_is_kept(servers):
    """Metadata that moves tensors in the arena stays, so the plan stays."""
    offsets = struct.pack("<8i", 1, 0, 5, 0, -1, 512, -1, 1024)
    data = sums(("OfflineMemoryAllocation", offsets), ("other", b"x"))
    assert (("OfflineMemoryAllocation", offsets),) == read_model(slim(data)).metadata
    assert plan_arena(read_model(data), "esp-nn").head_bytes > 1024
    same_everywhere(data, servers)


def test_a_compressed_model_is_refused():
    """Its metadata names buffers by number, which slimming changes."""
    with pytest.raises(UnsupportedModel, match="COMPRESSION_METADATA"):
        slim(sums(("COMPRESSION_METADATA", b"x")))


def test_overlapping_buffers_are_refused():
    """Windows into one another would grow when each is copied."""
    builder = ModelBuilder()
    data = builder.b.CreateNumpyVector(np.full(2000, 6000, np.uint32).view(np.uint8))
    empty = builder.buffer(b"")
    windows = [builder.buffer(b"", data - 4 * (1 + i)) for i in range(2)]
    with pytest.raises(InvalidModel, match="overlap"):
        slim(builder.finish([empty, *windows]))


@pytest.mark.parametrize("name", SMALLEST)
def test_damaged_files_are_refused_or_slimmed(name):
    """Of thirty mutants each gets an error of the course or a model that means the same."""
    data, rng = model_bytes(name), np.random.default_rng(len(name))
    done = 0
    for _ in range(30):
        mutant = bytearray(data)
        for place in rng.integers(0, len(data) // 4, 4):
            word = rng.choice([0, 1, 2**31 - 1, 2**32 - 1, rng.integers(2**32), 64])
            mutant[4 * place : 4 * place + 4] = struct.pack("<I", int(word))
        start = time.process_time()
        try:
            small = slim(bytes(mutant))
        except (InvalidModel, UnsupportedModel):
            continue
        finally:
            assert time.process_time() - start < 5
        done += 1
        assert small == slim(small)
    assert 0 < done < 30


@pytest.mark.parametrize("blob", [b"", b"TFL3", b"\x1c\x00\x00\x00TFL3" + bytes(40)])
def test_what_is_no_model_is_refused(blob):
    """Bytes that read_model refuses get its error."""
    with pytest.raises(InvalidModel):
        slim(blob)


def recurrent():
    """Return the bytes of a small int8 LSTM: variables, intermediates, a narrow state."""
    tf, keras = load_tensorflow(), load_keras()
    layers = [keras.layers.Input((6, 4), batch_size=1), keras.layers.LSTM(5), keras.layers.Dense(3)]
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Sequential(layers))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    rng = np.random.default_rng(0)
    samples = [[rng.normal(size=(1, 6, 4)).astype(np.float32)] for _ in range(10)]
    converter.representative_dataset = lambda: iter(samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    with quiet_native_log():
        return converter.convert()


def looping():
    """Return the bytes of a float model with a loop: three subgraphs."""
    tf = load_tensorflow()

    @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32)])
    def loop(x):
        count = tf.constant(0)
        step = tf.constant([[1.0, 2.0, 3.0, 4.0]])
        return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y * 1.5 + step), [count, x])[
            1
        ]

    module = tf.Module()
    module.loop = loop
    functions = [loop.get_concrete_function()]
    with quiet_native_log():
        return tf.lite.TFLiteConverter.from_concrete_functions(functions, module).convert()


@pytest.mark.slow
@pytest.mark.parametrize("make", [recurrent, looping])
def test_state_and_control_flow_survive(make, servers):
    """An LSTM's variables and a loop's subgraphs work as before, in fewer bytes."""
    data = make()
    assert len(slim(data)) < 0.6 * len(data)
    same_everywhere(data, servers)
