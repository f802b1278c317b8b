"""Splits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.core.errors import InvalidData
from tinyml_course.core.types import GestureSet
from tinyml_course.data import draw_gestures, split, stratified_subset


def make_set(labels, persons=None):
    """Return a set whose images hold the number of the sample."""
    labels = np.array(labels, np.int64)
    images = np.arange(len(labels), dtype=np.float32)[:, None, None, None]
    return GestureSet(
        images=images, labels=labels, class_names=tuple("abcd"[: labels.max() + 1]),
        persons=tuple(persons or ["unknown"] * len(labels)),
    )  # fmt: skip


def numbers(gestures):
    """Return the samples' numbers."""
    return gestures.images.ravel().astype(int).tolist()


@given(
    st.lists(st.integers(3, 40), min_size=2, max_size=4),
    st.floats(0.2, 0.8),
    st.integers(0, 2**32),
)
def test_a_stratified_split_covers_all_and_rounds_each_class_to_the_nearest(sizes, share, seed):
    """Each sample is on exactly one side; each class's test count is within a half of its share."""
    gestures = make_set(np.repeat(np.arange(len(sizes)), sizes))
    train, test = split(gestures, test_fraction=share, seed=seed)
    assert list(range(len(gestures))) == sorted(numbers(train) + numbers(test))
    for label, size in enumerate(sizes):
        count = int((test.labels == label).sum())
        assert abs(count - share * size) <= 0.5 + 1e-9
        assert 0 < count < size


@given(st.integers(3, 9), st.floats(0.1, 0.6), st.integers(0, 99))
def test_a_split_by_person_keeps_everybody_on_one_side(people, share, seed):
    """No person is on both sides, the cover is exact, and whole persons come near the share."""
    persons = [f"p{i % people}" for i in range(people * 6)]
    gestures = make_set([i // people % 2 for i in range(people * 6)], persons)
    train, test = split(gestures, test_fraction=share, seed=seed)
    assert set() == set(train.persons) & set(test.persons)
    assert list(range(len(gestures))) == sorted(numbers(train) + numbers(test))
    assert abs(len(test) - share * len(gestures)) <= max(3, 6 - share * len(gestures)) + 1e-9


def test_the_split_follows_its_seed():
    """The same seed splits the same way, another one otherwise."""
    gestures = make_set([0, 1] * 20)
    first, again, other = (numbers(split(gestures, seed=seed)[1]) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_auto_splits_by_person_only_where_three_are_known():
    """Two persons, or one unknown, give a stratified split."""
    two = make_set([0, 1] * 20, ["p", "p", "q", "q"] * 10)
    some = make_set([0, 1] * 20, ["p", "p", "q", "unknown"] * 10)
    for gestures in (two, some):
        assert [4, 4] == np.bincount(split(gestures, seed=0)[1].labels).tolist()
    drawn = draw_gestures(samples_per_class=10, people=5)
    assert 1 == len(set(split(drawn, seed=0)[1].persons))


def test_persons_are_chosen_so_that_every_class_is_on_both_sides():
    """Where only two of ten persons drew a class, they are put on different sides."""
    persons = [f"p{i}" for i in range(10)] * 2 + ["p0", "p1"]
    gestures = make_set([0] * 20 + [1] * 2, persons)
    for seed in range(5):
        train, test = split(gestures, seed=seed, by="person")
        assert {0, 1} == set(train.labels) == set(test.labels)


def test_auto_falls_back_where_one_person_drew_a_class_alone():
    """A class by one person can't be split by person, so auto keeps its shares instead."""
    gestures = make_set([0] * 30 + [1] * 10, [f"p{i % 3}" for i in range(30)] + ["p0"] * 10)
    assert [6, 2] == np.bincount(split(gestures, seed=0)[1].labels).tolist()
    with pytest.raises(InvalidData, match=r"'b' is drawn by 1 person.*stratified"):
        split(gestures, by="person", seed=0)


def test_a_split_by_person_needs_two():
    """The message names the only person and the remedy."""
    with pytest.raises(InvalidData, match=r"'unknown'.*record 1 more"):
        split(make_set([0, 1] * 5), by="person", seed=0)


@pytest.mark.parametrize(("size", "missing"), [(0, 3), (1, 2), (2, 1)])
def test_too_small_a_class_says_how_many_samples_are_missing(size, missing):
    """At a fifth for the test a class needs three samples; with as many the split succeeds."""
    small = [1] * size + [2] * 10
    with pytest.raises(InvalidData, match=rf"'b' has {size} samples.*record {missing} more"):
        split(make_set([0] * 10 + small), seed=0)
    split(make_set([0] * 10 + small + [1] * missing), seed=0)


@pytest.mark.parametrize("share", [0, 1, -0.5, 2])
def test_a_share_that_leaves_nothing_is_refused(share):
    """The message names the value."""
    with pytest.raises(ValueError, match=str(share)):
        split(make_set([0, 1] * 5), test_fraction=share, seed=0)


def test_an_unknown_way_to_split_is_refused():
    """The message lists the ways."""
    with pytest.raises(ValueError, match=r"stratified.*'random'"):
        split(make_set([0, 1] * 5), by="random", seed=0)


def test_a_stratified_subset_has_as_many_of_each_class():
    """The subset is even over uneven classes, and its samples are distinct."""
    chosen = stratified_subset(make_set([0] * 9 + [1] * 5), per_class=4, seed=0)
    assert [4, 4] == np.bincount(chosen.labels).tolist()
    assert 8 == len(set(numbers(chosen)))


def test_a_subset_larger_than_a_class_is_refused():
    """The message says how many are missing."""
    with pytest.raises(InvalidData, match=r"'b'.*record 2 more"):
        stratified_subset(make_set([0] * 9 + [1] * 5), per_class=7, seed=0)
