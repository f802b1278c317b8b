"""Beat the search: design a network with sliders, its exact cost at once, next to a front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.core.arch import ArchSpec, LayerSpec, OpKind, simplify
from tinyml_course.nas.code import to_code
from tinyml_course.nas.costs import Constraints, SpecCost, measure_cost
from tinyml_course.nas.estimates import EstimatedNetwork
from tinyml_course.nas.pareto import dominates
from tinyml_course.plots.style import new_figure
from tinyml_course.plots.supernet import Limit, plot_rival
from tinyml_course.widgets.experiment import Control, Experiment

Shrinking = Literal["stride, early", "pooling, early", "stride, late"]

DEPTHS = (2, 3, 4, 5)
WIDTHS: MappingProxyType[str, tuple[int, ...]] = MappingProxyType(
    {
        "8 everywhere": (8, 8, 8, 8, 8),
        "16 everywhere": (16, 16, 16, 16, 16),
        "4, doubling": (4, 8, 16, 32, 56),
        "8, doubling": (8, 16, 32, 56, 56),
        "16, doubling": (16, 32, 56, 56, 56),
    }
)
"""Output channels of the blocks; a depthwise block keeps those of its input."""
OPERATIONS: tuple[OpKind, ...] = ("conv", "separable", "depthwise")
KERNELS = (3, 5)
SHRINKING: tuple[Shrinking, ...] = ("stride, early", "pooling, early", "stride, late")
CLASSES = 10
LIMITS = Constraints(max_arena=16 * 1024, max_flash=12 * 1024)
"""Those under which the supernet was trained: what exceeds them has no estimate."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A design with its exact cost, what it exceeds, and its estimate where there is one."""

    code: str
    cost: SpecCost
    faults: tuple[str, ...]
    estimate: EstimatedNetwork | None

    @property
    def error_percent(self) -> float:
        """Estimated error, not a number where the design was not estimated."""
        return 100 * (1 - self.estimate.accuracy) if self.estimate else float("nan")

    @property
    def costs(self) -> NDArray[np.float64]:
        """(4,) estimated error (%), arena and file (B), latency (ms)."""
        cost = self.cost
        return np.array([self.error_percent, cost.arena_bytes, cost.model_bytes, cost.latency_ms])


def design_network(
    *, depth: int, widths: str, operation: OpKind, kernel: int, shrinking: Shrinking
) -> ArchSpec:
    """Return the network that the sliders describe; its first block is always a convolution.

    Parameters
    ----------
    depth : int
        Blocks.
    widths : str
        A key of `WIDTHS`.
    operation : {'conv', 'separable', 'depthwise'}
        Of the blocks after the first.
    kernel : int
        Of all blocks.
    shrinking : str
        Which two blocks halve the map, and by what.

    Examples
    --------
    >>> network = design_network(
    ...     depth=3, widths="4, doubling", operation="separable", kernel=3,
    ...     shrinking="stride, late",
    ... )
    >>> to_code(network)
    'c4k3 s8k3/2 s16k3/2'
    """
    how, when = shrinking.split(", ")
    halved = (0, 1) if when == "early" else (depth - 2, depth - 1)
    layers = []
    for place in range(depth):
        kind: OpKind = operation if place else "conv"
        factor = 2 if place in halved else 1
        layers.append(
            LayerSpec(
                op=kind,
                kernel=kernel,
                filters=0 if kind == "depthwise" else WIDTHS[widths][place],
                stride=factor if how == "stride" else 1,
                pool=factor if how == "pooling" else 1,
            )
        )
    return simplify(ArchSpec(layers=tuple(layers), classes=CLASSES))


def designs() -> tuple[ArchSpec, ...]:
    """Return the networks that the sliders can describe, each once."""
    found = {}
    for depth, widths, operation, kernel, shrinking in product(
        DEPTHS, WIDTHS, OPERATIONS, KERNELS, SHRINKING
    ):
        network = design_network(
            depth=depth, widths=widths, operation=operation, kernel=kernel, shrinking=shrinking
        )
        found[network] = None
    return tuple(found)


@cache
def cost_of(spec: ArchSpec) -> SpecCost:
    """Return the exact cost on the ESP32, with the file slimmed."""
    return measure_cost(spec, form="slim")


def judge(spec: ArchSpec, estimates: dict[str, EstimatedNetwork]) -> Judged:
    """Return the cost of a design, and its estimate if it keeps to the limits.

    Raises
    ------
    ValueError
        If a feasible design is missing in `estimates`.
    """
    code, cost = to_code(spec), cost_of(spec)
    faults = LIMITS.violations(cost)
    if not faults and code not in estimates:
        raise ValueError(f"no estimate of {code!r}; make the tables again with their study")
    return Judged(code, cost, faults, None if faults else estimates[code])


def find_stronger(design: Judged, rivals: Sequence[EstimatedNetwork]) -> EstimatedNetwork | None:
    """Return the rival of least error that dominates the design in all four objectives."""
    stronger = [rival for rival in rivals if dominates(_costs(rival), design.costs)]
    return max(stronger, key=lambda rival: rival.accuracy, default=None)


def beat_experiment(
    estimated: Sequence[EstimatedNetwork], rivals: Sequence[EstimatedNetwork]
) -> Experiment:
    """Return the experiment: sliders, exact cost, and the front that a search has found.

    Parameters
    ----------
    estimated : sequence of EstimatedNetwork
        Every feasible design.
    rivals : sequence of EstimatedNetwork
        The search's front, by the same supernet.

    Raises
    ------
    ValueError
        If a feasible design has no estimate.
    """
    table = {row.network: row for row in estimated}
    known = {spec: judge(spec, table) for spec in designs()}

    def draw(**values: Any) -> Figure:
        found = known[design_network(**values)]
        figure, axes = new_figure(1, 2, width=9.2, height=3.9, sharey=True)
        for number, (ax, name, limit) in enumerate(
            zip(axes, ("arena", "file"), (LIMITS.max_arena, LIMITS.max_flash), strict=True), 1
        ):
            spot = float(found.costs[number]) / 1024, found.error_percent
            points = np.array([(_costs(r)[number] / 1024, 100 * (1 - r.accuracy)) for r in rivals])
            kilobytes = (limit or 0) / 1024
            plot_rival(
                points, spot if found.estimate else None,
                Limit(kilobytes, f"{kilobytes:g} KB"), xlabel=f"{name} (KB)",
                marker=spot[0], ax=ax,
            )  # fmt: skip
        axes[1].set_ylabel("")
        figure.suptitle(_verdict(found, rivals), fontsize=9, x=0.01, ha="left")
        return figure

    def describe(**values: Any) -> str:
        return _verdict(known[design_network(**values)], rivals).replace("\n", ". ")

    return Experiment(
        name="beat-the-search",
        question=(
            "Design a network that no network of the search dominates: fewer errors by estimate, "
            "or less arena, a smaller file, a shorter wait. Which slider do you move first?"
        ),
        controls=(
            Control(name="depth", label="blocks", values=DEPTHS, default=4),
            Control(name="widths", label="channels", values=tuple(WIDTHS), default="8 everywhere"),
            Control(name="operation", label="operation", values=OPERATIONS, default="separable",
                    kind="menu"),
            Control(name="kernel", label="side of the filters", values=KERNELS, default=3),
            Control(name="shrinking", label="two blocks halve the map by", values=SHRINKING,
                    default="stride, early", kind="menu"),
        ),
        draw=draw,
        describe=describe,
    )  # fmt: skip


def _costs(rival: EstimatedNetwork) -> NDArray[np.float64]:
    return np.array(
        [100 * (1 - rival.accuracy), rival.arena_bytes, rival.model_bytes, rival.latency_ms]
    )


def _verdict(found: Judged, rivals: Sequence[EstimatedNetwork]) -> str:
    cost = found.cost
    first = (
        f"{found.code}: arena {cost.arena_bytes:,} B, file {cost.model_bytes:,} B, latency "
        f"{cost.latency_ms:.1f} ms (modelled)"
    )
    if found.faults:
        return f"{first}\nexceeds {'; '.join(found.faults)}. No supernet was asked"
    stronger = find_stronger(found, rivals)
    if stronger is None:
        return f"{first}\nestimated error {found.error_percent:.1f} %: no network dominates it"
    return (
        f"{first}\nestimated error {found.error_percent:.1f} %: dominated, e.g. by "
        f"{stronger.network} ({100 * (1 - stronger.accuracy):.1f} %, {stronger.arena_bytes:,} B, "
        f"{stronger.model_bytes:,} B, {stronger.latency_ms:.1f} ms)"
    )
