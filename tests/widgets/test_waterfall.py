"""The waterfall explorer: which stages a way has, what its bars show, what it says."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from tinyml_course.core.errors import InvalidData
from tinyml_course.pipeline.lattice import SWITCHES, Artefact
from tinyml_course.pipeline.requirements import Requirements
from tinyml_course.widgets.waterfall import (
    ORDER,
    find_history,
    judge_history,
    waterfall_experiment,
    way_of,
)

FACTORS = {
    "train": 1.0,
    "distill": 0.4,
    "prune": 0.25,
    "quantize": 0.3,
    "convert": 0.9,
    "slim": 0.7,
}
COSTS = {"prune": 0.03}


def make(way, **changes):
    """Return an artefact whose figures follow from its stages alone."""
    size = 100_000.0
    for name in way:
        size *= FACTORS[name]
    row = Artefact(
        seed=0, stages=" ".join(way), form="float32",
        accuracy=0.98 - sum(COSTS.get(name, 0.0) for name in way),
        accuracy_test=0.9, parameters=9, macs=9, model_bytes=round(size),
        arena_bytes=round(size / 10), latency_ms=size / 1000, seconds=1.0,
    )  # fmt: skip
    return replace(row, **changes)


def every_way():
    """Return all ways and their beginnings."""
    for values in itertools.product((False, True), repeat=len(SWITCHES)):
        way = way_of(dict(zip(SWITCHES, values, strict=True)))
        yield from (way[:end] for end in range(1, len(way) + 1))


LATTICE = tuple(make(way) for way in dict.fromkeys(every_way()))
EXPERIMENT = waterfall_experiment(LATTICE, seed=0, min_accuracy=0.9)
ALL_ON = EXPERIMENT.defaults


def heights(figure, panel):
    """Return the heights of a panel's bars in bytes."""
    return [1024 * bar.get_height() for bar in figure.axes[panel].patches]


def test_switches_take_stages_out_and_keep_the_order():
    """What is on comes in the order of the pipeline; training and conversion are always there."""
    assert ORDER == way_of(dict.fromkeys(SWITCHES, True))
    assert ("train", "convert") == way_of(dict.fromkeys(SWITCHES, False))


@pytest.mark.parametrize("off", SWITCHES)
def test_a_bar_for_each_stage_that_is_on_as_high_as_its_file(off):
    """Bars are the artefacts of exactly this way, so the one that is off changes all after it."""
    figure = EXPERIMENT.draw(**{**ALL_ON, off: False})
    way = [name for name in ORDER if name != off]
    wanted = [make(way[:end]).model_bytes for end in range(1, len(way) + 1)]
    assert wanted == pytest.approx(heights(figure, 1))
    assert way == [label.get_text() for label in figure.axes[2].get_xticklabels()]


def test_the_verdict_is_that_of_the_last_file():
    """Missed limits are named with their excess; with room enough all is met."""
    last = make(ORDER).model_bytes
    way = ("train", "convert")
    tight = find_history(LATTICE, way, Requirements(max_flash=6144))
    assert "flash: 90,000 B, the limit is 6,144 B" in judge_history(tight)
    roomy = find_history(LATTICE, ORDER, Requirements(max_flash=last, min_accuracy=0.9))
    assert "everything that is asked for is met" == judge_history(roomy)
    short = find_history(LATTICE, ORDER, Requirements(max_flash=last - 1))
    assert "1 B (0%) too much" in judge_history(short)


def test_a_stage_that_is_too_dear_is_named_in_the_alt_text():
    """Three points for three quarters of the file are a bargain, for a tenth they are not."""
    assert "gate" not in EXPERIMENT.describe(**ALL_ON)
    dear = [make(a.stages.split(), model_bytes=95_000, arena_bytes=9_990, latency_ms=99.9)
            if a.stages == "train prune" else a for a in LATTICE]  # fmt: skip
    told = waterfall_experiment(dear, seed=0, min_accuracy=0.9).describe(
        **{**ALL_ON, "distill": False}
    )
    assert "prune: a gate would take it back: it costs 3.0 points" in told


def test_a_gap_in_the_table_is_an_error_that_names_it():
    """The missing artefact and the command that makes it."""
    with pytest.raises(InvalidData, match=r"no artefact 'train convert'; .*study_lattice"):
        find_history(LATTICE[:1], ("train", "convert"), Requirements())
