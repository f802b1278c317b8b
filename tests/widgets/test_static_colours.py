"""Colours of figures on a dark page: the filter of the stylesheet, computed as browsers do."""

import re
from importlib import resources

import numpy as np
import pytest

from tinyml_course.plots.style import BUDGET, INK, MUTED, PALETTE

CSS = (resources.files("tinyml_course.widgets") / "assets" / "static.css").read_text("utf-8")
TURN = np.array([[0.213, 0.715, 0.072]] * 3) * 2 - np.eye(3)
"""``hue-rotate(180deg)``: Filter Effects Module Level 1, section 8.5, with cosine -1 and sine 0."""


def parse_colour(text):
    """Return `#rrggbb` as three numbers from 0 to 1."""
    return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def darken(colour):
    """Return what the stylesheet's filter makes of a figure's colour on a dark page."""
    found = re.findall(r"--tx-figure: invert\(([\d.]+)\) hue-rotate\(180deg\)", CSS)
    amount = {float(text) for text in found}
    assert len(amount) == 1, "the two dark rules must agree"
    share = amount.pop()
    return np.clip(TURN @ (colour * (1 - 2 * share) + share), 0, 1)


def contrast(one, other):
    """Return the contrast ratio of two colours (WCAG 2.2, relative luminance)."""

    def luminance(colour):
        linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def dark_paper():
    """Return the stylesheet's paper on dark pages."""
    (found,) = set(re.findall(r"--tx-paper: (#[0-9a-f]{6})", CSS)) - {"#ffffff"}
    return parse_colour(found)


def test_the_contrast_ratio_is_that_of_the_guidelines():
    """White on black is 21, and the known grey #767676 on white is just above 4.5."""
    assert contrast(np.ones(3), np.zeros(3)) == pytest.approx(21)
    assert contrast(parse_colour("#767676"), np.ones(3)) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("colour", PALETTE)
def test_lines_and_bars_stand_out_from_a_dark_page(colour):
    """Each colour of the palette has at least the 3:1 that graphics need."""
    assert contrast(darken(parse_colour(colour)), dark_paper()) >= 3


@pytest.mark.parametrize("colour", [INK, MUTED, BUDGET])
def test_text_is_legible_on_both_pages(colour):
    """The inks have at least the 4.5:1 that text needs, on white and on dark."""
    assert contrast(parse_colour(colour), np.ones(3)) >= 4.5
    assert contrast(darken(parse_colour(colour)), dark_paper()) >= 4.5


def test_white_boxes_melt_into_the_dark_page():
    """A figure's white becomes the page's paper to within one step of 255."""
    assert np.abs(darken(np.ones(3)) - dark_paper()).max() <= 1 / 255
