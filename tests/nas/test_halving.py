"""Rungs, promotion, and the schedule that they cut down."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.nas.toy import ToyEvaluator, network, toy_trial
from tinyml_course.data import draw_gestures, split
from tinyml_course.nas.evaluate import FullTraining
from tinyml_course.nas.halving import SuccessiveHalving, halve_training, rungs_of

shares = st.integers(0, 128).map(lambda right: right / 128)
RUNGS = tuple(ToyEvaluator(fidelity=f) for f in (0.1, 1.0))


@pytest.fixture(scope="module")
def full():
    """A full training of 27 epochs."""
    gestures = draw_gestures(("ring", "slope"), samples_per_class=12, people=1, seed=0)
    train, validation = split(gestures, seed=0)
    return FullTraining(train=train, validation=validation, epochs=27)


@given(st.lists(shares, min_size=1, max_size=20), st.floats(0.05, 0.95))
def test_the_best_share_is_promoted_in_order(accuracies, keep):
    """The promoted are as many as the share says, none worse than one that stays behind."""
    halving = SuccessiveHalving(rungs=RUNGS, keep=keep)
    trials = [toy_trial(network(n + 1), accuracy=a) for n, a in enumerate(accuracies)]
    chosen = halving.promote(trials)
    rest = [trial for trial in trials if trial not in chosen]
    assert math.ceil(keep * len(trials)) == len(chosen)
    assert [trial for trial in trials if trial in chosen] == chosen
    assert not rest or min(t.accuracy for t in chosen) >= max(t.accuracy for t in rest)


def test_failures_are_never_promoted():
    """A rung on which all but one failed promotes that one, and one of nothing nothing."""
    good = toy_trial(network(1), accuracy=0.2)
    bad = [toy_trial(network(w), accuracy=None, fault="broke") for w in range(2, 8)]
    halving = SuccessiveHalving(rungs=RUNGS, keep=0.5)
    assert [good] == halving.promote([*bad, good])
    assert [] == halving.promote(bad)


def test_rungs_train_a_third_as_long_each(full):
    """27 epochs in three rungs: 3, 9 and 27, with the fidelity of their shares."""
    rungs = halve_training(full).rungs
    assert [3, 9, 27] == [rung.epochs for rung in rungs]
    assert [3 / 27, 9 / 27, 1.0] == pytest.approx([rung.fidelity for rung in rungs])


def test_what_has_no_rungs_is_its_own_rung(full):
    """A plain evaluator is a single rung."""
    assert (full,) == rungs_of(full)
    assert 2 == len(rungs_of(halve_training(full, rungs=2)))


def test_a_single_network_is_evaluated_on_the_last_rung():
    """Called like any evaluator, halving answers with its full rung."""
    halving = SuccessiveHalving(rungs=RUNGS)
    assert 1.0 == halving(network(2), 0).fidelity == halving.fidelity


def test_rungs_and_epochs_tell_evaluators_apart(full):
    """Descriptions differ in all that an accuracy depends on."""
    described = [
        str(e.describe()) for e in (full, halve_training(full), halve_training(full, keep=0.4))
    ]
    assert 3 == len(set(described))
    assert full.train.fingerprint in described[0]


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (lambda _: SuccessiveHalving(rungs=RUNGS[::-1]), "rising fidelity"),
        (lambda _: SuccessiveHalving(rungs=()), "rising fidelity"),
        (lambda _: SuccessiveHalving(rungs=RUNGS, keep=1.0), r"keep must be in \(0, 1\)"),
        (lambda full: halve_training(full, rungs=9), "too few for 9 rungs"),
        (lambda full: FullTraining(train=full.train, validation=full.train, epochs=0), "epochs"),
    ],
)
def test_impossible_rungs_are_refused(full, call, fault):
    """The error has the values."""
    with pytest.raises(ValueError, match=fault):
        call(full)
