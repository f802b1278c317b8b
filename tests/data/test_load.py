"""The one entrance for gestures."""

import numpy as np
import pytest
from PIL import Image

from tinyml_course.core.errors import InvalidData
from tinyml_course.data import draw_gestures, draw_stroke, load_gestures, write_stroke_json
from tinyml_course.data.magic_wand import VARIABLE

STROKES = [draw_stroke(name, index=index) for index in range(3) for name in ("wing", "ring")]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A file with three wings and three rings."""
    path = tmp_path_factory.mktemp("recording") / "mine.json"
    write_stroke_json(path, STROKES)
    return path


def refusal(source, **options):
    """Return the message with which a source is refused."""
    with pytest.raises(InvalidData) as caught:
        load_gestures(source, **options)
    return str(caught.value)


def test_synthetic_needs_no_files_and_follows_the_seed():
    """The three gestures come from the generator, with its seed."""
    gestures = load_gestures("synthetic", seed=3)
    drawn = draw_gestures(samples_per_class=2, seed=3)
    np.testing.assert_array_equal(gestures.images[: len(drawn)], drawn.images)
    assert ("wing", "ring", "slope") == gestures.class_names


def test_synthetic_digits_are_the_harder_set():
    """The digits come from ten persons, 100 of each."""
    gestures = load_gestures("synthetic:digits", classes=("3", "8"))
    assert ("3", "8") == gestures.class_names
    assert 10 == len(set(gestures.persons))
    assert 200 == len(gestures)


def test_a_file_and_its_folder_give_the_same(recording):
    """A recording loads by its own name and by its folder's, as text or as path."""
    file, folder = load_gestures(str(recording)), load_gestures(recording.parent)
    assert 6 == len(file)
    assert file.fingerprint == folder.fingerprint


def test_files_of_a_folder_are_merged_in_order(tmp_path):
    """Classes recorded in files of their own become one set; other files don't matter."""
    write_stroke_json(tmp_path / "b.json", [s for s in STROKES if s.label == "wing"])
    write_stroke_json(tmp_path / "a.json", [s for s in STROKES if s.label == "ring"])
    (tmp_path / "LICENSE").write_text("free")
    gestures = load_gestures(tmp_path)
    assert ("ring", "wing") == gestures.class_names
    assert [0, 0, 0, 1, 1, 1] == gestures.labels.tolist()


def test_a_folder_of_images_loads(tmp_path):
    """A folder with a subfolder for each class is read as images."""
    for name in ("ring", "wing"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.eye(20, dtype=np.uint8) * 255).save(tmp_path / name / "0.png")
    assert ("ring", "wing") == load_gestures(tmp_path).class_names


def test_magic_wand_reads_the_local_copy(recordings, monkeypatch):
    """The source by name follows the environment variable."""
    monkeypatch.setenv(VARIABLE, str(recordings.parent))
    assert 141 == len(load_gestures("magic-wand", classes=["1", "7"]))


def test_classes_select_and_order(recording):
    """Labels follow the order asked for, and images stay with their labels."""
    plain, turned = load_gestures(recording), load_gestures(recording, classes=("wing", "ring"))
    assert ("ring", "wing") == plain.class_names
    assert ("wing", "ring") == turned.class_names
    np.testing.assert_array_equal(1 - plain.labels, turned.labels)
    np.testing.assert_array_equal(plain.images, turned.images)


def test_classes_that_are_left_out_take_their_samples_along(tmp_path):
    """Two of three classes keep their own strokes under the labels asked for."""
    write_stroke_json(tmp_path / "mine.json", [*STROKES, draw_stroke("slope")])
    few = load_gestures(tmp_path, classes=("slope", "wing"))
    assert 4 == len(few)
    assert ("slope", "wing") == few.class_names
    assert [few.class_names[label] for label in few.labels] == [s.label for s in few.strokes]


def test_an_unknown_class_is_refused_with_the_list(recording):
    """The message names the class that is missing and those that are there."""
    message = refusal(recording, classes=("wing", "star"))
    assert "'star'" in message
    assert "ring, wing" in message


def test_a_class_named_twice_or_none_is_refused(recording):
    """Both would make a model with senseless outputs."""
    assert "twice" in refusal(recording, classes=("wing", "wing"))
    assert "ring, wing" in refusal(recording, classes=())


def test_one_class_only_is_refused(recording, tmp_path):
    """Whether the recording has one class or one is chosen, the message says to add another."""
    write_stroke_json(tmp_path / "one.json", STROKES[:1])
    for message in (refusal(tmp_path / "one.json"), refusal(recording, classes=("wing",))):
        assert "'wing'" in message
        assert "2 or more" in message


@pytest.mark.parametrize("inside", ["notes.txt", "wing/notes.txt"])
def test_a_folder_of_text_files_is_refused(tmp_path, inside):
    """The message names the folder, a file in it, and what would be read."""
    (tmp_path / inside).parent.mkdir(exist_ok=True)
    (tmp_path / inside).write_text("x")
    message = refusal(tmp_path)
    assert str(tmp_path) in message
    assert inside in message
    assert "stroke JSON" in message


def test_an_empty_folder_and_a_missing_path_are_refused(tmp_path):
    """The message names the path and the sources there are."""
    assert "it is empty" in refusal(tmp_path)
    message = refusal(tmp_path / "absent")
    assert "absent" in message
    assert "synthetic:digits" in message


def test_a_file_that_is_no_json_is_refused(tmp_path):
    """A text file is named, with the sources there are."""
    (tmp_path / "notes.txt").write_text("x")
    assert "notes.txt is no stroke JSON" in refusal(tmp_path / "notes.txt")


def test_strokes_and_images_in_one_folder_are_refused(tmp_path):
    """Neither kind is dropped in silence."""
    write_stroke_json(tmp_path / "mine.json", STROKES)
    (tmp_path / "wing").mkdir()
    Image.fromarray(np.eye(9, dtype=np.uint8)).save(tmp_path / "wing" / "0.png")
    assert "move one kind" in refusal(tmp_path)


def test_a_broken_file_among_good_ones_is_named(tmp_path):
    """A folder with one JSON of another kind is refused as a whole."""
    write_stroke_json(tmp_path / "good.json", STROKES)
    (tmp_path / "settings.json").write_text("{}")
    assert "settings.json" in refusal(tmp_path)
