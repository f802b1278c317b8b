"""Formulas as MathML."""

import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("latex2mathml", reason="latex2mathml is not installed")

from tinyml_course.bookbuild.mathml import to_mathml

MATHML = "{http://www.w3.org/1998/Math/MathML}"
CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"


def words(formula: str) -> str:
    return "".join(ET.fromstring(formula).itertext())


@pytest.mark.parametrize(
    ("tex", "tag"),
    [(r"\frac{a}{b}", "mfrac"), (r"\sqrt{8}", "msqrt"), ("T^2", "msup"), ("x_k", "msub")],
)
def test_each_construct_becomes_its_element(tex, tag):
    """A fraction, root, power or index becomes the element that browsers lay out."""
    assert ET.fromstring(to_mathml(tex)).find(f".//{MATHML}{tag}") is not None


def test_a_displayed_formula_says_so():
    """A formula on a line of its own is set in display style, one in a sentence is not."""
    shown = [ET.fromstring(to_mathml("s", display=flag)).get("display") for flag in (True, False)]
    assert ["block", "inline"] == shown


def test_no_formula_of_the_chapters_leaves_a_command_unread():
    """No backslash of LaTeX survives in any displayed formula of the course."""
    left = {}
    for path in sorted(CHAPTERS.glob("*/*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        for cell in (cell for cell in cells if cell.cell_type == "markdown"):
            for tex in cell.source.split("$$")[1::2]:
                text = words(to_mathml(tex, display=True))
                if "\\" in text:
                    left[path.name] = text
    assert {} == left
