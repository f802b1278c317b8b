"""The command line's contract: output and exit status."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

MODELS = Path(__file__).parent / "device" / "truth" / "models"


def tinyml(*words, **options):
    """Run the command in a fresh process and return it, finished."""
    command = [sys.executable, "-m", "tinyml_course.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def test_emulate_prints_one_json_object_and_status_zero(tmp_path):
    """A model that fits: status 0, the contract's fields, and the chip's output bytes."""
    done = tinyml(
        "emulate", MODELS / "mlp_small.tflite", "--board", "esp32", "--json",
        "--input", MODELS / "mlp_small.in0.bin", "--output", tmp_path / "out.bin",
    )  # fmt: skip
    fields = {
        "fits", "reasons", "flash_bytes", "model_bytes", "arena_bytes", "arena_min_bytes",
        "head_bytes", "tail_bytes", "exact", "latency_ms", "latency_kind", "operators",
    }  # fmt: skip
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert fields - report.keys() == set()
    assert (report["fits"], report["latency_kind"]) == (True, "modelled")
    assert (tmp_path / "out.bin").read_bytes() == (MODELS / "mlp_small.out_ref.bin").read_bytes()


def test_emulate_answers_three_where_the_model_does_not_fit():
    """Status 3, and the reason in the JSON."""
    done = tinyml("emulate", MODELS / "mlp_small.tflite", "--arena", 1000, "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["fits"], len(report["reasons"])) == (3, False, 1)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["emulate", __file__], "not a .tflite"),
        (["emulate", "no-such-file.tflite"], "no-such-file.tflite"),
        (["emulate", MODELS / "mlp_small.tflite", "--board", "esp23"], "choose one of esp32"),
        (["emulate", MODELS / "mlp_small.tflite", "--arena", "0"], "must be positive"),
        (["emulate", MODELS / "mlp_small.tflite", "--bogus"], "--bogus"),
        (["run", "--data", "no-such-folder", "--out", "never-made"], "no-such-folder"),
    ],
)
def test_bad_input_answers_two_and_names_the_fault(words, fault, tmp_path):
    """Status 2, one message on the error stream, no traceback, nothing written."""
    done = tinyml(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert fault in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_lists_the_commands():
    """`tinyml --help` names what there is to do."""
    done = tinyml("--help")
    assert done.returncode == 0
    assert [
        c for c in ("learn", "doctor", "run", "emulate", "slim", "firmware") if c not in done.stdout
    ] == []


def test_slim_writes_a_smaller_file_that_answers_the_same(tmp_path):
    """The slimmed file is smaller, and the device gives the same bytes."""
    slimmed = tmp_path / "slim.tflite"
    done = tinyml("slim", MODELS / "mlp_small.tflite", "--out", slimmed)
    answer = tinyml(
        "emulate", slimmed, "--input", MODELS / "mlp_small.in0.bin",
        "--output", tmp_path / "out.bin",
    )  # fmt: skip
    assert (done.returncode, answer.returncode) == (0, 0)
    assert slimmed.stat().st_size < (MODELS / "mlp_small.tflite").stat().st_size
    assert (tmp_path / "out.bin").read_bytes() == (MODELS / "mlp_small.out_ref.bin").read_bytes()


def test_firmware_writes_a_project_with_the_planned_arena(tmp_path):
    """The arena in main.cc is the one that the emulator names, rounded up to 16."""
    done = tinyml("firmware", MODELS / "mlp_small.tflite", "--out", tmp_path / "project")
    report = json.loads(tinyml("emulate", MODELS / "mlp_small.tflite", "--json").stdout)
    needed = max(report["arena_bytes"], report["arena_min_bytes"])
    assert done.returncode == 0
    assert f"arena {-(-needed // 16) * 16:,} B" in done.stdout
    assert (tmp_path / "project" / "main" / "main.cc").is_file()
