"""The runner: gates, roll-back, checkpoints, refusals; on stages whose results are known."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.pipeline.states import small_samples
from tests.pipeline.toy_stages import (
    ToyConvert,
    ToyPrune,
    ToySlim,
    ToyTeach,
    ToyTrain,
    toy_measure,
    toy_plan,
)
from tinyml_course.core.errors import InvalidData, StageRefused
from tinyml_course.pipeline.requirements import Requirements
from tinyml_course.pipeline.run import run_pipeline
from tinyml_course.pipeline.store import Store

ROOT = Path(__file__).resolve().parents[2]
TIGHT = {"max_flash": 12_000, "max_arena": 6_000, "min_accuracy": 0.95}
LOOSE = {"max_flash": 50_000, "max_arena": 40_000, "min_accuracy": 0.95}


@pytest.fixture(scope="module")
def samples():
    """A few strokes; the toys only look at their fingerprints."""
    return small_samples()


def run(plan, folder, **options):
    """Run a plan of toys."""
    return run_pipeline(plan, Store(folder), measured_by=toy_measure, **options)


def told(outcome):
    """Return stage and whether it was kept, in order."""
    return [(step.stage, step.kept) for step in outcome.history.steps]


def test_every_stage_is_measured_and_kept(samples, tmp_path):
    """Four stages: four folders with their files, and the last file meets all limits."""
    outcome = run(toy_plan(samples, **TIGHT), tmp_path / "s")
    assert [(n, True) for n in ("train", "prune", "convert")] == told(outcome)
    assert () == outcome.misses
    assert 3_000 == outcome.measurement.model_bytes
    for step in outcome.history.steps:
        folder = tmp_path / "s" / step.folder
        assert {"state.json", "measured.json", "model.tflite"} <= {p.name for p in folder.iterdir()}
    assert ["train", "prune", "convert"] == [s.name for s in outcome.state.provenance.stages]


def test_loose_limits_skip_what_only_makes_it_smaller(samples, tmp_path):
    """The gate: with 50 KB nothing is pruned or slimmed, and a file is made all the same."""
    outcome = run(toy_plan(samples, **LOOSE), tmp_path / "s")
    assert [("train", True), ("convert", True)] == told(outcome)
    assert "skipped prune" in outcome.history.steps[0].note
    assert "skipped slim" in outcome.history.steps[1].note


def test_a_gate_needs_every_requirement(samples, tmp_path):
    """Enough room, but an accuracy below what is asked for: no stage is skipped."""
    outcome = run(toy_plan(samples, **{**LOOSE, "min_accuracy": 0.99}), tmp_path / "s")
    assert ["train", "prune", "convert", "slim"] == [step.stage for step in outcome.history.steps]
    assert ["accuracy"] == [miss.limit for miss in outcome.misses]


def test_without_requirements_or_gate_every_stage_runs(samples, tmp_path):
    """Nobody asks for anything, or wants no gate: all four stages."""
    for number, (asked, gate) in enumerate([({}, True), (LOOSE, False)]):
        outcome = run(toy_plan(samples, **asked), tmp_path / f"{number}", gate=gate)
        assert 4 == len(outcome.history.steps)


def test_a_hopeful_gate_goes_back(samples, tmp_path):
    """The file misses what its network promised: the skipped stages are run after all."""
    stages = ToyTrain(reaches=0.96), ToyPrune(costs=-0.02), ToyConvert(costs=0.015), ToySlim()
    outcome = run(toy_plan(samples, *stages, **LOOSE), tmp_path / "s")
    assert [
        ("train", True), ("convert", False), ("slim", False),
        ("prune", True), ("convert", True), ("slim", True),
    ] == told(outcome)  # fmt: skip
    assert "went back" in outcome.history.steps[1].note
    assert "94.5%" in outcome.history.steps[1].note
    assert () == outcome.misses
    assert outcome.measurement.accuracy == pytest.approx(0.965)


def test_a_stage_that_costs_more_than_it_saves_is_rolled_back(samples, tmp_path):
    """Five points for nothing: the state before goes on, the artefact stays, the note says why."""
    stages = ToyTrain(), ToyPrune(costs=0.05, narrows=False), ToyConvert(), ToySlim()
    outcome = run(toy_plan(samples, *stages, **TIGHT), tmp_path / "s")
    assert ("prune", False) == told(outcome)[1]
    assert "5.0 points" in outcome.history.steps[1].note
    assert 0.98 == pytest.approx(outcome.measurement.accuracy)
    assert ["train", "convert", "slim"] == [s.name for s in outcome.state.provenance.stages]
    assert (tmp_path / "s" / outcome.history.steps[1].folder / "model.tflite").is_file()


def test_a_stage_worth_its_price_is_kept(samples, tmp_path):
    """Two points for an eighth of the file are a good bargain, and the accuracy still holds."""
    stages = ToyTrain(), ToyPrune(costs=0.02), ToyConvert(), ToySlim()
    outcome = run(toy_plan(samples, *stages, **TIGHT), tmp_path / "s")
    assert ("prune", True) == told(outcome)[1]
    assert () == outcome.misses


def test_a_stage_that_nothing_can_do_without_is_never_rolled_back(samples, tmp_path):
    """Conversion costs thirty points: it is kept, and the run misses its accuracy."""
    stages = ToyTrain(), ToyConvert(costs=0.3), ToySlim()
    outcome = run(toy_plan(samples, *stages, **TIGHT), tmp_path / "s")
    assert all(kept for _, kept in told(outcome))
    assert ["flash", "arena", "accuracy"] == [miss.limit for miss in outcome.misses]


@pytest.mark.parametrize("costs", [0.02, -0.01])
def test_the_teacher_is_the_network_that_was_trained_first(samples, tmp_path, costs):
    """A pruned network never teaches, not even one that happens to be more accurate."""
    stages = ToyTrain(), ToyPrune(costs=costs), ToyTeach(), ToyConvert()
    outcome = run(toy_plan(samples, *stages), tmp_path / "s")
    store = Store(tmp_path / "s")
    state = store.load(store.folder / outcome.history.steps[2].folder).state
    assert 0.98 == pytest.approx(float(state.weights["taught"][0]))


def test_an_order_that_can_t_work_is_refused_before_anything_runs(samples, tmp_path):
    """Slim before convert, no convert at all: refused, and no folder appears."""
    for stages in ((ToyTrain(), ToySlim(), ToyConvert()), (ToyTrain(), ToyPrune())):
        with pytest.raises(StageRefused, match=r"convert|kind"):
            run(toy_plan(samples, *stages), tmp_path / "s")
    assert [] == list(tmp_path.iterdir())


def test_a_resumed_run_repeats_nothing_and_ends_in_the_same_bytes(samples, tmp_path):
    """Everything from the store: no stage is called, and the file is the same."""
    plan = toy_plan(samples, **{**TIGHT, "min_accuracy": 0.99})
    first = run(plan, tmp_path / "s")
    steps = []
    again = run(plan, tmp_path / "s", resume=True, on_step=steps.append)
    assert [True] * 4 == [step.resumed for step in steps]
    assert first.state.artifact == again.state.artifact
    assert first.history.to_list() == again.history.to_list()


@pytest.mark.parametrize("damage", ["measured.json", "weights.npz", "state.json"])
def test_a_damaged_checkpoint_is_made_again(samples, tmp_path, damage):
    """A cut file counts as not there: its stage runs again, and the result is the same."""
    plan = toy_plan(samples, **TIGHT)
    first = run(plan, tmp_path / "s")
    broken = tmp_path / "s" / first.history.steps[1].folder / damage
    broken.write_bytes(broken.read_bytes()[:20])
    steps = []
    again = run(plan, tmp_path / "s", resume=True, on_step=steps.append)
    assert [True, False, True] == [step.resumed for step in steps]
    assert first.state.artifact == again.state.artifact


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 4}, "seed was 3, now 4"),
        ({"board": "esp32-s3"}, "board was"),
        ({"requirements": Requirements(max_flash=9000)}, "max_flash was 12000, now 9000"),
        ({"stages": (ToyTrain(reaches=0.9), ToyConvert())}, "stages was"),
        ({"versions": (("toy", "2"),)}, "versions was"),
    ],
)
def test_another_run_can_t_be_resumed(samples, tmp_path, change, named):
    """Whatever the outcome depends on is compared; the message names what differs."""
    plan = toy_plan(samples, **TIGHT)
    run(plan, tmp_path / "s")
    with pytest.raises(InvalidData, match=named):
        run(replace(plan, **change), tmp_path / "s", resume=True)


def test_without_resume_a_run_begins_anew(samples, tmp_path):
    """Old stages go; nothing of another run is mixed in."""
    run(toy_plan(samples, **TIGHT), tmp_path / "s")
    steps = []
    run(replace(toy_plan(samples, **TIGHT), seed=8), tmp_path / "s", on_step=steps.append)
    assert not any(step.resumed for step in steps)
    assert 1 + len(steps) == len(list((tmp_path / "s").iterdir()))


def test_a_folder_of_someone_else_s_is_never_emptied(samples, tmp_path):
    """A folder with other files is refused, and they stay."""
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InvalidData, match="name another"):
        run(toy_plan(samples), tmp_path)
    assert "mine" == (tmp_path / "thesis.txt").read_text()


KILLED = """
import sys
from pathlib import Path
from tests.pipeline.states import small_samples
from tests.pipeline.toy_stages import *
from tinyml_course.pipeline.run import run_pipeline
from tinyml_course.pipeline.store import Store
plan = toy_plan(small_samples(), ToyTrain(), ToyPrune(dies=True), ToyConvert(), ToySlim())
found = run_pipeline(plan, Store(Path(sys.argv[1])), resume=True, measured_by=toy_measure)
print([step.resumed for step in found.history.steps], found.state.artifact.sha256)
"""


def test_a_killed_run_goes_on_with_the_stage_it_died_in(tmp_path):
    """Kill -9 in the second stage: the first is not run again, the bytes are those of no kill."""

    def session(folder, **environment):
        return subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path / folder)], cwd=ROOT, text=True,
            capture_output=True, timeout=60, env={**environment, "PATH": ""},
        )  # fmt: skip

    killed = session("a", TOY_DIES="1")
    resumed, whole = session("a"), session("b")
    assert -9 == killed.returncode
    assert "[True, False, False, False]" in resumed.stdout
    assert resumed.stdout.split()[-1] == whole.stdout.split()[-1]
    assert [] == list((tmp_path / "a").rglob(".tinyml-staging-*"))
