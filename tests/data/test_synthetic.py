"""The generator."""

from itertools import pairwise

import numpy as np
import pytest

from tinyml_course.core.errors import InvalidData
from tinyml_course.data import DIGITS, GESTURES, draw_gestures, draw_stroke, draw_style
from tinyml_course.data.templates import TEMPLATES


def test_the_same_seed_draws_the_same_gestures():
    """The set follows its seed, and another seed draws other people."""
    first, again, other = (draw_gestures(samples_per_class=4, seed=s) for s in (5, 5, 6))
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.fingerprint


def test_a_larger_set_begins_with_the_smaller():
    """More samples are appended; none of the earlier changes."""
    small, large = (draw_gestures(samples_per_class=n, people=3) for n in (5, 9))
    np.testing.assert_array_equal(small.images, large.images[: len(small)])
    assert small.persons == large.persons[: len(small)]


def test_more_people_or_other_classes_do_not_change_a_person_s_strokes():
    """A stroke depends on its person, class and index alone, not on who else draws what."""
    alone = draw_gestures(("ring", "7"), samples_per_class=4, people=2)
    crowd = draw_gestures(("7", "wing", "ring"), samples_per_class=10, people=5)
    by_source = {stroke.source: stroke.points for stroke in crowd.strokes}
    for stroke in alone.strokes:
        np.testing.assert_array_equal(stroke.points, by_source[stroke.source])


def test_each_class_and_person_has_its_share():
    """Counts are even, labels follow the order of the names."""
    gestures = draw_gestures(("slope", "wing"), samples_per_class=6, people=3)
    assert ("slope", "wing") == gestures.class_names
    assert [6, 6] == np.bincount(gestures.labels).tolist()
    assert {"person 0": 4, "person 1": 4, "person 2": 4} == {
        name: gestures.persons.count(name) for name in gestures.persons
    }


def test_no_two_strokes_are_alike():
    """Class, person and index each make another stroke; streams of random numbers don't meet."""
    strokes = [
        draw_stroke(name, person=person, index=index)
        for name in ("0", "1", "wing")
        for person in range(4)
        for index in range(4)
    ]
    assert len(strokes) == len({stroke.points.tobytes() for stroke in strokes})
    assert 50 == len({draw_style(person, seed=seed) for person in range(10) for seed in range(5)})


def test_a_person_draws_more_alike_than_strangers():
    """Samples of one person differ less from each other than from another person's."""
    images = {
        person: draw_gestures(("3",), samples_per_class=60, people=6).images[person::6]
        for person in range(6)
    }
    within = np.mean([group.std(axis=0).mean() for group in images.values()])
    across = np.concatenate(list(images.values())).std(axis=0).mean()
    assert across > 1.15 * within


@pytest.mark.parametrize("name", TEMPLATES)
def test_recordings_look_like_the_wand_s(name):
    """Every class gives 15 to 200 points on the sensor's grid, of a plausible size."""
    for person in range(5):
        points = draw_stroke(name, person=person).points
        assert 15 <= len(points) <= 200
        np.testing.assert_array_equal(points * 128, np.round(points * 128))
        assert 0.15 < np.ptp(points, axis=0).max() < 1.6


def test_templates_are_drawn_in_one_stroke_inside_the_unit_box():
    """Curves meet end to start, as the wand has no way to lift its pen."""
    assert set(GESTURES + DIGITS) == set(TEMPLATES)
    for variants in TEMPLATES.values():
        for path in variants:
            assert all(a[-1] == b[0] for a, b in pairwise(path))
            assert 0 <= np.concatenate(path).min() <= np.concatenate(path).max() <= 1


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"samples_per_class": 0}, "samples_per_class"),
        ({"people": 0}, "people"),
        ({"seed": -1}, "seed"),
    ],
)
def test_senseless_counts_are_refused(options, fault):
    """The message names the argument."""
    with pytest.raises(ValueError, match=fault):
        draw_gestures(**options)


def test_a_class_it_can_not_draw_is_refused():
    """The message names the class and those it can draw."""
    with pytest.raises(InvalidData, match=r"'star'.*wing, ring"):
        draw_gestures(("wing", "star"))


def nearest_person_accuracy(gestures):
    """Return how often the nearest image by another person has the same class."""
    flat = gestures.images.reshape(len(gestures), -1)
    square = (flat**2).sum(1)
    distance = square[:, None] + square - 2 * flat @ flat.T
    persons = np.array(gestures.persons)
    distance[persons[:, None] == persons] = np.inf
    return np.mean(gestures.labels[distance.argmin(1)] == gestures.labels)


def test_classes_can_be_told_apart_on_strangers_and_digits_are_harder():
    """The nearest image by another person beats chance by far, by less on the digits."""
    gestures = nearest_person_accuracy(draw_gestures(samples_per_class=40, people=8))
    digits = nearest_person_accuracy(draw_gestures(DIGITS, samples_per_class=24, people=8))
    assert gestures > 0.9
    assert 0.6 < digits < gestures
