"""Docstrings as the reference shows them."""

import pytest

from tinyml_course.bookbuild.docstrings import edit_docstring, split_shared

HEAD = ["A plan.", "", "Attributes", "----------"]
TEXT = ["    Ends of the range,", "    in the tensor's unit."]
LAST = ["steps", "    How many.", "", "More about it."]


def test_attributes_that_share_a_description_get_one_each():
    """Names, type and every line of the description are kept, in order; the rest stays."""
    expected = [*HEAD, "low : float", *TEXT, "high : float", *TEXT, *LAST]
    assert expected == split_shared([*HEAD, "low, high : float", *TEXT, *LAST])


@pytest.mark.parametrize(
    "lines", [["A plan."], [], ["Parameters", "----------", "a, b : int", "    Sides."]]
)
def test_other_docstrings_stay_as_they_are(lines):
    """Without attributes there is nothing to split: parameters are napoleon's."""
    assert lines == split_shared(list(lines))


@pytest.mark.parametrize(("what", "before"), [("data", [""]), ("function", [])])
def test_a_colon_in_a_constants_text_is_no_type(what, before):
    """An empty line in front keeps the text whole."""
    lines = ["In steps: far above."]
    edit_docstring(None, what, "x", None, None, lines)
    assert [*before, "In steps: far above."] == lines
