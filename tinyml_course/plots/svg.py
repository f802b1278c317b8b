"""A figure as an SVG element for a web page, written fast enough for hundreds of them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG, RendererSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

FONTS = "DejaVu Sans, Verdana, sans-serif"
"""What a page's figures are set in: matplotlib's own face, else one as wide, else any."""

NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))

POINTS_PER_INCH = 72


def render_svg(figure: Figure, *, salt: str) -> str:
    """Return `figure` as an `<svg>` element to put into a page, the same text every time.

    Text stays text, figure and axes have no background of their own, coordinates are rounded
    to a hundredth of a point, and only elements that are referred to keep an id. The drawing is
    that of ``Figure.savefig``, in a third of its time: texts are measured once for all figures,
    and the layout is followed by one draw in the place of two.

    Parameters
    ----------
    figure : Figure
        Left as it is, but for the places that its layout gives to the axes.
    salt : str
        Begins every id, so that the ids of two figures on a page differ: a letter, then
        letters, digits and hyphens.
    """
    style = {"svg.fonttype": "none", "svg.hashsalt": salt}
    with mpl.rc_context(style), _without_background(figure):
        return _trim_svg(_write_svg(figure), salt)


@contextmanager
def _without_background(figure: Figure) -> Iterator[None]:
    """Make the figure's background and its white axes transparent inside a block."""
    white = [ax.patch for ax in figure.axes if ax.patch.get_facecolor() == (1, 1, 1, 1)]
    changed = [(patch, patch.get_facecolor()) for patch in (figure.patch, *white)]
    try:
        for patch, _ in changed:
            patch.set_facecolor("none")
        yield
    finally:
        for patch, colour in changed:
            patch.set_facecolor(colour)


def _write_svg(figure: Figure) -> str:
    """Return what ``figure.savefig(format="svg")`` writes; no part of it may be rasterised."""
    buffer = io.StringIO()
    canvas, dpi = figure.canvas, figure.dpi
    width, height = (float(inches) * POINTS_PER_INCH for inches in figure.get_size_inches())
    renderer = _Writer(width, height, buffer, image_dpi=dpi, metadata=NO_METADATA)
    try:
        _Canvas(figure).writer = renderer
        figure.dpi = POINTS_PER_INCH
        figure.draw(renderer)
        renderer.finalize()
    finally:
        figure.dpi = dpi
        figure.set_canvas(canvas)
    return buffer.getvalue()


class _Canvas(FigureCanvasSVG):
    """A canvas that hands the layout its writer; matplotlib would else make one a layout."""

    writer: _Writer

    def get_renderer(self) -> _Writer:
        return self.writer


class _Writer(RendererSVG):
    """Matplotlib's writer of SVG with the widths of texts, and parsed formulas, kept."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._text2path = _shared_texts()

    def get_text_width_height_descent(
        self, s: str, prop: FontProperties, ismath: Any
    ) -> tuple[float, float, float]:
        return _measure_text(s, prop.copy(), ismath)


@cache
def _shared_texts() -> TextToPath:
    """Return one reader of fonts for all figures: each of its own would parse formulas anew."""
    return TextToPath()


@lru_cache(maxsize=20_000)
def _measure_text(text: str, font: FontProperties, ismath: Any) -> tuple[float, float, float]:
    """Return width, height and descent in points; `font` must not change afterwards."""
    measured: tuple[float, float, float] = _shared_texts().get_text_width_height_descent(
        text, font, ismath
    )
    return measured


def _trim_svg(svg: str, salt: str) -> str:
    """Return the `<svg>` element of a file of matplotlib's, without what a page does not need."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->\n?|<metadata.*?</metadata>\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r"(?:(?<=px )|(?<=family: ))'DejaVu Sans'[^;\"]*sans-serif", FONTS, svg)
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda m: f' id="{salt}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r"(url\(#|href=\"#)", rf"\g<1>{salt}-", svg)
    return re.sub(r' (?:d|x|y|transform)="[^"]+"', lambda m: _round_numbers(m[0]), svg).strip()


def _round_numbers(attribute: str) -> str:
    return re.sub(r"\d+\.\d{3,}", lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), attribute)
