"""Strokes: checks, resampling, the JSON form."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinyml_course.core.errors import InvalidData
from tinyml_course.data import make_stroke, read_stroke_json, resample, write_stroke_json

COORDINATE = st.floats(-10, 10, allow_subnormal=False).map(lambda x: round(x, 3))
PATHS = arrays(np.float64, st.tuples(st.integers(2, 30), st.just(2)), elements=COORDINATE)

POINT = {"x": 0.0, "y": 1.0}
GOOD = {"index": 0, "label": "wing", "strokePoints": [POINT, {"x": 1.0, "y": 0.0}]}


def write_records(path, *records):
    """Write records as a stroke file and return its path."""
    path.write_text(json.dumps({"strokes": list(records)}))
    return path


@given(PATHS, st.integers(2, 80))
def test_resampling_keeps_both_ends_and_stays_on_the_path(points, count):
    """Both ends stay, and no stretch of the resampled path is longer than the path's share."""
    line = resample(points, count)
    total = np.hypot(*np.diff(points, axis=0).T).sum()
    assert (count, 2) == line.shape
    np.testing.assert_allclose(line[[0, -1]], points[[0, -1]], atol=1e-9)
    assert np.hypot(*np.diff(line, axis=0).T).max() <= total / (count - 1) + 1e-9


def test_resampling_forgets_the_speed():
    """The same shape drawn in a rush and with pauses gives the same points."""
    even = np.stack([np.linspace(0, 1, 11), np.zeros(11)], axis=1)
    uneven = even[[0, 0, 0, 1, 2, 3, 7, 7, 10, 10]]
    np.testing.assert_allclose(resample(uneven, 9), resample(even, 9), atol=1e-12)


@pytest.mark.parametrize("count", [2, 3, 9])
def test_a_stroke_that_stands_still_resamples_to_its_point(count):
    """No movement gives the same point again and again, not NaN."""
    still = np.full((5, 2), 0.3)
    np.testing.assert_array_equal(resample(still, count), np.full((count, 2), 0.3))


@settings(max_examples=25)
@given(st.lists(PATHS, min_size=1, max_size=4))
def test_written_strokes_read_back_the_same(tmp_path_factory, paths):
    """Points, labels and persons survive the file exactly."""
    file = tmp_path_factory.mktemp("strokes") / "mine.json"
    strokes = [make_stroke(p, f"class {i}", person=f"p{i}") for i, p in enumerate(paths)]
    write_stroke_json(file, strokes)
    back = read_stroke_json(file)
    assert [(s.label, s.person) for s in strokes] == [(s.label, s.person) for s in back]
    for wrote, read in zip(strokes, back, strict=True):
        np.testing.assert_array_equal(wrote.points, read.points)


def test_an_unknown_person_is_left_out_of_the_file(tmp_path):
    """A file without "person" reads as unknown, and writes without it again."""
    file = write_records(tmp_path / "a.json", GOOD)
    (stroke,) = read_stroke_json(file)
    write_stroke_json(tmp_path / "b.json", [stroke])
    assert "unknown" == stroke.person
    assert {"strokes": [GOOD]} == json.loads((tmp_path / "b.json").read_text())


def test_a_number_as_label_is_the_name_of_a_class(tmp_path):
    """A recorder that writes the digit 3 as a number means the class "3"."""
    (stroke,) = read_stroke_json(write_records(tmp_path / "a.json", {**GOOD, "label": 3}))
    assert "3" == stroke.label


BROKEN = {
    "empty stroke": ({**GOOD, "strokePoints": []}, "no points"),
    "single point": ({**GOOD, "strokePoints": [POINT]}, "1 point"),
    "not a number": ({**GOOD, "strokePoints": [POINT, {"x": float("nan"), "y": 0}]}, "point 1"),
    "infinite": ({**GOOD, "strokePoints": [{"x": 0, "y": float("inf")}, POINT]}, "point 0"),
    "huge": ({**GOOD, "strokePoints": [{"x": 10**400, "y": 0}, POINT]}, "pairs of numbers"),
    "missing y": ({**GOOD, "strokePoints": [POINT, {"x": 0}]}, "point 1"),
    "text point": ({**GOOD, "strokePoints": [POINT, {"x": "0", "y": 0}]}, "point 1"),
    "true as point": ({**GOOD, "strokePoints": [POINT, {"x": True, "y": 0}]}, "point 1"),
    "no points key": ({"label": "wing"}, "strokePoints"),
    "missing label": ({"strokePoints": GOOD["strokePoints"]}, "no label"),
    "null label": ({**GOOD, "label": None}, "no label"),
    "blank label": ({**GOOD, "label": " "}, "no label"),
    "label is a list": ({**GOOD, "label": ["wing"]}, "must be text"),
    "no object": ("wing", "need an object"),
}


@pytest.mark.parametrize(("record", "fault"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_record_is_named_with_its_file(tmp_path, record, fault):
    """The message names the file, the second record, and the fault."""
    file = write_records(tmp_path / "mine.json", GOOD, record)
    with pytest.raises(InvalidData) as caught:
        read_stroke_json(file)
    assert f"{file}, stroke 1" in str(caught.value)
    assert fault in str(caught.value)


def test_the_recorder_s_own_index_is_named_where_it_differs(tmp_path):
    """A record that was moved within its file can be found by its index."""
    file = write_records(tmp_path / "mine.json", {**GOOD, "index": 40, "strokePoints": []})
    with pytest.raises(InvalidData, match=r"stroke 0 \(index 40\)"):
        read_stroke_json(file)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "as JSON"),
        ("{", "as JSON"),
        ("[]", 'no list "strokes"'),
        ('{"strokes": {}}', 'no list "strokes"'),
        ('{"strokes": []}', "is empty"),
    ],
)
def test_a_file_without_strokes_is_refused(tmp_path, text, fault):
    """The message names the file and what is wrong with it."""
    file = tmp_path / "mine.json"
    file.write_text(text)
    with pytest.raises(InvalidData) as caught:
        read_stroke_json(file)
    assert str(file) in str(caught.value)
    assert fault in str(caught.value)


def test_binary_content_and_a_missing_file_are_refused(tmp_path):
    """Neither a picture named .json nor an absent file ends in a traceback of the decoder."""
    (tmp_path / "picture.json").write_bytes(b"\x89PNG\xff\xfe")
    for name in ("picture.json", "absent.json"):
        with pytest.raises(InvalidData, match=name):
            read_stroke_json(tmp_path / name)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    """Strokes are checked before the file is touched, and no temporary file stays."""
    file = write_records(tmp_path / "mine.json", GOOD)
    before = file.read_text()
    (stroke,) = read_stroke_json(file)
    stroke.points[0, 0] = np.nan
    with pytest.raises(InvalidData, match="point 0"):
        write_stroke_json(file, [stroke])
    with pytest.raises(InvalidData, match="no strokes"):
        write_stroke_json(file, [])
    assert before == file.read_text()
    assert [file] == list(tmp_path.iterdir())


def test_points_of_a_wrong_shape_are_refused():
    """Three coordinates a point are no pen path."""
    with pytest.raises(InvalidData, match=r"\(P, 2\)"):
        make_stroke(np.zeros((4, 3)), "wing")
