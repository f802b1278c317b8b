"""`tinyml optimize`: options, files, exit status, an untouched test set, resuming after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from tests.pipeline.tiny import TINY
from tests.pipeline.toy_stages import ToyConvert, ToyPrune, ToySlim, ToyTrain
from tinyml_course.cli import app
from tinyml_course.data import draw_gestures, write_stroke_json
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.pipeline import catalog, optimize_job
from tinyml_course.pipeline.optimize_job import OptimizeJob, run_optimize_job
from tinyml_course.pipeline.requirements import Requirements

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 900
"""Seconds after which a session hangs, however busy the machine is."""
STEP_FIELDS = {
    "stage", "accuracy", "model_bytes", "arena_bytes", "latency_ms", "parameters", "seconds",
    "kept", "note",
}  # fmt: skip


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A small recording of two gestures."""
    path = tmp_path_factory.mktemp("data") / "a.json"
    gestures = draw_gestures(("ring", "slope"), samples_per_class=20, people=1, seed=1)
    write_stroke_json(path, gestures.strokes)
    return str(path)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--max-flash", "6 potatoes"), "write bytes, or a size like 16KB"),
        (("--max-arena", "-1"), "write bytes"),
        (("--min-accuracy", "95"), "a share in 0..1, as 0.95, got 95"),
        (("--max-latency", "0"), "max_latency must be positive"),
        (("--max-arena", "2MB"), "ask for no more"),
        (("--board", "esp23"), "choose one of esp32"),
        (("--stages", "train,fly"), "no stage 'fly'; choose from search, train"),
        (("--stages", "train,quantize,prune,convert"), "prune first, then quantize"),
        (("--stages", "train,prune"), "add convert"),
        (("--data", "nowhere.json"), "there is no 'nowhere.json'"),
        (("--classes", "ring"), "only one class"),
        (("--out", "README.md"), "is a file; name a folder"),
    ],
)
def test_bad_input_ends_in_one_line_and_status_two(words, fault, monkeypatch):
    """Fault, value and remedy; nothing is trained and no folder appears."""
    monkeypatch.chdir(ROOT)
    before = set(ROOT.iterdir())
    done = CliRunner().invoke(app, ["optimize", "--data", "synthetic", *words])
    assert 2 == done.exit_code
    assert fault in done.stderr
    assert before == set(ROOT.iterdir())


def words(folder, data, *more):
    """Return the words of a quick `tinyml optimize`."""
    limits = ("--max-flash", "4KB", "--max-arena", "6KB")
    return ["optimize", "--data", data, "--quick", "--out", str(folder), *limits, *more]


def session(*given):
    """Start `tinyml optimize` with trainings of a second, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.pipeline.tiny", *words(*given)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def finish(process):
    """Return what a session printed, once it has ended."""
    try:
        return process.communicate(timeout=PATIENCE)[0]
    finally:
        process.kill()


def wait_for_stage(folder, number, process):
    """Wait until a session has finished stage `number`."""
    deadline = time.monotonic() + PATIENCE
    while not list((folder / "stages").glob(f"{number:02d}-*")):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"stage {number} never came:\n{finish(process)}")
        time.sleep(0.02)


@pytest.mark.slow
def test_a_job_is_killed_interrupted_and_resumed_to_the_same_bytes(
    recording, tmp_path, monkeypatch
):
    """Kill -9 after one stage, Ctrl-C later, then --resume: files, fields, bytes of a whole run."""
    monkeypatch.setattr(catalog, "QUICK", TINY)
    whole = CliRunner().invoke(app, words(tmp_path / "whole", recording))
    assert whole.exit_code in (0, 3), whole.output

    interrupted = session(tmp_path / "out", recording)
    wait_for_stage(tmp_path / "out", 1, interrupted)
    interrupted.send_signal(signal.SIGINT)
    said = finish(interrupted)
    assert 130 == interrupted.returncode, said
    assert "--resume goes on" in said
    killed = session(tmp_path / "out", recording, "--resume")
    wait_for_stage(tmp_path / "out", 3, killed)
    os.kill(killed.pid, signal.SIGKILL)
    finish(killed)
    resumed = session(tmp_path / "out", recording, "--resume")
    again = finish(resumed)
    assert whole.exit_code == resumed.returncode, again
    assert "kept from before" in again

    model = (tmp_path / "out" / "model.tflite").read_bytes()
    assert (tmp_path / "whole" / "model.tflite").read_bytes() == model
    check_files(tmp_path / "out", status=resumed.returncode)


def check_files(out, *, status):
    """Compare history, model and report of a finished job."""
    history = json.loads((out / "history.json").read_text())
    model = (out / "model.tflite").read_bytes()
    last = history[-1]
    assert read_model(model).subgraphs[0].ops
    assert len(model) == last["model_bytes"] <= 4096
    assert all(STEP_FIELDS <= step.keys() for step in history)
    assert ["train", "distill", "prune", "quantize", "convert", "slim"] == [
        step["stage"] for step in history
    ]
    assert 0 <= last["accuracy_test"] * 8 == round(last["accuracy_test"] * 8)
    assert last["met"] == (status == 0)
    page = (out / "report.html").read_text()
    assert 'alt="Accuracy, file and arena after each stage.' in page
    assert "http" not in page.replace("http://www.w3.org", "")
    for step in history:
        assert (out / "stages" / step["folder"] / "model.tflite").is_file()


@pytest.fixture
def toy(monkeypatch):
    """Stages by formula in place of trainings; the board and the page are real."""
    from tests.pipeline import toy_stages

    def run(plan, store, **options):
        return original(plan, store, measured_by=toy_stages.toy_measure, **options)

    original = optimize_job.run_pipeline
    stages = {s.name: s for s in (ToyTrain(), ToyPrune(), ToyConvert(), ToySlim())}
    monkeypatch.setattr(catalog, "QUICK", {**TINY, **stages})
    monkeypatch.setattr(optimize_job, "run_pipeline", run)


@pytest.mark.usefixtures("toy")
def test_no_stage_sees_the_test_set(recording, tmp_path, monkeypatch):
    """Stages get training and validation samples; of the test images none is among them."""
    seen, tested = [], []

    def judged(job, outcome, test, validation):  # noqa: ARG001
        tested.extend(image.tobytes() for image in test.images)
        raise KeyboardInterrupt

    def spy(self, state, context):
        for part in (context.samples.train, context.samples.validation):
            seen.extend(image.tobytes() for image in part.images)
        return original(self, state, context)

    original = ToyTrain.apply
    monkeypatch.setattr(ToyTrain, "apply", spy)
    monkeypatch.setattr(optimize_job, "judge", judged)
    job = OptimizeJob(
        data=recording, quick=True, stages=("train", "prune", "convert", "slim"),
        requirements=Requirements(min_accuracy=0.5),
    )  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        run_optimize_job(job, tmp_path / "out")
    assert (24 + 8, 8) == (len(seen), len(tested))
    assert not set(seen) & set(tested)


@pytest.mark.usefixtures("toy")
def test_other_options_can_t_be_resumed(recording, tmp_path, monkeypatch):
    """Another seed: status 2, and the message names it with both values."""

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(optimize_job, "judge", stop)
    words = ["optimize", "--data", recording, "--quick", "--stages", "train,prune,convert,slim",
             "--out", str(tmp_path / "o")]  # fmt: skip
    first = CliRunner().invoke(app, words)
    other = CliRunner().invoke(app, [*words, "--resume", "--seed", "1"])
    again = CliRunner().invoke(app, [*words, "--resume"])
    assert [130, 2, 130] == [done.exit_code for done in (first, other, again)]
    assert "training data was" in other.stderr or "seed was 0, now 1" in other.stderr
    assert "kept from before" in again.output


@pytest.mark.parametrize(("met", "status"), [(True, 0), (False, 3)])
def test_the_exit_status_says_whether_everything_is_met(monkeypatch, met, status):
    """0 where it is, 3 where not; every option reaches the job as it was given."""
    seen = []

    def run(job, out):
        seen.append((job, out))
        return SimpleNamespace(met=met)

    monkeypatch.setattr(optimize_job, "run_optimize_job", run)
    options = {
        "data": "a.json", "test": "b.json", "board": "esp32-s3", "max-flash": "6KB",
        "max-arena": "7KB", "min-accuracy": "0.9", "max-latency": "12.5", "classes": "ring, slope",
        "stages": "train, convert", "seed": "7", "out": "there", "track": "on",
    }  # fmt: skip
    given = [word for name, value in options.items() for word in (f"--{name}", value)]
    done = CliRunner().invoke(app, ["optimize", *given, "--quick", "--resume"])
    asked = Requirements(max_flash=6144, max_arena=7168, max_latency=12.5, min_accuracy=0.9)
    expected = OptimizeJob(
        data="a.json", test="b.json", board="esp32-s3", requirements=asked, seed=7, quick=True,
        classes=("ring", "slope"), stages=("train", "convert"), resume=True, track="on",
    )  # fmt: skip
    assert status == done.exit_code
    assert [(expected, Path("there"))] == seen


def test_the_defaults_are_the_tutorial_s_targets(monkeypatch):
    """50 KB, 40 KB, 95 %, all six stages, the folder `optimized`."""
    seen = []
    monkeypatch.setattr(
        optimize_job, "run_optimize_job",
        lambda job, out: seen.append((job, out)) or SimpleNamespace(met=True),
    )  # fmt: skip
    assert 0 == CliRunner().invoke(app, ["optimize", "--data", "a.json"]).exit_code
    asked = Requirements(max_flash=51_200, max_arena=40_960, min_accuracy=0.95)
    assert [(OptimizeJob(data="a.json", requirements=asked), Path("optimized"))] == seen
