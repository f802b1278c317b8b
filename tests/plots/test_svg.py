"""SVG of figures: the same text every time, ids that do not clash, colours that a page can set."""

import io
import re

import matplotlib as mpl
import numpy as np
import pytest

from tinyml_course.plots import new_figure
from tinyml_course.plots.svg import NO_METADATA, _trim_svg, render_svg


def scatter_figure(points=20):
    """Return a figure with markers, a clip path, a picture and text."""
    figure, (left, right) = new_figure(1, 2)
    left.plot(np.linspace(0, 1, points), np.linspace(0, 1, points) ** 2, "o-")
    left.set_title("x < 0.123456 & more")
    right.imshow(np.eye(4))
    return figure


def test_a_figure_renders_to_the_same_svg_every_time():
    """Two renderings of two equal figures are equal texts, without a date."""
    first, second = (render_svg(scatter_figure(), salt="a") for _ in range(2))
    assert first == second
    assert first.startswith("<svg")
    assert "<metadata" not in first


def test_ids_begin_with_the_salt_and_are_all_referred_to():
    """Every id starts with the salt, and the references are exactly the ids."""
    svg = render_svg(scatter_figure(), salt="a-line")
    ids = re.findall(r' id="([^"]+)"', svg)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    assert ids
    assert len(ids) == len(set(ids))
    assert set(ids) == used
    assert all(name.startswith("a-line-") for name in ids)


def test_text_stays_text_and_is_not_rounded():
    """A title is found as it was written, its digits too."""
    assert "x &lt; 0.123456 &amp; more" in render_svg(scatter_figure(), salt="a")


def test_coordinates_move_by_at_most_a_hundredth_of_a_point():
    """No coordinate of a path has more than two decimals."""
    svg = render_svg(scatter_figure(), salt="a")
    paths = re.findall(r' d="([^"]+)"', svg)
    assert paths
    assert not any(re.search(r"\.\d{3}", path) for path in paths)


def test_rendering_leaves_the_figure_as_it_was():
    """Backgrounds are transparent in the SVG and white in the figure afterwards."""
    figure = scatter_figure()
    svg = render_svg(figure, salt="a")
    assert "fill: #ffffff" not in svg
    assert figure.axes[0].patch.get_facecolor() == (1, 1, 1, 1)
    assert figure.get_facecolor() == (1, 1, 1, 1)


def log_figure():
    """Return a figure whose tick labels are formulas, with a legend and a bar chart below it."""
    figure, (upper, lower) = new_figure(2, 1, sharex=True)
    upper.plot([1, 10, 1000], [1e-3, 0.5, 20.0], label="$y = x^2$")
    upper.set(xscale="log", yscale="log", ylabel="ms", title="a long title on the left")
    upper.legend()
    lower.bar([1, 10, 1000], [1, 3, 2])
    return figure


def savefig_svg(figure, salt):
    """Return what matplotlib's own way of saving writes."""
    buffer = io.StringIO()
    for patch in (ax.patch for ax in figure.axes):
        patch.set_facecolor("none")
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(buffer, format="svg", metadata=NO_METADATA, facecolor="none")
    return _trim_svg(buffer.getvalue(), salt)


def test_every_text_names_the_same_three_fonts():
    """The long list of matplotlib's fallbacks stands nowhere, in no text's style."""
    svg = render_svg(log_figure(), salt="a")
    assert "DejaVu Sans, Verdana, sans-serif" in svg
    assert "Bitstream" not in svg


@pytest.mark.parametrize("make", [scatter_figure, log_figure])
def test_the_quick_way_draws_what_savefig_draws(make):
    """The element equals that of ``savefig`` to the byte, layout and formulas included."""
    assert savefig_svg(make(), "a") == render_svg(make(), salt="a")


def test_a_figure_is_saved_as_before_after_it_was_rendered():
    """Canvas and resolution are given back: the picture of a rendered figure has its full size."""
    figure = log_figure()
    before = (type(figure.canvas), figure.dpi)
    render_svg(figure, salt="a")
    assert before == (type(figure.canvas), figure.dpi)
