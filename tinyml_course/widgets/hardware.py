"""The experiment of the hardware notebook: one layer under the roofs of three boards."""

from __future__ import annotations

from matplotlib.figure import Figure

from tinyml_course.core.boards import find_board
from tinyml_course.cost.roofline import ROOFS, LayerKind, LayerLoad, Roof, layer_load
from tinyml_course.plots.hardware import BoardLimit, plot_floor_times, plot_roofline
from tinyml_course.plots.style import new_figure
from tinyml_course.widgets.experiment import Control, Experiment

KINDS: tuple[LayerKind, ...] = ("dense", "conv 3x3", "pointwise 1x1", "depthwise 3x3")


def name_limit(load: LayerLoad, roof: Roof) -> str:
    """Return what sets the layer's time on a board: its kernels, its memory or its peak.

    Examples
    --------
    >>> name_limit(layer_load("dense", channels=16, side=8), ROOFS["rpi4"])
    'DRAM'
    """
    attainable = roof.attainable(load.intensity(roof))
    if roof.published_macs_per_s < attainable:
        return "kernels"
    return roof.slow_memory if attainable < roof.peak_macs_per_s else "arithmetic"


def _title(roof: Roof) -> str:
    return find_board(roof.board).title.split(" (")[0]


def draw_roofline(kind: LayerKind, channels: int, side: int, batch: int) -> Figure:
    """Draw the layer under three roofs, and the times that follow."""
    load = layer_load(kind, channels=channels, side=side, batch=batch)
    figure, (left, right) = new_figure(1, 2, width=10.5, height=4.0)
    roofs = tuple(ROOFS.values())
    plot_roofline(
        [
            BoardLimit(
                label=_title(roof),
                peak=roof.peak_macs_per_s,
                slope=roof.slow_bytes_per_s,
                reached=roof.published_macs_per_s,
                intensity=load.intensity(roof),
                attainable=roof.attainable(load.intensity(roof)),
            )
            for roof in roofs
        ],
        ax=left,
    )
    plot_floor_times(
        [_title(roof) for roof in roofs],
        [1e3 * load.macs / roof.peak_macs_per_s for roof in roofs],
        [1e3 * load.slow_bytes(roof) / roof.slow_bytes_per_s for roof in roofs],
        [load.published_kernel_ms(roof) for roof in roofs],
        ax=right,
    )
    return figure


def describe_roofline(kind: LayerKind, channels: int, side: int, batch: int) -> str:
    """Return the alt text: MACs, and for each board what sets the time."""
    load = layer_load(kind, channels=channels, side=side, batch=batch)
    limits = "; ".join(
        f"{_title(roof)}: {load.intensity(roof):.3g} MACs per byte, "
        f"{load.published_kernel_ms(roof):.2g} ms, set by {name_limit(load, roof)}"
        for roof in ROOFS.values()
    )
    return (
        f"Roofline of three boards for a {kind} layer on {batch} image(s) of "
        f"{side} x {side} x {channels}: {load.macs:,} MACs. {limits}."
    )


ROOFLINE = Experiment(
    name="roofline",
    question=(
        "A dense layer has 1 MAC per weight, a 3x3 convolution reuses each weight at every "
        "pixel. On which of the three boards does memory, not arithmetic, set the dense "
        "layer's time?"
    ),
    controls=(
        Control(name="kind", label="layer", values=KINDS, default="dense", kind="menu"),
        Control(name="channels", label="channels", values=(4, 8, 16, 32, 64), default=16),
        Control(name="side", label="image side (pixels)", values=(1, 2, 4, 8, 16, 32), default=8),
        Control(name="batch", label="batch (images)", values=(1, 8, 64), default=1),
    ),
    draw=draw_roofline,
    describe=describe_roofline,
)
"""Where a layer lies under each board's roof, as its kind, shape and batch change."""
