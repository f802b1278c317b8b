"""Figures of the search space: a network as a row of blocks, costs before and after a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from numpy.typing import NDArray

from tinyml_course.core.arch import ArchSpec, PlacedBlock, place_blocks
from tinyml_course.plots.style import (
    BUDGET,
    FAINT,
    INK,
    MUTED,
    PALETTE,
    axes_or_new,
    draw_budget,
    new_figure,
)

FILL = {"conv": PALETTE[0], "separable": PALETTE[2], "depthwise": PALETTE[3]}
"""Colour of each operation; its name stands in the box as well."""
CHANGED = PALETTE[1]
WIDTH, HEIGHT = 0.84, 0.8
"""Of a block, in units of the distance between blocks and of the row."""
BINS_AN_OCTAVE = 6
"""Of a histogram of costs; one edge lies at the limit."""


def plot_network(
    spec: ArchSpec,
    *,
    changed: Sequence[int] = (),
    places: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a network as a row of boxes from its input to its classes, skips as arcs.

    Parameters
    ----------
    spec : ArchSpec
        Network.
    changed : sequence of int
        Blocks with a thick frame; the number of blocks means the head.
    places : int, optional
        Boxes for which there is room, head included; as many as there are by default.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax, width=8.4, height=1.5)
    blocks = place_blocks(spec)
    for place, block in enumerate(blocks):
        _draw_block(axes, place, block, framed=place in changed)
    _draw_head(axes, spec, len(blocks), framed=len(blocks) in changed)
    axes.text(-0.58, 0.5, "{}×{}×{}".format(*spec.input_shape), ha="right", va="center", fontsize=8)
    axes.set_xlim(-1.3, max(places or 0, len(blocks) + 1) - 0.45)
    axes.set_ylim(0, 1.45)
    axes.axis("off")
    return axes


def _draw_block(axes: Axes, place: int, block: PlacedBlock, *, framed: bool) -> None:
    layer = block.layer
    _draw_box(axes, place, FILL[layer.op], framed=framed)
    name = {"depthwise": "depthwise", "conv": f"conv {layer.filters}"}.get(
        layer.op, f"{layer.op} {layer.filters}"
    )
    how = f"{layer.kernel}×{layer.kernel}" + (f", stride {layer.stride}" * (layer.stride > 1))
    lines = [name, how, layer.activation + (f", pool {layer.pool}" * (layer.pool > 1))]
    axes.text(place, 0.5, "\n".join(lines), ha="center", va="center", fontsize=7.5, color=INK)
    shape = "{}×{}×{}".format(*block.output_shape)
    axes.text(place, 0.06, shape, ha="center", va="top", fontsize=7, color=MUTED)
    if layer.skip:
        _draw_skip(axes, place)


def _draw_head(axes: Axes, spec: ArchSpec, place: int, *, framed: bool) -> None:
    _draw_box(axes, place, FAINT, framed=framed)
    hidden = f"dense {spec.hidden}\n" if spec.hidden else ""
    axes.text(
        place, 0.5, f"average\n{hidden}{spec.classes} classes", ha="center", va="center",
        fontsize=7.5, color=INK,
    )  # fmt: skip


def _draw_box(axes: Axes, place: int, colour: str, *, framed: bool) -> None:
    axes.add_patch(
        Rectangle(
            (place - WIDTH / 2, 0.5 - HEIGHT / 2), WIDTH, HEIGHT, facecolor=f"{colour}33",
            edgecolor=CHANGED if framed else colour, linewidth=2.6 if framed else 1.0,
        )
    )  # fmt: skip


def _draw_skip(axes: Axes, place: int) -> None:
    """Draw an arc over a block, from its input to its output."""
    axes.add_patch(
        FancyArrowPatch(
            (place - 0.46, 0.62), (place + 0.46, 0.62), connectionstyle="arc3,rad=-0.75",
            arrowstyle="-|>", mutation_scale=8, color=INK, linewidth=1.0,
        )
    )  # fmt: skip
    axes.text(place, 1.2, "+", ha="center", va="center", fontsize=9)


def plot_change(
    before: ArchSpec,
    after: ArchSpec,
    costs: Mapping[str, tuple[float, float]],
    *,
    changed: tuple[Sequence[int], Sequence[int]] = ((), ()),
) -> Figure:
    """Draw a network above its child, and beside them what each cost becomes.

    Parameters
    ----------
    before, after : ArchSpec
        The two.
    costs : mapping of str to (float, float)
        Name with unit -> value before and after.
    changed : two sequences of int
        Blocks to frame, before and after.
    """
    figure, axes = new_figure(1, 2, width=10.4, height=3.4, width_ratios=(2.7, 1))
    places = max(len(before.layers), len(after.layers)) + 1
    column, bars = axes
    column.axis("off")
    for number, (name, spec) in enumerate((("before", before), ("after", after))):
        row = column.inset_axes((0, 0.5 - 0.5 * number, 1, 0.48))
        plot_network(spec, changed=changed[number], places=places, ax=row)
        row.text(-1.25, 1.12, name, fontsize=9, color=MUTED)
    if before == after:
        column.set_title("no such change is possible here", fontsize=9, color=BUDGET)
    plot_cost_change(costs, ax=bars)
    return figure


def plot_cost_change(costs: Mapping[str, tuple[float, float]], *, ax: Axes | None = None) -> Axes:
    """Draw each cost after a change as a bar in percent of what it was, on a logarithmic axis.

    Parameters
    ----------
    costs : mapping of str to (float, float)
        Name with unit -> positive values before and after.
    ax : Axes, optional
        Where to draw; new axes otherwise.
    """
    axes = axes_or_new(ax)
    axes.set_xscale("log")
    for row, (name, (old, new)) in enumerate(costs.items()):
        share = 100 * new / old
        colour = PALETTE[2] if new < old else CHANGED if new > old else FAINT
        axes.barh(row, share - 100, left=100, height=0.34, color=colour)
        axes.text(
            0, row - 0.32, f"{name}: {_round(old)} → {_round(new)} ({share - 100:+.0f} %)",
            transform=axes.get_yaxis_transform(), fontsize=8, va="center",
        )  # fmt: skip
        axes.plot([100, 100], [row - 0.17, row + 0.17], color=INK, linewidth=1.0)
    shares = [100 * new / old for old, new in costs.values()]
    axes.set_xlim(min(40.0, *shares) / 1.1, max(250.0, *shares) * 1.1)
    ticks = [tick for tick in (1, 5, 25, 50, 100, 200, 400, 1600, 6400)
             if min(40.0, *shares) <= tick <= max(250.0, *shares)]  # fmt: skip
    axes.set_xticks(ticks, [f"{tick} %" for tick in ticks], minor=False)
    axes.minorticks_off()
    axes.set_ylim(len(costs) - 0.5, -0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("of what it was (exact; latency modelled)")
    return axes


def _round(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def plot_cost_histograms(
    kilobytes: Mapping[str, NDArray[np.float64]], limits: Mapping[str, float]
) -> Figure:
    """Draw how often each cost occurs in a sample of networks, with the chip's limit.

    Parameters
    ----------
    kilobytes : mapping of str to (N,) float
        Name of the cost -> its values, KB.
    limits : mapping of str to float
        Limit of each, KB.
    """
    figure, row = new_figure(1, len(kilobytes), width=8.4, height=3.2, sharey=True)
    for axes, (name, values) in zip(row, kilobytes.items(), strict=True):
        steps = np.log2(np.array([values.min(), values.max()]) / limits[name]) * BINS_AN_OCTAVE
        edges = limits[name] * 2 ** (
            np.arange(np.floor(steps[0]), np.ceil(steps[1]) + 1) / BINS_AN_OCTAVE
        )
        fits = values <= limits[name]
        axes.hist([values[fits], values[~fits]], edges, stacked=True, color=[PALETTE[2], FAINT])
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel(f"{name}, KB (exact)")
        draw_budget(axes, limits[name], f"limit {limits[name]:g} KB", horizontal=False)
        axes.set_title(f"{fits.mean():.0%} fit", fontsize=9, color=BUDGET)
    row[0].set_ylabel("networks")
    return figure


def plot_macs_latency(
    macs: NDArray[np.int64], milliseconds: Mapping[str, NDArray[np.float64]]
) -> Figure:
    """Draw latency against MACs, one panel for each kind of kernels, both axes logarithmic.

    Parameters
    ----------
    macs : (N,) int
        Of each network.
    milliseconds : mapping of str to (N,) float
        Title of the panel -> modelled latency, ms.
    """
    figure, row = new_figure(1, len(milliseconds), width=9.6, height=3.4, sharex=True)
    for axes, (name, values), colour in zip(row, milliseconds.items(), PALETTE, strict=False):
        axes.loglog(macs / 1e6, values, "o", color=colour, markersize=2.5, alpha=0.5)
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("MACs, millions (exact)")
    row[0].set_ylabel("latency, ms (modelled)")
    return figure
