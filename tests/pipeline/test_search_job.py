"""The search job: limits, files, an untouched test set, interruption."""

from __future__ import annotations

import json
from contextlib import contextmanager

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.nas.toy import ToyEvaluator
from tinyml_course.cli import app
from tinyml_course.core.arch import ArchSpec, LayerSpec, gesture_net
from tinyml_course.core.arch_json import from_fields
from tinyml_course.core.errors import CourseError
from tinyml_course.data import draw_gestures, write_stroke_json
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.nas.budget import Budget
from tinyml_course.nas.catalog import STRATEGIES, Settings
from tinyml_course.nas.crew import Crew
from tinyml_course.nas.nsga2 import NSGA2
from tinyml_course.nas.pool import SerialExecutor
from tinyml_course.pipeline import search_job
from tinyml_course.pipeline.job import Schedule
from tinyml_course.pipeline.search_job import SearchJob, run_search_job
from tinyml_course.pipeline.search_outputs import spell

TRAINED = ("random", "evolution", "aging", "nsga2")


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A small recording of two gestures."""
    path = tmp_path_factory.mktemp("data") / "a.json"
    gestures = draw_gestures(("ring", "slope"), samples_per_class=20, people=1, seed=1)
    write_stroke_json(path, gestures.strokes)
    return str(path)


@contextmanager
def serial_crew(address, **options):  # noqa: ARG001
    """Stand in for `connect_crew`: evaluate in this process."""
    yield Crew(SerialExecutor(), jobs=1)


@pytest.fixture
def toy(monkeypatch):
    """Searches in this process with accuracies by formula."""

    def make(name, problem, samples, settings):  # noqa: ARG001
        return NSGA2(problem, seed=settings.seed), ToyEvaluator()

    monkeypatch.setattr(search_job, "connect_crew", serial_crew)
    monkeypatch.setattr(search_job, "make_searcher", make)


def job(data, **changes):
    """Return a small job."""
    options = {"budget": Budget(evaluations=24), "max_arena": 16384, "max_flash": 12288}
    return SearchJob(data=data, **{**options, **changes})


class Untouchable:
    """A test set that no one may look at."""

    def __getattr__(self, name):
        raise AssertionError(f"the search looked at the test set's {name}")

    def __len__(self):
        raise AssertionError("the search counted the test set")


@pytest.mark.parametrize("name", TRAINED)
def test_no_search_touches_the_test_set(recording, monkeypatch, name):
    """The search finds its front, prints it and ends, though any look at the test set raises."""
    train, _ = search_job.load_job_data(search_job.Job(data=recording))
    seen = []

    def look(self, spec, seed):
        seen.append((self.train, self.validation))
        return ToyEvaluator()(spec, seed)

    monkeypatch.setattr(search_job, "connect_crew", serial_crew)
    monkeypatch.setattr("tinyml_course.nas.evaluate.FullTraining.__call__", look)
    monkeypatch.setattr(search_job, "load_job_data", lambda _: (train, Untouchable()))
    assert run_search_job(job(recording, strategy=name)).result.front
    given = {image.tobytes() for part in seen[0] for image in part.images}
    assert {image.tobytes() for image in train.images} == given


def test_selection_and_weights_use_different_samples(recording):
    """The validation samples are a quarter of the training set, and no one's weights saw them."""
    train, _ = search_job.load_job_data(search_job.Job(data=recording))
    samples = search_job.split_samples(train, seed=0)
    fitted = {image.tobytes() for image in samples.train.images}
    assert (24, 8) == (len(samples.train), len(samples.validation))
    assert not any(image.tobytes() in fitted for image in samples.validation.images)


@pytest.mark.usefixtures("toy")
def test_front_json_describes_feasible_networks_that_can_be_rebuilt(recording):
    """Five fields an entry, the most accurate first; each arch is read back to its network."""
    result = search_job.search_networks(
        job(recording), job(recording).constraints(),
        search_job.load_job_data(search_job.Job(data=recording))[0],
    )  # fmt: skip
    files = search_job.front_files(result, job(recording).constraints())
    front = json.loads(files["front.json"])
    fields = {"arch", "accuracy", "arena_bytes", "model_bytes", "latency_ms"}
    assert [fields] * len(result.front) == [entry.keys() for entry in front]
    assert [t.spec for t in result.front] == [from_fields(entry["arch"]) for entry in front]
    assert sorted((e["accuracy"] for e in front), reverse=True) == [e["accuracy"] for e in front]
    assert max(entry["arena_bytes"] for entry in front) <= 16384
    assert max(entry["model_bytes"] for entry in front) <= 12288
    assert files["front.png"].startswith(b"\x89PNG")


@pytest.mark.usefixtures("toy")
def test_an_interrupted_job_leaves_its_front_and_says_how_to_go_on(
    recording, monkeypatch, tmp_path, capsys
):
    """Ctrl-C: front.json and front.png are there, no model, and the journal is named."""
    calls = []

    def interrupt(self, spec, seed):
        calls.append(spec)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return original(self, spec, seed)

    original = ToyEvaluator.__call__
    monkeypatch.setattr(ToyEvaluator, "__call__", interrupt)
    asked = job(recording, journal=tmp_path / "j.sqlite3")
    outcome = run_search_job(asked, tmp_path / "out")
    assert ("interrupted", 8) == (outcome.result.ending, len(outcome.result.trials))
    assert ["front.json", "front.png"] == sorted(p.name for p in (tmp_path / "out").iterdir())
    shown = capsys.readouterr().out
    assert "Evaluations kept in" in shown
    assert "j.sqlite3: 8;" in shown.replace("\n", "")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"board": "esp23"}, "choose one of esp32"),
        ({"max_arena": 10**6}, "ESP32 .* gives 112,640 B"),
        ({"max_flash": 10**8}, "--max-flash is 100,000,000 B"),
        ({"max_latency": -1.0}, "max_latency must be positive"),
        ({"strategy": "luck"}, "choose one of random"),
        ({"budget": Budget(evaluations=1), "max_flash": 600}, "--max-flash"),
        ({"settings": Settings(epochs=3, halving=True)}, "too few for 3 rungs"),
    ],
)
def test_what_can_t_be_searched_is_refused_with_a_remedy(recording, changes, fault):
    """Unknown names, limits beyond the board, impossible limits: an error before any training."""
    with pytest.raises((ValueError, CourseError), match=fault):
        run_search_job(job(recording, **changes))


@pytest.mark.usefixtures("toy")
def test_a_search_without_a_success_tells_the_first_fault(recording, monkeypatch):
    """All evaluations fail: the error has their number and the reason."""

    def fail(self, spec, seed):  # noqa: ARG001
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(ToyEvaluator, "__call__", fail)
    with pytest.raises(CourseError, match=r"all 24 evaluations failed.*RuntimeError: no such kern"):
        run_search_job(job(recording))


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--budget", "banana"), "write a number of evaluations"),
        (("--max-arena", "16 potatoes"), "16KB"),
        (("--data", "nowhere.json"), "there is no 'nowhere.json'"),
        (("--strategy", "luck"), "choose one of"),
        (("--jobs", "0"), "jobs must be at least 1"),
    ],
)
def test_the_command_answers_bad_input_with_one_line_and_status_two(words, fault):
    """`tinyml search` names the fault and starts nothing."""
    done = CliRunner().invoke(app, ["search", "--data", "synthetic", *words])
    assert 2 == done.exit_code
    assert fault in done.stderr
    assert 1 == len([line for line in done.stderr.splitlines() if line.startswith("tinyml:")])


def test_a_quick_evaluator_runs_in_the_search_s_own_process(recording, monkeypatch):
    """With `in_process` no worker is started: the evaluator changes what this process sees."""
    seen = []

    class Quick(ToyEvaluator):
        in_process = True

        def __call__(self, spec, seed):
            seen.append(spec)
            return super().__call__(spec, seed)

    monkeypatch.setattr(search_job, "make_searcher", lambda *given: (NSGA2(given[1]), Quick()))
    result = run_search_job(job(recording)).result
    assert [trial.spec for trial in result.trials] == seen


def test_a_network_is_spelt_in_one_line():
    """Operation, kernel, width, stride, pooling, skip and head, in this order."""
    layers = (
        LayerSpec(op="conv", filters=8, stride=2), LayerSpec(op="depthwise", kernel=5, skip=True),
        LayerSpec(op="separable", filters=12, pool=2),
    )  # fmt: skip
    assert "c3x8/2 d5+ s3x12v2 h16" == spell(ArchSpec(layers=layers, classes=3, hidden=16))
    assert "c3x8/2 s3x16/2 s3x32 s3x56/2" == spell(gesture_net(10))


def test_every_strategy_of_the_catalogue_is_named_in_the_help():
    """The help of --strategy lists what the catalogue has."""
    shown = CliRunner().invoke(app, ["search", "--help"], env={"COLUMNS": "200"}).output
    assert [] == [name for name in STRATEGIES if name not in shown]


@pytest.mark.slow
def test_a_real_search_ends_in_bytes_that_keep_the_limits(recording, tmp_path, monkeypatch):
    """Two trainings by halving, the best again, converted and slimmed: all files agree."""
    short = Schedule(float_epochs=2, aware_epochs=1, copies=1)
    monkeypatch.setattr(search_job, "QUICK", short)
    monkeypatch.setattr(search_job, "connect_crew", serial_crew)
    asked = job(
        recording, quick=True, budget=Budget(evaluations=2), settings=Settings(epochs=1),
        max_arena=8192, max_flash=8192,
    )  # fmt: skip
    outcome = run_search_job(asked, tmp_path)
    names = ["best.tflite", "front.json", "front.png", "report.html", "report.txt"]
    assert names == sorted(path.name for path in tmp_path.iterdir())
    model, best = (tmp_path / "best.tflite").read_bytes(), outcome.result.front[0]
    assert best.cost.arena_bytes == outcome.report.plan.required_bytes <= 8192
    assert abs(len(model) / best.cost.model_bytes - 1) <= search_job.FILE_MARGIN
    assert len(model) <= 8192
    assert 8 == outcome.report.test_samples
    assert outcome.fits
    assert np.isfinite(outcome.report.accuracy)
    assert read_model(model).subgraphs[0].ops
    assert f"{len(model):,} B" in (tmp_path / "report.html").read_text()
    assert "FITS" in (tmp_path / "report.txt").read_text()
