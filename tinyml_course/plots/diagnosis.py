"""Figures of the diagnosis: where the signal is lost, ranges, weights and channels by layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from tinyml_course.plots.style import INK, MUTED, PALETTE, as_text, axes_or_new

MOST_DB = 70.0
"""Top of the axis; an exact tensor has no finite ratio."""


def plot_sqnr(
    layers: Sequence[str],
    sqnr_db: Sequence[float],
    limit_db: Sequence[float],
    *,
    healthy_db: Sequence[float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the signal-to-quantization-noise ratio after each layer.

    Parameters
    ----------
    layers : sequence of str
        L names, in execution order.
    sqnr_db : (L,) float
        Measured ratio; values off the axis, infinite ones too, are drawn at its end.
    limit_db : (L,) float
        What rounding this output alone would leave.
    healthy_db : (L,) float, optional
        The same model without a fault.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, height=3.4)
    places = np.arange(len(layers))
    axes.plot(places, _on_axis(limit_db), ":", color=MUTED)
    labels = [("limit: rounding of this output alone", MUTED)]
    if healthy_db is not None:
        axes.plot(places, _on_axis(healthy_db), "o-", color=PALETTE[5], markersize=3)
        labels.append(("without the fault", PALETTE[0]))
    axes.plot(places, _on_axis(sqnr_db), "o-", color=PALETTE[1])
    for row, (label, colour) in enumerate([*labels, ("measured", PALETTE[1])]):
        axes.annotate(
            label, (0.98, 0.99 - 0.065 * row), xycoords="axes fraction", ha="right", va="top",
            color=as_text(colour), fontsize=9,
        )  # fmt: skip
    axes.set_ylim(-8, MOST_DB + 14)
    axes.set_ylabel("SQNR (dB, measured)")
    _name_layers(axes, layers)
    return axes


def plot_ranges(
    layers: Sequence[str],
    codes: Sequence[tuple[float, float]],
    values: Sequence[tuple[float, float]],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw, for each layer, the range that its codes cover and the range of its float values.

    Parameters
    ----------
    layers : sequence of str
        L names.
    codes, values : sequence of (low, high)
        L ranges of the codes (wide bars) and of the float values (thin lines), in the tensor's
        unit; infinite ends are not drawn.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, height=3.4)
    for place, ((low, high), (least, most)) in enumerate(zip(codes, values, strict=True)):
        if np.isfinite(low) and np.isfinite(high):
            bars = axes.bar(place, high - low, bottom=low, width=0.7, color=PALETTE[5], alpha=0.7)
            for bar in bars:
                bar.sticky_edges.y.clear()
        axes.plot([place, place], [least, most], color=INK, linewidth=2.5)
        outside = least < low - 1e-9 or most > high * 1.01 + 1e-9
        if outside and np.isfinite(high):
            axes.plot([place], [most], "v", color=PALETTE[1], markersize=8)
    axes.annotate(
        "bar: codes; line: float values; triangle: beyond the codes", (0.01, 0.99),
        xycoords="axes fraction", va="top", fontsize=8, color=INK,
    )  # fmt: skip
    axes.margins(y=0.05)
    axes.autoscale_view()
    axes.set_ylim(top=1.15 * axes.get_ylim()[1])
    axes.set_ylabel("range (unit of each tensor)")
    _name_layers(axes, layers)
    return axes


def plot_bars(
    layers: Sequence[str],
    figures: Sequence[float | None],
    *,
    ylabel: str,
    top: float,
    ax: Axes | None = None,
) -> Axes:
    """Draw one figure a layer as bars with their values; None leaves a gap.

    Parameters
    ----------
    layers : sequence of str
        L names.
    figures : sequence of float or None
        L values.
    ylabel : str
        What they are, with the unit.
    top : float
        Upper end of the axis, the same for every case.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, height=3.4)
    for place, figure in enumerate(figures):
        if figure is None:
            continue
        axes.bar(place, min(figure, top), width=0.7, color=PALETTE[2])
        axes.annotate(
            f"{figure:.0f}", (place, min(figure, top)), xytext=(0, 2),
            textcoords="offset points", ha="center", fontsize=8,
        )  # fmt: skip
    axes.set_ylim(0, 1.12 * top)
    axes.set_ylabel(ylabel)
    _name_layers(axes, layers)
    return axes


def _on_axis(values: Sequence[float]) -> np.ndarray:
    return np.clip(np.asarray(values, np.float64), -6.0, MOST_DB)


def _name_layers(axes: Axes, layers: Sequence[str]) -> None:
    axes.set_xticks(range(len(layers)), layers, rotation=60, ha="right", fontsize=9)
    axes.set_xlim(-0.6, len(layers) - 0.4)
