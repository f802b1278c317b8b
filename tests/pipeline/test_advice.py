"""What to try: for each limit something that bears on it, with figures."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.pipeline.states import measurement, small_samples
from tinyml_course.device.explain import Remedy
from tinyml_course.pipeline.advice import Situation, advise, explain_misses, find_confusion
from tinyml_course.pipeline.history import History, Step
from tinyml_course.pipeline.requirements import Miss, Requirements

ALL = ("train", "distill", "prune", "quantize", "convert", "slim")
REMEDY = Remedy(
    words="halve the filters of op 0", required_bytes=3000, saved_bytes=2000, macs_share=0.5
)
BIG = Miss(limit="flash", value=9000, bound=6144)


def situation(stages=ALL, *, undone=False, quick=False, confusion=""):
    """Return a run of `stages` whose pruning was perhaps rolled back."""
    step = Step(stage="prune", folder="", measurement=measurement(), kept=not undone)
    return Situation(
        stages=stages, quick=quick, confusion=confusion,
        history=History(steps=(step,), requirements=Requirements()),
        report=SimpleNamespace(peak=SimpleNamespace(remedies=(REMEDY,))),
    )  # fmt: skip


def test_stages_that_were_left_out_come_first():
    """Without prune and slim: add both; with them: the limit that the present file would meet."""
    assert advise(BIG, situation(("train", "convert"))).startswith("add prune and slim to --stages")
    assert "allow --max-flash 8.8KB" == advise(BIG, situation())


def test_a_limit_that_is_allowed_as_advised_is_met():
    """The size in the advice, read back, is not below the present one."""
    from tinyml_course.nas.budget import parse_size

    for value in (6145, 8192, 9000, 10_240, 123_457):
        size = advise(replace(BIG, value=value), situation()).split("--max-flash ")[1]
        assert value <= parse_size(size) < value + 103


def test_a_pruning_that_was_rolled_back_is_named():
    """The accuracy that was asked for stood against the limit."""
    assert "pruning was rolled back" in advise(BIG, situation(undone=True))


def test_the_arena_gets_the_emulator_s_remedy():
    """The change that the device explains, with the bytes that it was planned to leave."""
    miss = Miss(limit="arena", value=7000, bound=6144)
    assert "halve the filters of op 0 (arena 3,000 B, 2,000 B less)" in advise(miss, situation())


def test_latency_names_the_board_and_the_time():
    """Another board, or the time that it takes, rounded up."""
    miss = Miss(limit="latency", value=14.21, bound=5.0)
    assert "choose a faster --board; or allow --max-latency 14.3" == advise(miss, situation())


def test_accuracy_names_the_gestures_that_are_confused():
    """Quick trainings first; then which gesture to record, and the accuracy that was reached."""
    miss = Miss(limit="accuracy", value=0.9357, bound=0.95)
    (line,) = explain_misses(
        [miss], situation(quick=True, confusion="'a', taken for 'b' 3 time(s)")
    )
    assert "Try: leave out --quick" in line
    assert "above all of 'a', taken for 'b' 3 time(s)" in line
    assert "--min-accuracy 0.935" in line


@pytest.mark.parametrize("wrong", [0, 1, 3])
def test_the_largest_confusion_is_found(wrong):
    """Counted from the device's answers; none where all are right or nothing ran."""
    gestures = small_samples().validation
    outputs = np.eye(2)[gestures.labels]
    rings = np.flatnonzero(gestures.labels == 0)[:wrong]
    outputs[rings] = outputs[rings, ::-1]
    expected = f"'ring', taken for 'slope' {wrong} time(s)" if wrong else ""
    assert expected == find_confusion(gestures, outputs)
    assert "" == find_confusion(gestures, None)
