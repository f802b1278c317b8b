"""The look of every figure: palette, fresh axes, and display with alt text."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#884E1B", "#0094F0", "#000000")
"""Okabe and Ito's colours, told apart by colour-blind readers; blue first.

Their orange and sky blue are darker here: on white, those have a contrast of 2.3 to 1, and WCAG
2.2 (1.4.11) asks for 3 of what a figure's reader must see.
"""

INK = "#222222"
MUTED = "#6b6b6b"
FAINT = "#8C8C8C"
"""Of marks that only stand behind others: still 3 to 1 on white."""
BUDGET = "#B00020"
"""Colour of every budget line."""

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
"""Shares of linear red, green and blue in relative luminance; WCAG 2.2."""
TEXT_CONTRAST = 4.6
"""What `as_text` reaches on white: WCAG 2.2 (1.4.3) asks for 4.5, and codes are rounded."""

STYLE: dict[str, Any] = {
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.facecolor": "white",
    "font.size": 10,
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


@contextmanager
def course_style() -> Iterator[None]:
    """Apply the course's look inside a block; global settings stay as they were."""
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        yield


@cache
def as_text(colour: str) -> str:
    """Return `colour` as words may bear it: darkened as far as WCAG asks of text on white.

    Lines and areas need a contrast of 3 to 1, words one of 4.5 (1.4.11 and 1.4.3 of WCAG 2.2).

    Parameters
    ----------
    colour : str
        Anything that matplotlib takes for a colour.

    Returns
    -------
    str
        A hexadecimal code; the colour itself where that is legible.

    Examples
    --------
    >>> as_text("#222222"), as_text("#0094F0") == "#0094F0"
    ('#222222', False)
    """
    light = _linear(np.array(to_rgb(colour)))
    darkest = 1.05 / TEXT_CONTRAST - 0.05
    light = light * min(1.0, darkest / float(light @ LUMINANCE)) if light.any() else light
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return to_hex(tuple(encoded.tolist()))


def _linear(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return linear light of sRGB in [0, 1]; IEC 61966-2-1."""
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def new_figure(
    rows: int = 1, columns: int = 1, *, width: float = 6.4, height: float = 3.6, **options: Any
) -> tuple[Figure, Any]:
    """Return a figure that pyplot does not know, and its axes as `Figure.subplots` returns them.

    Parameters
    ----------
    rows, columns : int
        Grid of axes.
    width, height : float
        Size of the figure in inches.
    **options
        For `Figure.subplots`: `sharex`, `width_ratios`, ...
    """
    with course_style():
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(rows, columns, **options)


def new_axes(*, width: float = 6.4, height: float = 3.6) -> Axes:
    """Return fresh axes in the course's look."""
    axes: Axes = new_figure(width=width, height=height)[1]
    return axes


def axes_or_new(ax: Axes | None, *, width: float = 6.4, height: float = 3.6) -> Axes:
    """Return `ax`, or fresh axes where it is None."""
    return new_axes(width=width, height=height) if ax is None else ax


def draw_budget(ax: Axes, value: float, label: str, *, horizontal: bool = True) -> None:
    """Draw a budget as a dashed red line with its label on it."""
    draw = ax.axhline if horizontal else ax.axvline
    draw(value, color=BUDGET, linestyle="--", linewidth=1.2)
    if horizontal:
        ax.annotate(
            label, (0.01, value), xycoords=("axes fraction", "data"), xytext=(0, 3),
            textcoords="offset points", color=BUDGET, fontsize=9, va="bottom",
        )  # fmt: skip
    else:
        ax.annotate(
            label, (value, 0.99), xycoords=("data", "axes fraction"), xytext=(3, 0),
            textcoords="offset points", color=BUDGET, fontsize=9, va="top",
        )  # fmt: skip


def render_png(figure: Figure, *, dpi: int = 110) -> bytes:
    """Return `figure` as PNG bytes on white, legible on light and dark pages."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white")
    return buffer.getvalue()


def img_tag(png: bytes, alt: str) -> str:
    """Return an HTML `<img>` that holds the picture itself and its alt text.

    Raises
    ------
    ValueError
        If the alt text is empty.
    """
    if not alt.strip():
        raise ValueError("every figure needs alt text that says what it shows, got an empty one")
    data = base64.b64encode(png).decode()
    return (
        f'<img alt="{html.escape(alt, quote=True)}" style="max-width:100%;height:auto" '
        f'src="data:image/png;base64,{data}">'
    )


@dataclass(frozen=True, slots=True)
class Picture:
    """A rendered figure with its alt text; notebooks and the book display it."""

    png: bytes
    alt: str

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/html": img_tag(self.png, self.alt), "text/plain": f"Figure: {self.alt}"}


def show(drawn: Axes | Figure, alt: str) -> Picture:
    """Return `drawn` as a picture that a notebook shows, with its alt text.

    Raises
    ------
    ValueError
        If the alt text is empty.
    """
    figure = drawn if isinstance(drawn, Figure) else drawn.get_figure(root=True)
    if figure is None:
        raise ValueError("these axes belong to no figure; draw on axes of `new_figure()`")
    if not alt.strip():
        raise ValueError("every figure needs alt text that says what it shows, got an empty one")
    return Picture(render_png(figure), alt)
