"""The rasteriser."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinyml_course.core.errors import InvalidData
from tinyml_course.data import gestures_from_strokes, make_stroke, rasterise, rasterise_batch
from tinyml_course.data.raster import MAX_POINTS

GRID = st.integers(-20, 20).map(float)
PATHS = arrays(np.float64, st.tuples(st.integers(2, MAX_POINTS), st.just(2)), elements=GRID)


def draw_by_hand(points, size, margin, width):
    """Return the image by the textbook's distance to a segment, one pixel at a time."""
    low, high = points.min(0), points.max(0)
    extent = (high - low).max()
    scale = (size - 2 * margin) / extent if extent else 0.0
    path = (points - (low + high) / 2) * scale
    image = np.zeros((size, size, 1))
    for row in range(size):
        for column in range(size):
            pixel = np.array([column - (size - 1) / 2, (size - 1) / 2 - row])
            nearest = np.inf
            for a, b in pairwise(path):
                square = (b - a) @ (b - a)
                t = np.clip((pixel - a) @ (b - a) / square, 0, 1) if square else 0.0
                nearest = min(nearest, np.linalg.norm(pixel - a - t * (b - a)))
            image[row, column] = np.clip(width / 2 + 0.5 - nearest, 0, 1)
    return image


@settings(max_examples=15)
@given(arrays(np.float64, st.tuples(st.integers(2, 6), st.just(2)), elements=GRID))
def test_every_pixel_has_the_ink_of_its_distance_to_the_path(points):
    """The vectorised image equals the textbook's, pixel by pixel."""
    expected = draw_by_hand(points, 9, 1.5, 1.4)
    np.testing.assert_allclose(
        rasterise(points, size=9, margin=1.5, width=1.4), expected, atol=1e-5
    )


@settings(max_examples=30)
@given(PATHS, st.floats(-50, 50), st.floats(-50, 50), st.floats(0.01, 100))
def test_place_and_size_of_the_gesture_leave_no_trace(points, dx, dy, scale):
    """A moved and scaled stroke gives the same image, up to float32 rounding."""
    moved = points * scale + (dx, dy)
    np.testing.assert_allclose(rasterise(moved), rasterise(points), atol=2e-3)


@settings(max_examples=30)
@given(PATHS)
def test_ink_is_between_paper_and_full(points):
    """Values are float32 in [0, 1], and a stroke always leaves full ink somewhere."""
    image = rasterise(points)
    assert ((32, 32, 1), np.float32) == (image.shape, image.dtype)
    assert 0 <= image.min()
    assert 1 == pytest.approx(image.max(), abs=0.25)


@settings(max_examples=15)
@given(st.lists(PATHS, min_size=1, max_size=5))
def test_a_batch_equals_its_strokes_bit_for_bit(paths):
    """Whether a stroke is drawn alone or among others doesn't change a bit."""
    expected = np.stack([rasterise(points) for points in paths])
    np.testing.assert_array_equal(rasterise_batch(paths), expected)


def test_up_is_up_and_right_is_right():
    """An L has its upright on the left and its foot at the bottom of the image."""
    image = rasterise(np.array([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]))[:, :, 0]
    assert image[:16, :16].sum() > 20
    assert image[16:, 16:].sum() > 20
    assert 0 == image[:14, 18:].sum()


def test_the_direction_of_drawing_does_not_matter():
    """A stroke drawn backwards covers the same paper."""
    points = np.random.default_rng(1).normal(size=(20, 2))
    np.testing.assert_allclose(rasterise(points[::-1]), rasterise(points), atol=1e-5)


@pytest.mark.parametrize("where", [0.0, 1e6, -3e-12])
def test_a_stroke_that_stands_still_is_a_dot_in_the_middle(where):
    """A dot has the same ink in all four quarters, and nothing at the border."""
    image = rasterise(np.full((7, 2), where))[:, :, 0]
    np.testing.assert_array_equal(image, image[::-1])
    np.testing.assert_array_equal(image, image.T)
    assert 0 < image.sum() < 10
    assert 0 == image[:12].sum()


def test_the_longer_side_fills_the_frame_and_the_shorter_keeps_its_share():
    """A 4:1 stroke spans the image minus the margins across, a quarter of it upwards."""
    image = rasterise(np.array([[0.0, 0.0], [4.0, 1.0]]), margin=4.0, width=1.0)[:, :, 0]
    columns, rows = np.flatnonzero(image.max(0) > 0.3), np.flatnonzero(image.max(1) > 0.3)
    assert 24 == pytest.approx(np.ptp(columns), abs=1)
    assert 6 == pytest.approx(np.ptp(rows), abs=1)


def test_a_stroke_of_many_points_looks_like_one_of_few():
    """A straight line recorded at 1,000 points equals the line of its two ends."""
    line = np.array([[0.0, 0.0], [3.0, 1.0]])
    dense = np.linspace(line[0], line[1], 1000)
    np.testing.assert_allclose(rasterise(dense), rasterise(line), atol=1e-4)


@pytest.mark.parametrize("options", [{"margin": 16}, {"margin": -1}, {"width": 0}])
def test_a_frame_without_room_is_refused(options):
    """Margins that meet and lines without width raise, with the value."""
    with pytest.raises(ValueError, match=str(next(iter(options.values())))):
        rasterise(np.array([[0.0, 0.0], [1.0, 1.0]]), **options)


def test_classes_are_ordered_as_people_count():
    """Numbers come by value, then names by alphabet, whatever the order of recording."""
    line = [[0, 0], [1, 1]]
    strokes = [make_stroke(line, label) for label in ("wing", "10", "9", "ring")]
    gestures = gestures_from_strokes(strokes)
    assert ("9", "10", "ring", "wing") == gestures.class_names
    assert [3, 1, 0, 2] == gestures.labels.tolist()


def test_a_label_outside_the_given_classes_is_refused():
    """No stroke is dropped because its class was not named."""
    strokes = [make_stroke([[0, 0], [1, 1]], label) for label in ("wing", "ring")]
    with pytest.raises(InvalidData, match="wing"):
        gestures_from_strokes(strokes, class_names=("ring", "slope"))
    with pytest.raises(InvalidData, match="no strokes"):
        gestures_from_strokes([])
