"""The firmware project: right figures, right operators, C++ that compiles and judges itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tinyml_course.core.errors import InvalidModel, ModelDoesNotFit, UnsupportedModel
from tinyml_course.core.types import ModelArtifact
from tinyml_course.device.firmware.cases import make_self_test
from tinyml_course.device.firmware.operators import REGISTERED, resolver_method
from tinyml_course.device.firmware.project import FILES, make_firmware, write_firmware
from tinyml_course.device.runtime import DeviceRuntime

HERE = Path(__file__).parent
MODELS = HERE / "truth" / "models"
STUBS = HERE / "tflm_stub"
SNAPSHOTS = HERE / "snapshots"
TEXTS = [name for name in FILES if name not in ("main/model.cc", "main/cases.cc")]
needs_tflm = pytest.mark.skipif(
    find_spec("tflite_micro") is None, reason="TFLM has wheels for x86-64 Linux only"
)
needs_gpp = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
MAIN = 'extern "C" void app_main(void);\nint main() { app_main(); }\n'


def model_bytes(name):
    return (MODELS / f"{name}.tflite").read_bytes()


@pytest.fixture(scope="module")
def small():
    """The project of the smallest network."""
    return make_firmware(model_bytes("mlp_small"), board="esp32")


@pytest.fixture(scope="module")
def multi():
    """The project of a network with two inputs, for a chip with vector instructions."""
    return make_firmware(model_bytes("g_multiin"), board="esp32-s3")


@pytest.fixture(scope="module")
def folder(small, tmp_path_factory):
    """That project on disk, with a `main` for this machine."""
    folder = tmp_path_factory.mktemp("firmware")
    for name, content in small.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "host.cc").write_text(MAIN)
    return folder


def arrays(source):
    """Return the bytes of each array of a C++ file: name -> list of rows."""
    found = {}
    pattern = r"k(\w+)\[(?:kCases\]\[)?k\w+\] = \{(.*?)\n\};"
    for name, body in re.findall(pattern, source.decode(), re.DOTALL):
        rows = re.findall(r"\{(.*?)\}", body, re.DOTALL) or [body]
        found[name] = [bytes(int(v, 16) for v in re.findall(r"0x\w\w", row)) for row in rows]
    return found


def gpp(*arguments):
    return subprocess.run(
        ["g++", "-std=c++17", *map(str, arguments)], capture_output=True, text=True, check=False
    )


@needs_tflm
@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_as_reviewed(small, name):
    """Each text equals the stored one; UPDATE_SNAPSHOTS=1 stores it anew, for review."""
    stored = SNAPSHOTS / "mlp_small_esp32" / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_bytes(small.files[name])
    assert stored.read_text() == small.files[name].decode()


def test_the_model_is_flashed_byte_for_byte(small):
    """The array holds the very bytes of the .tflite."""
    assert arrays(small.files["main/model.cc"]) == {"Model": [model_bytes("mlp_small")]}


def test_the_arena_is_the_real_runtimes_minimum(small, multi):
    """The constant is what the 32-bit runtime needed with these kernels, rounded up to 16."""
    truth = json.loads((HERE / "truth" / "arena_truth.json").read_text())
    for name, firmware in (("mlp_small", small), ("g_multiin", multi)):
        tier = truth[name]["esp_nn_esp32_c3" if firmware is small else "esp_nn_s3"]
        needed = max(tier["arena_used"], tier["min_arena"])
        assert -(-needed // 16) * 16 == firmware.arena_bytes
        assert f"kArenaBytes = {firmware.arena_bytes};" in firmware.files["main/main.cc"].decode()


def test_exactly_the_operators_used_are_registered(multi):
    """Each kind once, in order, and the resolver has room for no more."""
    source = multi.files["main/main.cc"].decode()
    kinds = ["Conv2D", "Mean", "FullyConnected", "Concatenation", "Softmax"]
    assert [f"Add{kind}" for kind in kinds] == re.findall(r"resolver\.(Add\w+)\(\)", source)
    assert "MicroMutableOpResolver<5>" in source


def test_random_cases_hold_the_runtimes_answers(multi):
    """Stored outputs are what the runtime answers to the stored inputs, several inputs alike."""
    rows = arrays(multi.files["main/cases.cc"])
    with DeviceRuntime(model_bytes("g_multiin")) as runtime:
        batches = [
            np.frombuffer(b"".join(rows[f"Input{i}"]), port.dtype).reshape(5, *port.sample_shape)
            for i, port in enumerate(runtime.inputs)
        ]
        answers = runtime.run_all(batches)
    assert [row.tobytes() for row in answers[0]] == rows["Output0"]
    assert len(set(rows["Output0"])) > 1


def test_an_artefact_is_written_whole_with_its_samples(tmp_path):
    """Every file is there; floats became codes with the input's scale; the sixth is left out."""
    data = model_bytes("mlp_small")
    x = np.random.default_rng(1).normal(size=(6, 16)).astype(np.float32)
    out = tmp_path / "out"
    write_firmware(ModelArtifact(tflite=data), out, board="esp32", samples=x)
    assert set(FILES) == {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    rows = arrays((out / "main" / "cases.cc").read_bytes())
    with DeviceRuntime(data) as runtime:
        assert [row.tobytes() for row in runtime.inputs[0].encode(x[:5])] == rows["Input0"]


def test_float_outputs_get_a_tolerance_and_codes_none():
    """Two compilers' float kernels differ in the last bits; integer kernels do not."""
    (floats,) = make_self_test(model_bytes("g_conv_w8_float32")).outputs
    (codes,) = make_self_test(model_bytes("mlp_small")).outputs
    assert (1e-4, "float") == (floats.tolerance, floats.c_type)
    assert (find_spec("tflite_micro") is None, "int8_t") == (codes.tolerance, codes.c_type)


@pytest.mark.parametrize(
    ("name", "board", "error", "words"),
    [
        ("dscnn_hybrid", "esp32", UnsupportedModel, "hybrid"),
        ("rnd07", "esp32-s3", ModelDoesNotFit, "arena"),
        ("mlp_small", "rpi4", ValueError, "choose one of esp32, esp32-s3"),
        ("mlp_small", "esp8266", ValueError, "unknown board"),
    ],
)
def test_what_cannot_run_is_refused(tmp_path, name, board, error, words):
    """The error says why, and nothing is written."""
    with pytest.raises(error, match=words):
        write_firmware(model_bytes(name), tmp_path / "out", board=board)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_model_is_refused(tmp_path):
    """Half a file is an InvalidModel."""
    with pytest.raises(InvalidModel):
        write_firmware(model_bytes("mlp_small")[:1700], tmp_path / "out", board="esp32")


def test_too_few_samples_are_refused():
    """Four samples make no five cases."""
    with pytest.raises(ValueError, match="stores 5 samples, got 4"):
        make_self_test(model_bytes("mlp_small"), np.zeros((4, 16), np.float32))


def test_a_file_in_the_way_is_not_replaced(tmp_path):
    """A file named as the folder stays."""
    (tmp_path / "out").write_text("mine")
    with pytest.raises(FileExistsError, match="is a file"):
        write_firmware(model_bytes("mlp_small"), tmp_path / "out", board="esp32")


def test_an_operator_without_a_kernel_is_refused():
    """The message names the operator."""
    with pytest.raises(UnsupportedModel, match="VAR_HANDLE"):
        resolver_method("VAR_HANDLE")


@needs_gpp
@pytest.mark.parametrize("flags", [(), ("-DSTUB_MICRO",)], ids=["tflite", "tflite_micro"])
def test_the_self_test_judges_rightly(folder, tmp_path, flags):
    """It passes right answers and names the wrong one, in both layouts of the runtime's names.

    Compiled against stand-in headers: this proves that the C++ is valid, that every method it
    calls is in their list, and that the verdicts are right. It does not prove that the real
    headers declare the same; the next test does, where they are at hand.
    """
    program = tmp_path / "program"
    sources = [folder / "host.cc", *(folder / "main").glob("*.cc")]
    strict = ("-Wall", "-Wextra", "-Werror")
    built = gpp(*strict, *flags, "-I", STUBS, "-I", folder / "main", *sources, "-o", program)
    assert built.stderr == ""
    for wrong, verdict in (("0", "PASS, 5 of 5"), ("3", "FAIL, 4 of 5")):
        said = subprocess.run(
            [program], env={"WRONG_CASE": wrong}, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        assert f"self-test: {verdict} cases" == said[-1]
        assert ("FAIL" if wrong == "3" else "PASS") in said[3]


@pytest.mark.slow
@needs_gpp
@pytest.mark.parametrize("name", ["mlp_small", "g_multiin", "rnd10", "g_conv_w8_float32"])
def test_it_compiles_against_the_runtimes_headers(tmp_path, name):
    """The compiler accepts it with TFLM's public headers, where TFLM_HEADERS names their folders.

    Several folders are separated as in PATH (gemmlowp and ruy are among the headers' own needs);
    TFLM_FLAGS holds further arguments for g++.
    """
    folders = os.environ.get("TFLM_HEADERS")
    if not folders:
        pytest.skip("TFLM_HEADERS names no folder with the runtime's headers")
    write_firmware(model_bytes(name), tmp_path / "out", board="esp32")
    includes = [part for entry in folders.split(os.pathsep) for part in ("-isystem", entry)]
    flags = os.environ.get("TFLM_FLAGS", "").split()
    sources = (tmp_path / "out" / "main").glob("*.cc")
    built = gpp("-fsyntax-only", "-Wall", "-Wextra", "-Werror", *flags, *includes, *sources)
    assert built.stderr == ""


@needs_gpp
def test_every_operator_has_its_method(tmp_path):
    """The resolver's methods, as its header spells them, are those that the table yields."""
    calls = "".join(f"  resolver.{resolver_method(name)}();\n" for name in sorted(REGISTERED))
    (tmp_path / "all.cc").write_text(
        '#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"\n'
        f"int main() {{\n  tflite::MicroMutableOpResolver<{len(REGISTERED)}> resolver;\n"
        f"{calls}}}\n"
    )
    assert gpp("-fsyntax-only", "-I", STUBS, tmp_path / "all.cc").stderr == ""
