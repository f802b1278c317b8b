"""Pages from templates."""

import pytest
from jinja2 import UndefinedError

from tinyml_course.pipeline.outputs import render_page


def test_a_page_with_a_value_missing_is_an_error():
    """A report never shows an empty place where a figure belongs."""
    with pytest.raises(UndefinedError):
        render_page("job.html.jinja")
