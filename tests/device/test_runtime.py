"""The device runtime in its child process."""

import json
import os
import signal
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tinyml_course.core.environment import (
    load_keras,
    load_tensorflow,
    quiet_native_log,
    seed_everything,
)
from tinyml_course.core.errors import (
    InvalidModel,
    InvocationTimeout,
    ModelDoesNotFit,
    RuntimeUnavailable,
    UnsupportedModel,
)
from tinyml_course.device.runtime import DeviceRuntime, run_model
from tinyml_course.device.runtime_server import RuntimeServer

HERE = Path(__file__).parent / "truth"
TRUTH = HERE if HERE.is_dir() else Path(__file__).parents[2].parent / "shared" / "truth"
NAMES = sorted(path.stem for path in (TRUTH / "models").glob("*.tflite"))
pytestmark = pytest.mark.skipif(not NAMES, reason="the truth's models are not in this checkout")
needs_tflm = pytest.mark.skipif(
    find_spec("tflite_micro") is None, reason="TFLM has wheels for x86-64 Linux only"
)


def model_bytes(name):
    return (TRUTH / "models" / f"{name}.tflite").read_bytes()


def stored_inputs(name, ports):
    return [
        np.fromfile(TRUTH / "models" / f"{name}.in{i}.bin", port.dtype).reshape(
            1, *port.sample_shape
        )
        for i, port in enumerate(ports)
    ]


@pytest.fixture(scope="module")
def server():
    """A child that stays up for this file's models."""
    with RuntimeServer() as server:
        yield server


@pytest.fixture(scope="module")
def litert():
    """A child with LiteRT's reference kernels."""
    with RuntimeServer("litert-reference") as server:
        yield server


def answer(name, server):
    with DeviceRuntime(model_bytes(name), server=server) as runtime:
        outputs = runtime.run_all(stored_inputs(name, runtime.inputs))
    return b"".join(output.tobytes() for output in outputs)


def recorded(name):
    return (TRUTH / "models" / f"{name}.out_ref.bin").read_bytes()


def facts(name):
    return json.loads((TRUTH / "arena_truth.json").read_text())[name]


@needs_tflm
@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_the_devices_bytes(name, server):
    """Each model answers with the bytes that the 32-bit runtime gave, or is refused as there."""
    if not facts(name)["runs_on_tflm"]:
        with pytest.raises(UnsupportedModel, match="refuses the model"):
            answer(name, server)
        return
    same = answer(name, server) == recorded(name)
    assert facts(name)["output_equals_litert_reference"] == same


@pytest.mark.parametrize("name", NAMES[::8])
def test_the_fallback_answers_with_the_reference_kernels_bytes(name, litert):
    """Without TFLM the outputs are those of LiteRT's reference kernels."""
    assert (recorded(name), "litert-reference") == (answer(name, litert), litert.name)


def test_a_batch_is_answered_sample_by_sample(server):
    """Row i of a batch larger than one chunk is what the model says to sample i alone."""
    rng = np.random.default_rng(0)
    batch = rng.integers(-128, 128, (6000, 16)).astype(np.int8)
    picked = [0, 1, 4095, 4096, 5999]
    with DeviceRuntime(model_bytes("mlp_small"), server=server) as runtime:
        answers = runtime.run(batch)
        alone = [runtime.run(batch[i : i + 1])[0] for i in picked]
    assert np.array_equal(alone, answers[picked])
    assert len(np.unique(answers[picked], axis=0)) > 1


def test_several_inputs_keep_their_order(server):
    """A batch of a model with two inputs pairs them row by row."""
    data = model_bytes("g_multiin")
    rng = np.random.default_rng(1)
    with DeviceRuntime(data, server=server) as runtime:
        batches = [
            rng.integers(-128, 128, (700, *port.sample_shape)).astype(port.dtype)
            for port in runtime.inputs
        ]
        (together,) = runtime.run_all(batches)
        (last,) = runtime.run_all([batch[-1:] for batch in batches])
    assert np.array_equal(last[0], together[-1])


def test_an_empty_batch_has_an_empty_answer(server):
    """No samples, no outputs, no error."""
    with DeviceRuntime(model_bytes("mlp_small"), server=server) as runtime:
        assert 0 == len(runtime.run(np.zeros((0, 16), np.int8)))


def test_float_samples_are_quantized_with_the_models_scale(server):
    """Floats and the codes they stand for give the same answer."""
    codes = np.arange(-8, 8, dtype=np.int8)[np.newaxis]
    with DeviceRuntime(model_bytes("mlp_small"), server=server) as runtime:
        port = runtime.inputs[0]
        floats = (codes.astype(np.float32) - port.zero_point) * np.float32(port.scale)
        assert np.array_equal(runtime.run(codes), runtime.run(floats))


def test_one_invocation_takes_and_returns_the_shapes_of_the_file():
    """`run_model` keeps the batch dimension of the model."""
    (output,) = run_model(model_bytes("mlp_small"), [np.zeros((1, 16), np.int8)])
    assert (1, output.size) == output.shape


def test_samples_of_another_shape_leave_the_model_usable(server):
    """A refused batch does not disturb the next one."""
    with DeviceRuntime(model_bytes("mlp_small"), server=server) as runtime:
        with pytest.raises(ValueError, match=r"takes \(N, 16\)"):
            runtime.run(np.zeros((5, 17), np.int8))
        assert 5 == len(runtime.run(np.zeros((5, 16), np.int8)))


@needs_tflm
def test_an_arena_of_200_bytes_crashes_the_child_alone(server):
    """The caller gets the signal's name and the server takes the next model."""
    with pytest.raises(InvalidModel, match=r"SIGSEGV.*arena of 200 B"):
        DeviceRuntime(model_bytes("resnet8_32x32x3"), arena_bytes=200, server=server)
    assert recorded("mlp_small") == answer("mlp_small", server)


@needs_tflm
def test_a_small_arena_is_refused_with_the_runtimes_figures(server):
    """What TFLM wrote to standard error reaches the message."""
    with pytest.raises(ModelDoesNotFit, match=r"20,000 B.*Requested: \d+, available \d+"):
        DeviceRuntime(model_bytes("resnet8_32x32x3"), arena_bytes=20_000, server=server)


@pytest.mark.parametrize("runtime", ["tflm", "litert-reference"])
@pytest.mark.parametrize("data", [b"", b"abc", b"\xff" * 3000, bytes(range(256)) * 20])
def test_bytes_that_are_no_model_are_invalid(data, runtime, request):
    """Random bytes end in `InvalidModel`, not in a crash of the caller."""
    if runtime == "tflm" and find_spec("tflite_micro") is None:
        pytest.skip("TFLM has wheels for x86-64 Linux only")
    with pytest.raises(InvalidModel):
        DeviceRuntime(
            data, server=request.getfixturevalue("server" if runtime == "tflm" else "litert")
        )


def test_a_truncated_model_is_invalid(server):
    """Half a file is no model."""
    with pytest.raises(InvalidModel):
        DeviceRuntime(model_bytes("resnet8_32x32x3")[:50_000], server=server)


def test_a_hang_is_cut_off():
    """A child that stops answering is killed at the time limit and leaves no process behind."""
    with DeviceRuntime(model_bytes("mlp_small"), timeout_s=0.3) as runtime:
        group = runtime.pid
        os.killpg(group, signal.SIGSTOP)
        start = time.monotonic()
        with pytest.raises(InvocationTimeout, match=r"0\.3 s"):
            runtime.run(np.zeros((3, 16), np.int8))
        assert time.monotonic() - start < 2
        with pytest.raises(ProcessLookupError):
            os.killpg(group, 0)
        with pytest.raises(ValueError, match="closed"):
            runtime.run(np.zeros((3, 16), np.int8))


@pytest.mark.slow
def test_slow_batches_outlast_the_limit_of_one_invocation():
    """The time limit is per invocation: a batch may take many times as long."""
    batch = np.zeros((60, 32, 32, 3), np.int8)
    with DeviceRuntime(model_bytes("resnet8_32x32x3"), timeout_s=0.4) as runtime:
        start = time.monotonic()
        runtime.run(batch)
        assert time.monotonic() - start > 0.4


def test_a_crash_while_running_is_an_invalid_model():
    """A child that dies in the middle of a batch is reported with its signal."""
    with DeviceRuntime(model_bytes("mlp_small")) as runtime:
        model_process = int(
            Path(f"/proc/{runtime.pid}/task/{runtime.pid}/children").read_text().split()[0]
        )
        os.kill(model_process, signal.SIGBUS)
        with pytest.raises(InvalidModel, match="SIGBUS"):
            runtime.run(np.zeros((3, 16), np.int8))


@pytest.fixture
def interrupts():
    """Interrupts raise KeyboardInterrupt, even where a background job would ignore them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_an_interrupt_ends_the_child():
    """Ctrl-C during a batch kills the child and passes on."""
    runtime = DeviceRuntime(model_bytes("resnet8_32x32x3"))
    group = runtime.pid
    threading.Timer(0.2, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        runtime.run(np.zeros((3000, 32, 32, 3), np.int8))
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)


def test_a_forgotten_runtime_leaves_no_process():
    """Garbage collection ends the child of a runtime that nobody closed."""
    runtime = DeviceRuntime(model_bytes("mlp_small"))
    group = runtime.pid
    del runtime
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)


def test_a_server_holds_one_model_at_a_time(server):
    """Loading a second model before the first is closed is refused."""
    with (
        DeviceRuntime(model_bytes("mlp_small"), server=server),
        pytest.raises(ValueError, match="close that runtime first"),
    ):
        DeviceRuntime(model_bytes("mlp_small"), server=server)


def test_a_runtime_that_is_not_installed_is_said_so(monkeypatch):
    """The error tells what to install."""
    monkeypatch.setattr("tinyml_course.device.runtime_server.find_spec", lambda _: None)
    with pytest.raises(RuntimeUnavailable, match="pip install"):
        RuntimeServer()


def test_without_tflm_the_fallback_is_chosen(monkeypatch):
    """The runtime's name says that the reference kernels answered."""
    module = "tinyml_course.device.runtime_server.find_spec"
    monkeypatch.setattr(module, lambda name: None if name == "tflite_micro" else object())
    with DeviceRuntime(model_bytes("mlp_small")) as runtime:
        assert "litert-reference" == runtime.name


def test_the_child_maps_neither_tensorflow_nor_matplotlib(server):
    """Its modules are the runtime's and NumPy's: it starts in a fraction of a second."""
    with DeviceRuntime(model_bytes("mlp_small"), server=server):
        mapped = Path(f"/proc/{server.pid}/maps").read_text()
    assert (True, []) == (
        "numpy" in mapped,
        [name for name in ("tensorflow/python", "matplotlib") if name in mapped],
    )


@pytest.fixture(scope="module")
def lstm():
    """The bytes of a small int8 LSTM, whose variables survive an invocation."""
    tf, keras = load_tensorflow(), load_keras()
    seed_everything(0)
    layers = [keras.layers.Input((6, 4), batch_size=1), keras.layers.LSTM(5), keras.layers.Dense(3)]
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Sequential(layers))
    rng = np.random.default_rng(0)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [rng.normal(size=(1, 6, 4)).astype(np.float32)] for _ in range(20)
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with quiet_native_log():
        return converter.convert()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")
@pytest.mark.parametrize("name", ["server", "litert"])
def test_samples_do_not_see_the_state_that_earlier_ones_left(lstm, name, request):
    """The same sample three times gives one answer, unless the state is to be kept."""
    batch = np.repeat(np.arange(24, dtype=np.int8).reshape(1, 6, 4) * 5, 3, axis=0)
    with DeviceRuntime(lstm, server=request.getfixturevalue(name)) as runtime:
        fresh = runtime.run(batch)
        kept = runtime.run(batch, keep_state=True)
    assert (1, True) == (len(np.unique(fresh, axis=0)), len(np.unique(kept, axis=0)) > 1)
