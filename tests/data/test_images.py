"""Image folders."""

import numpy as np
import pytest
from PIL import Image

from tinyml_course.core.errors import InvalidData
from tinyml_course.data import rasterise, read_image, read_image_folder

INK = rasterise(np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 0.0], [2.0, 2.0]]))
GRAY = np.round(INK[:, :, 0] * 255).astype(np.uint8)


def save(path, array, mode=None):
    """Write an array as an image and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array, mode).save(path)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp"])
@pytest.mark.parametrize("invert", [False, True])
def test_a_raster_saved_as_an_image_reads_back_exactly(tmp_path, suffix, invert):
    """Light on dark and dark on light give the same ink, to the last of 256 levels."""
    path = save(tmp_path / f"a.{suffix}", 255 - GRAY if invert else GRAY)
    np.testing.assert_allclose(read_image(path)[:, :, 0], GRAY / 255, atol=1e-6)


def test_a_colour_photograph_with_weak_contrast_is_stretched(tmp_path):
    """Gray ink on beige paper as a JPEG comes close to the full scale of the drawing."""
    paper, pen = np.array([230, 220, 190]), np.array([90, 90, 110])
    share = (GRAY / 255)[:, :, None]
    photograph = np.kron(paper + share * (pen - paper), np.ones((8, 8, 1))).astype(np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(photograph).save(path, quality=90)
    assert np.abs(read_image(path) - INK).mean() < 0.05


@pytest.mark.parametrize("pen", [0, 255])
def test_a_transparent_ground_is_paper(tmp_path, pen):
    """A drawing exported without background reads the same in black and in white ink."""
    picture = np.dstack([np.full((32, 32), pen, np.uint8), GRAY])
    path = tmp_path / "a.png"
    Image.fromarray(picture, "LA").save(path)
    np.testing.assert_allclose(read_image(path)[:, :, 0], GRAY / 255, atol=1e-6)


def test_sixteen_bits_keep_their_shades(tmp_path):
    """A deep image is scaled, not clipped."""
    path = save(tmp_path / "a.png", GRAY.astype(np.uint16) * 200)
    np.testing.assert_allclose(read_image(path)[:, :, 0], GRAY / 255, atol=1e-4)


def test_the_aspect_is_kept_and_the_rest_is_paper(tmp_path):
    """A wide image fills the width and stands in the middle of the height."""
    wide = np.zeros((20, 80), np.uint8)
    wide[8:12, 1:79] = 255
    image = read_image(save(tmp_path / "a.png", wide))[:, :, 0]
    assert np.flatnonzero(image.max(1) > 0.5).tolist() == [15, 16]
    assert 31 == np.ptp(np.flatnonzero(image.max(0) > 0.3))


def test_a_large_image_keeps_its_thin_lines(tmp_path):
    """A line one pixel wide in 640 is still full ink in 32."""
    large = np.full((640, 640), 255, np.uint8)
    large[:, 300] = 0
    assert 1 == read_image(save(tmp_path / "a.png", large)).max()


def test_subfolders_are_the_classes(tmp_path):
    """Labels follow the folders' names, hidden files are left out, persons are unknown."""
    for name, count in {"ring": 2, "10": 1, "9": 3}.items():
        for number in range(count):
            save(tmp_path / name / f"{number}.PNG", GRAY)
    (tmp_path / "ring" / ".DS_Store").write_text("x")
    (tmp_path / ".cache").mkdir()
    gestures = read_image_folder(tmp_path)
    assert ("9", "10", "ring") == gestures.class_names
    assert [0, 0, 0, 1, 2, 2] == gestures.labels.tolist()
    assert {"unknown"} == set(gestures.persons)
    assert () == gestures.strokes


def two_classes(tmp_path):
    """Return a sound folder with two classes."""
    save(tmp_path / "ring" / "0.png", GRAY)
    save(tmp_path / "wing" / "0.png", GRAY)
    return tmp_path


def expect_refusal(folder, *words):
    """Check that the message holds all the words."""
    with pytest.raises(InvalidData) as caught:
        read_image_folder(folder)
    assert [] == [word for word in words if word not in str(caught.value)]


def test_an_unreadable_image_is_named(tmp_path):
    """A text file with an image's name, and a file cut off in the middle, are named."""
    bad = two_classes(tmp_path) / "wing" / "1.png"
    bad.write_text("no image")
    expect_refusal(tmp_path, str(bad), "remove it")
    bad.write_bytes((tmp_path / "wing" / "0.png").read_bytes()[:90])
    expect_refusal(tmp_path, str(bad), "remove it")


def test_a_blank_image_is_named(tmp_path):
    """An image without ink is an error rather than an empty sample."""
    bad = save(two_classes(tmp_path) / "wing" / "1.png", np.full((9, 9), 70, np.uint8))
    expect_refusal(tmp_path, str(bad), "shows nothing")


def test_an_empty_class_is_named(tmp_path):
    """A subfolder without images is an error rather than a class without samples."""
    (two_classes(tmp_path) / "slope").mkdir()
    expect_refusal(tmp_path, str(tmp_path / "slope"), "is empty")


def test_a_file_of_another_kind_is_named(tmp_path):
    """Notes among the images are not dropped in silence."""
    (two_classes(tmp_path) / "wing" / "notes.txt").write_text("x")
    expect_refusal(tmp_path, "notes.txt", "is no image")


def test_images_outside_a_class_and_a_single_class_are_refused(tmp_path):
    """Loose images belong to no class, and one subfolder is no task."""
    save(tmp_path / "wing" / "0.png", GRAY)
    expect_refusal(tmp_path, "1 subfolder")
    save(tmp_path / "loose.png", GRAY)
    expect_refusal(tmp_path, "loose.png", "no class")
