"""Full training as an evaluator: repeatable, sendable, with parts that fit together."""

from __future__ import annotations

import pickle

import pytest

from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.data import draw_gestures, split
from tinyml_course.nas.evaluate import FullTraining

GESTURES = draw_gestures(("ring", "slope"), samples_per_class=20, people=1, seed=0)


def test_parts_with_different_classes_are_refused():
    """Training on some gestures and selecting by others raises, with both lists."""
    other = draw_gestures(("ring", "wing"), samples_per_class=4, people=1, seed=0)
    with pytest.raises(ValueError, match=r"ring, slope and .*wing"):
        FullTraining(train=GESTURES, validation=other)


@pytest.mark.slow
def test_an_evaluation_repeats_after_others_and_after_pickling():
    """Spec and seed alone decide the accuracy, which counts whole validation samples."""
    train, validation = split(GESTURES, seed=0)
    evaluator = FullTraining(train=train, validation=validation, epochs=2, full_epochs=8)
    small, other = (
        ArchSpec(layers=(LayerSpec(op="conv", filters=f, stride=2),), classes=2) for f in (4, 6)
    )
    first = evaluator(small, 3)
    evaluator(other, 4)
    again = pickle.loads(pickle.dumps(evaluator))(small, 3)
    assert (first.accuracy, 0.25) == (again.accuracy, again.fidelity)
    assert first.accuracy * len(validation) == pytest.approx(
        round(first.accuracy * len(validation))
    )
