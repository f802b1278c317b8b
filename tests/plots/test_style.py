"""Figures carry their alt text and leave global settings alone."""

import matplotlib as mpl
import pytest

from tinyml_course.plots.style import draw_budget, new_axes, new_figure, show


def test_a_picture_holds_its_alt_text_escaped():
    """Quotes in the alt text can't break out of the attribute."""
    html = show(new_axes(), 'a "line" <b>')._repr_mimebundle_()["text/html"]
    assert 'alt="a &quot;line&quot; &lt;b&gt;"' in html


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_a_figure_without_alt_text_is_refused(alt):
    """Alt text is not optional."""
    with pytest.raises(ValueError, match="alt text"):
        show(new_axes(), alt)


def test_drawing_leaves_global_settings_alone():
    """The course's look ends with the figure."""
    before = dict(mpl.rcParams)
    figure, _ = new_figure(2, 2)
    show(figure, "four empty axes")
    assert dict(mpl.rcParams) == before


def test_a_budget_is_a_line_at_its_value():
    """The budget's line lies at the budget."""
    ax = new_axes()
    draw_budget(ax, 110.0, "110 KB")
    assert set(ax.lines[0].get_ydata()) == {110.0}
