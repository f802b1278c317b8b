"""The palette is told apart by every reader, and stands out from its paper in both themes."""

import itertools
import re
import warnings
from importlib import resources

import numpy as np
import pytest

from tinyml_course.plots.style import BUDGET, FAINT, INK, MUTED, PALETTE, as_text

with np.printoptions():  # the library changes how NumPy prints, for every other test too
    colour = pytest.importorskip("colour", reason="colour-science is missing: make setup-dev")

WHITE = np.ones(3)
OF_WCAG = np.array([0.2126, 0.7152, 0.0722])
HUE_HALF_TURN = np.array([[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]])
"""`hue-rotate(180deg)` of W3C's Filter Effects, section 8.4: 2 * OF_LUMA - identity."""
DEFICIENCIES = ("Protanomaly", "Deuteranomaly", "Tritanomaly")


def parse(code):
    """Return sRGB in 0..1 of a hexadecimal colour."""
    return np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def to_linear(rgb):
    """Return linear light of sRGB."""
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(a, b):
    """Return WCAG 2.2's contrast ratio."""
    low, high = sorted(float(to_linear(c) @ OF_WCAG) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


def filter_dark(rgb):
    """Return `rgb` after the filter that experiments put over figures on dark pages."""
    css = (resources.files("tinyml_course.widgets") / "assets" / "static.css").read_text("utf-8")
    amount = float(re.search(r"invert\(([\d.]+)\) hue-rotate\(180deg\)", css)[1])
    inverted = np.clip(rgb * (1 - 2 * amount) + amount, 0, 1)
    return np.clip(HUE_HALF_TURN @ inverted, 0, 1)


def closest(codes, deficiency):
    """Return CIE's difference of the two colours that a reader can tell apart least."""
    light = to_linear(np.array([parse(code) for code in codes]))
    if deficiency != "none":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the model shifts a cone's response for tritanopia too
            seen = colour.blindness.matrix_cvd_Machado2009(deficiency, 1.0)
        light = np.clip(light @ np.asarray(seen).T, 0, 1)
    lab = colour.XYZ_to_Lab(colour.RGB_to_XYZ(light, "sRGB"))
    pairs = itertools.combinations(lab, 2)
    return min(float(colour.delta_E(a, b, method="CIE 2000")) for a, b in pairs)


@pytest.mark.parametrize("code", [*PALETTE, FAINT])
def test_marks_stand_out_from_white_and_from_dark_pages(code):
    """Three to one, WCAG 1.4.11, on white paper and after the experiments' dark filter."""
    assert contrast(parse(code), WHITE) >= 3
    assert contrast(filter_dark(parse(code)), filter_dark(WHITE)) >= 3


@pytest.mark.parametrize("code", [INK, MUTED, BUDGET])
def test_text_is_legible_in_both_themes(code):
    """Four and a half to one, WCAG 1.4.3."""
    assert contrast(parse(code), WHITE) >= 4.5
    assert contrast(filter_dark(parse(code)), filter_dark(WHITE)) >= 4.5


@pytest.mark.parametrize("code", [*PALETTE, "white", FAINT, MUTED])
def test_words_in_a_palette_colour_are_legible_in_both_themes(code):
    """Four and a half to one, also where the mark beside them needs only three."""
    found = parse(as_text(code))
    assert contrast(found, WHITE) >= 4.5
    assert contrast(filter_dark(found), filter_dark(WHITE)) >= 4.5


def test_a_legible_colour_stays_as_it_is():
    """Text that has the contrast already is not darkened."""
    assert [as_text(code) for code in (INK, MUTED, BUDGET)] == [
        code.lower() for code in (INK, MUTED, BUDGET)
    ]


@pytest.mark.parametrize("deficiency", ["none", *DEFICIENCIES])
def test_any_two_colours_are_told_apart(deficiency):
    """At full severity any two differ by ten units; one unit is just visible side by side."""
    assert closest(PALETTE, deficiency) >= 10


def test_the_checks_refuse_what_they_are_there_for():
    """Okabe and Ito's own orange is too pale; a red and a green of one lightness are one."""
    assert contrast(parse("#E69F00"), WHITE) < 3
    assert (
        closest(["#C23B22", "#7A6A1B"], "Deuteranomaly")
        < 10
        < closest(["#C23B22", "#7A6A1B"], "none")
    )


def test_the_filter_is_the_standard_s():
    """A half turn of the hue twice gives the colour back, and grey stays grey."""
    assert np.allclose(HUE_HALF_TURN @ HUE_HALF_TURN, np.eye(3), atol=0.01)
    assert np.allclose(HUE_HALF_TURN @ WHITE, WHITE, atol=0.01)
