"""The constraints explorer: which artefact is chosen, and what is said where none fits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_course.pipeline.lattice import Artefact
from tinyml_course.pipeline.requirements import Requirements
from tinyml_course.widgets.constraints import choose_artefact, constraints_experiment


def make(name, accuracy, model_bytes, arena_bytes):
    """Return a file with these figures."""
    return Artefact(
        seed=0, stages=name, form="int8 file", accuracy=accuracy, accuracy_test=0.5, parameters=1,
        macs=1, model_bytes=model_bytes, arena_bytes=arena_bytes, latency_ms=1.0, seconds=1.0,
    )  # fmt: skip


LARGE, MIDDLE, SMALL = (
    make("large", 0.99, 30_000, 9_000), make("middle", 0.97, 8_000, 6_000),
    make("small", 0.93, 4_000, 4_000),
)  # fmt: skip
FILES = (LARGE, MIDDLE, SMALL)
EXPERIMENT = constraints_experiment(FILES)

sizes = st.integers(1_000, 40_000)
files = st.lists(
    st.builds(
        make, st.text("abc", min_size=1), st.integers(0, 100).map(lambda n: n / 100), sizes, sizes
    ),
    min_size=1, max_size=8,
)  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, SMALL),
        ({"min_accuracy": 0.95}, MIDDLE),
        ({"min_accuracy": 0.98}, LARGE),
        ({"min_accuracy": 0.95, "max_arena": 5_000}, SMALL),
        ({"min_accuracy": 0.97, "max_arena": 5_900}, MIDDLE),
    ],
)
def test_the_smallest_that_meets_all_or_else_the_nearest(asked, wanted):
    """Two points short are a fifth of ten; an arena a fifth too large is as far, and larger."""
    assert wanted is choose_artefact(FILES, Requirements(**asked)).artefact


@settings(max_examples=40, deadline=None)
@given(files, sizes, sizes, st.integers(0, 100))
def test_what_meets_everything_is_always_found(candidates, flash, arena, percent):
    """By brute force: no smaller file meets all three limits, and the count is right."""
    asked = Requirements(max_flash=flash, max_arena=arena, min_accuracy=percent / 100)
    fit = [
        f for f in candidates
        if f.model_bytes <= flash and f.arena_bytes <= arena and f.accuracy >= percent / 100
    ]  # fmt: skip
    choice = choose_artefact(candidates, asked)
    assert len(fit) == choice.candidates
    assert bool(fit) == (not choice.misses)
    if fit:
        assert min(f.model_bytes for f in fit) == choice.artefact.model_bytes


def test_the_star_is_on_the_chosen_file_and_blue_is_what_meets_all():
    """At 95 % and 12 KB only the middle one does."""
    figure = EXPERIMENT.draw(**EXPERIMENT.defaults)
    for axes, size in zip(figure.axes, (8_000, 6_000), strict=True):
        star = next(line for line in axes.lines if line.get_marker() == "*")
        assert np.allclose([[size / 1024, 97]], star.get_xydata())
        meeting = next(line for line in axes.lines if line.get_markersize() == 6)
        assert 1 == len(meeting.get_xydata())


def test_the_alt_text_counts_and_says_what_is_missed():
    """One of three qualifies; at 4 KB and 99 % none does, and by how much."""
    assert "1 of 3 files qualify. middle: 97.0%" in EXPERIMENT.describe(**EXPERIMENT.defaults)
    told = EXPERIMENT.describe(flash_kb=4, arena_kb=4, percent=99)
    assert "0 of 3 files qualify. none meets it; nearest small" in told
    assert "It misses accuracy: 93.0%, 99.0% asked for: 6.0 points short." in told


def test_nothing_to_choose_from_is_an_error():
    """An empty table."""
    with pytest.raises(ValueError, match="no artefact to choose from"):
        choose_artefact((), Requirements())
