"""Augmentation."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_course.data import (
    augment_batch,
    augment_stroke,
    rasterise_batch,
    shift_images,
)
from tinyml_course.data.augment import _draw_matrices, _trim_ends

PATHS = np.cumsum(np.random.default_rng(0).normal(size=(6, 64, 2)), axis=1)


def rng(seed=0):
    """Return a fresh generator."""
    return np.random.default_rng(seed)


def test_strength_zero_changes_nothing():
    """No strength returns equal strokes in another array."""
    same = augment_batch(PATHS, rng(), strength=0)
    np.testing.assert_array_equal(same, PATHS)
    assert not np.shares_memory(same, PATHS)


def test_the_same_generator_bends_the_same_way():
    """Augmentation follows its generator, and another seed bends otherwise."""
    first, again, other = (augment_batch(PATHS, rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_each_stroke_is_bent_on_its_own():
    """Copies of one stroke in a batch come out different."""
    twice = augment_batch(PATHS[[0, 0]], rng())
    assert not np.allclose(twice[0], twice[1])


def test_one_stroke_is_a_batch_of_one():
    """The function for one stroke is the batch's."""
    expected = augment_batch(PATHS[:1], rng())[0]
    np.testing.assert_array_equal(augment_stroke(PATHS[0], rng()), expected)


@settings(max_examples=30)
@given(st.floats(-100, 100), st.floats(0.01, 100), st.integers(0, 99))
def test_amounts_are_in_proportion_to_the_stroke(shift, scale, seed):
    """A stroke in other units, elsewhere, is bent in the same way."""
    expected = augment_batch(PATHS, rng(seed)) * scale + shift
    moved = augment_batch(PATHS * scale + shift, rng(seed))
    np.testing.assert_allclose(moved, expected, atol=1e-6 * max(scale, 1))


def test_more_strength_bends_more():
    """Four times the strength moves points two to five times as far."""
    low, high = (np.abs(augment_batch(PATHS, rng(), strength=s) - PATHS).mean() for s in (0.1, 0.4))
    assert 2 < high / low < 5


def test_trimming_keeps_a_straight_line_straight_and_even():
    """A line without its ends is a shorter line with even steps, within the allowed cut."""
    line = np.linspace([0.0, 0.0], [1.0, 2.0], 64)[None]
    trimmed = _trim_ends(np.repeat(line, 50, axis=0), rng(), 0.1)
    steps = np.diff(trimmed, axis=1)
    np.testing.assert_allclose(steps, steps[:, :1].repeat(63, axis=1), atol=1e-12)
    assert 0 <= trimmed[:, 0, 0].min() <= trimmed[:, 0, 0].max() <= 0.1
    assert 0.9 <= trimmed[:, -1, 0].min() <= trimmed[:, -1, 0].max() <= 1
    assert trimmed[:, 0, 0].max() > 0.05 < 1 - trimmed[:, -1, 0].min()


@given(st.integers(0, 999), st.floats(0.1, 4))
def test_the_linear_part_keeps_area_and_never_mirrors(seed, strength):
    """Stretch, shear and rotation have determinant 1: a gesture is never turned inside out."""
    determinant = np.linalg.det(_draw_matrices(20, rng(seed), strength))
    np.testing.assert_allclose(determinant, 1.0, atol=1e-9)


@pytest.mark.parametrize(
    ("points", "strength"), [(PATHS, -0.1), (PATHS, 5), (PATHS[0], 1), (PATHS[..., :1], 1)]
)
def test_senseless_requests_are_refused(points, strength):
    """Negative or absurd strength and arrays of another shape raise."""
    with pytest.raises(ValueError, match=r"strength must|shape"):
        augment_batch(points, rng(), strength=strength)


def test_shifted_images_keep_their_ink_inside_a_blank_border():
    """With paper all around, a shift moves the ink by at most two pixels and loses none."""
    images = np.zeros((30, 32, 32, 1), np.float32)
    images[:, 4:28, 4:28] = rng().random((30, 24, 24, 1), np.float32)
    shifted = shift_images(images, rng(3))
    np.testing.assert_allclose(shifted.sum((1, 2, 3)), images.sum((1, 2, 3)), rtol=1e-5)
    moves = {
        (down, right)
        for before, after in zip(images, shifted, strict=True)
        for down in range(-2, 3)
        for right in range(-2, 3)
        if np.array_equal(np.roll(before, (down, right), (0, 1)), after)
    }
    assert len(moves) > 10


def test_shifting_brings_in_paper_not_the_other_edge():
    """A full image that is moved has blank rows or columns, whole and at the edge."""
    shifted = shift_images(np.ones((40, 8, 8, 1), np.float32), rng())
    assert {0.0, 1.0} == set(np.unique(shifted))
    assert shifted[:, 2:-2, 2:-2].all()


@pytest.mark.slow
def test_an_epoch_is_drawn_in_under_half_a_second():
    """560 strokes are bent and drawn within the time that training allows for them."""
    paths = np.cumsum(rng().normal(size=(560, 64, 2)), axis=1)
    took = []
    for _ in range(3):
        start = time.perf_counter()
        rasterise_batch(augment_batch(paths, rng()))
        took.append(time.perf_counter() - start)
    assert min(took) < 0.5
