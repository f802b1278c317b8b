"""The nouns keep their promises."""

import numpy as np
import pytest

from tinyml_course.core.types import GestureSet, QParams


def gestures(**changes):
    """Return a set of three blank gestures of two classes."""
    fields = {
        "images": np.zeros((3, 32, 32, 1), np.float32),
        "labels": np.array([0, 1, 1]),
        "class_names": ("ring", "wing"),
        "persons": ("a", "b", "b"),
    }
    return GestureSet(**{**fields, **changes})


def test_subset_keeps_order_and_people():
    """A subset has the chosen samples in the chosen order."""
    part = gestures().subset(np.array([2, 0]))
    assert (part.labels.tolist(), part.persons) == ([1, 0], ("b", "a"))


def test_fingerprint_follows_every_part_that_training_sees():
    """Changing a pixel, a label or a class name changes the fingerprint; a copy does not."""
    pixel = np.zeros((3, 32, 32, 1), np.float32)
    pixel[0, 0, 0, 0] = 1e-6
    variants = [
        gestures(),
        gestures(images=pixel),
        gestures(labels=np.array([0, 1, 0])),
        gestures(class_names=("ring", "slope")),
    ]
    assert len({g.fingerprint for g in variants}) == len(variants)
    assert gestures().fingerprint == gestures().fingerprint


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"labels": np.array([0, 1])}, "one label and one person per image"),
        ({"labels": np.array([0, 1, 2])}, "must index the 2 class names"),
        ({"labels": np.array([0, -1, 1])}, "must index the 2 class names"),
        ({"strokes": (None,)}, "1 strokes for 3 images"),
    ],
)
def test_inconsistent_sets_are_refused(change, fault):
    """Lengths and labels that do not belong together raise an error that says so."""
    with pytest.raises(ValueError, match=fault):
        gestures(**change)


@pytest.mark.parametrize(
    ("q", "limits"),
    [
        (QParams(1.0, 0), (-128, 127)),
        (QParams(1.0, 0, 8, True), (-127, 127)),
        (QParams(1.0, 0, 4), (-8, 7)),
    ],
)
def test_limits_of_the_codes(q, limits):
    """Signed codes span the width; a narrow range leaves out the lowest."""
    assert q.limits == limits
