"""Splits: which gestures train and which test, with every class on both sides."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.errors import InvalidData
from tinyml_course.core.types import GestureSet
from tinyml_course.data.strokes import UNKNOWN

By = Literal["auto", "person", "stratified"]

MIN_PERSONS = 3
"""Known persons from which on 'auto' splits by person."""

TRIES = 100
"""Orders of persons tried until every class is on both sides."""


def split(
    gestures: GestureSet, *, test_fraction: float = 0.2, by: By = "auto", seed: int
) -> tuple[GestureSet, GestureSet]:
    """Return a training and a test set: each sample in exactly one, each class in both.

    Parameters
    ----------
    gestures : GestureSet
        All samples.
    test_fraction : float
        Share of the test set; each class's count is rounded to the nearest. By person it is
        met as closely as whole persons allow.
    by : {'auto', 'person', 'stratified'}
        'person' keeps each person on one side, so that the test shows how the model does on
        strangers; 'stratified' keeps the shares of the classes. 'auto' splits by person where
        at least three are known and a split exists that has every class on both sides.
    seed : int
        Chooses the persons or samples.

    Raises
    ------
    InvalidData
        If a class can't be on both sides; says how many samples are missing.
    ValueError
        If `test_fraction` is not in (0, 1), or `by` is unknown.
    """
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction must be in (0, 1), got {test_fraction}")
    if by not in ("auto", "person", "stratified"):
        raise ValueError(f"by must be 'auto', 'person' or 'stratified', got {by!r}")
    rng = np.random.default_rng(seed)
    known = set(gestures.persons)
    chosen = None
    if by == "person" or (by == "auto" and UNKNOWN not in known and len(known) >= MIN_PERSONS):
        chosen = _choose_persons(gestures, test_fraction, rng)
        if chosen is None and by == "person":
            raise InvalidData(_explain_persons(gestures))
    if chosen is None:
        chosen = _choose_stratified(gestures, test_fraction, rng)
    return gestures.subset(np.flatnonzero(~chosen)), gestures.subset(np.flatnonzero(chosen))


def stratified_subset(gestures: GestureSet, *, per_class: int, seed: int) -> GestureSet:
    """Return `per_class` samples of each class, in the set's order.

    Raises
    ------
    InvalidData
        If a class has fewer.
    """
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(gestures), bool)
    for label, name in enumerate(gestures.class_names):
        members = np.flatnonzero(gestures.labels == label)
        if len(members) < per_class:
            raise InvalidData(
                f"class {name!r} has {len(members)} samples, {per_class} wanted; "
                f"record {per_class - len(members)} more or ask for fewer"
            )
        chosen[rng.permutation(members)[:per_class]] = True
    return gestures.subset(np.flatnonzero(chosen))


def _round_half_up(value: float) -> int:
    return math.floor(value + 0.5)


def _choose_stratified(
    gestures: GestureSet, fraction: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return a mask (N,) of the test samples with each class's share rounded to the nearest."""
    chosen = np.zeros(len(gestures), bool)
    for label, name in enumerate(gestures.class_names):
        members = np.flatnonzero(gestures.labels == label)
        count = _round_half_up(fraction * len(members))
        if not 0 < count < len(members):
            missing = _count_needed(fraction) - len(members)
            raise InvalidData(
                f"class {name!r} has {len(members)} samples, too few for a training and a test "
                f"set at a test fraction of {fraction:g}; record {missing} more or drop the class"
            )
        chosen[rng.permutation(members)[:count]] = True
    return chosen


def _count_needed(fraction: float) -> int:
    """Return the smallest class that leaves samples on both sides."""
    count = max(2, math.floor(0.5 / fraction), math.floor(0.5 / (1 - fraction)))
    while not 0 < _round_half_up(fraction * count) < count:
        count += 1
    return count


def _choose_persons(
    gestures: GestureSet, fraction: float, rng: np.random.Generator
) -> NDArray[np.bool_] | None:
    """Return a mask (N,) of the test samples, whole persons; None where no order works."""
    names, owner, sizes = np.unique(
        np.array(gestures.persons), return_inverse=True, return_counts=True
    )
    if len(names) < 2:
        return None
    classes = len(gestures.class_names)
    for _ in range(TRIES):
        order = rng.permutation(len(names))
        reached = np.cumsum(sizes[order])[:-1]
        count = int(np.abs(reached - fraction * len(gestures)).argmin()) + 1
        chosen: NDArray[np.bool_] = np.isin(owner, order[:count])
        if all(len(np.unique(gestures.labels[side])) == classes for side in (chosen, ~chosen)):
            return chosen
    return None


def _explain_persons(gestures: GestureSet) -> str:
    """Return why a split by person fails, with the remedy."""
    persons = np.array(gestures.persons)
    if len(np.unique(persons)) < 2:
        return (
            f"all {len(gestures)} samples are by {gestures.persons[0]!r}; a split by person needs "
            "2 persons: record 1 more, or split with by='stratified'"
        )
    for label, name in enumerate(gestures.class_names):
        who = len(np.unique(persons[gestures.labels == label]))
        if who < 2:
            return (
                f"class {name!r} is drawn by {who} person(s), a split by person needs 2; record "
                f"at least {2 - who} more sample(s) by another, or split with by='stratified'"
            )
    return (
        f"no split by person in {TRIES} tries had every class on both sides; record each class "
        "with more persons, or split with by='stratified'"
    )
