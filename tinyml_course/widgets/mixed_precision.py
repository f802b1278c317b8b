"""Sliders of bits, one a layer: bytes, arena, and the accuracy that a plan is predicted to have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib.figure import Figure

from tinyml_course.core.arch import gesture_net
from tinyml_course.core.boards import find_board
from tinyml_course.core.graph import TensorGraph
from tinyml_course.cost.graph import arch_graph
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.int4 import filter_ops, narrow_filters
from tinyml_course.device.latency import model_latency
from tinyml_course.plots.mixed_precision import PlanMark, plot_plans, plot_widths
from tinyml_course.plots.style import new_figure
from tinyml_course.quantization.allocation import stored_bytes
from tinyml_course.quantization.mixed_results import SensitivityRow, UntrainedPlan
from tinyml_course.widgets.experiment import Control, Experiment

BOARD = find_board("esp32")
WIDTHS = (8, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCost:
    """What a plan costs on the ESP32 (modelled).

    Attributes
    ----------
    arena_bytes : int
        Arena to reserve.
    scratch_bytes : int
        The largest filter that is unpacked in it.
    latency_ms : float
        One inference.
    """

    arena_bytes: int
    scratch_bytes: int
    latency_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFigures:
    """What the experiment shows of one plan.

    Attributes
    ----------
    bits : tuple of int
        Width of each layer.
    stored : tuple of int
        Bytes of each layer's weights.
    predicted_rise, measured_rise : float
        Of the loss without training, in nats: the sum of the layers' single rises, and measured.
    predicted, measured : float
        Accuracy without training: float's less the layers' single drops, and measured.
    cost : DeviceCost
        On the ESP32.
    """

    bits: tuple[int, ...]
    stored: tuple[int, ...]
    predicted_rise: float
    measured_rise: float
    predicted: float
    measured: float
    cost: DeviceCost


@cache
def network_graph(width: int) -> TensorGraph:
    """Return the int8 graph of the gesture network for ten digits."""
    return arch_graph(gesture_net(10, width=width))


@cache
def model_cost(bits: tuple[int, ...], *, width: int = 8) -> DeviceCost:
    """Return what the gesture network for ten digits costs on the ESP32 with these bits.

    Parameters
    ----------
    bits : tuple of int
        One for each layer with weights.
    width : int, default 8
        Channels of the network's first block.

    Examples
    --------
    >>> model_cost((8,) * 8).scratch_bytes, model_cost((8,) * 6 + (4, 8)).scratch_bytes
    (0, 1792)
    """
    graph = network_graph(width)
    ops = [op for op, code in zip(filter_ops(graph), bits, strict=True) if code <= 4]
    narrow = narrow_filters(graph, ops)
    plan = plan_arena(narrow, BOARD.kernels)
    unpacked = [b.size_bytes for b in plan.buffers if "unpacked" in b.name]
    return DeviceCost(
        arena_bytes=plan.required_bytes,
        scratch_bytes=max(unpacked, default=0),
        latency_ms=model_latency(narrow, BOARD).milliseconds,
    )


def precision_experiment(
    rows: Iterable[SensitivityRow], plans: Sequence[UntrainedPlan], *, budget_bytes: int
) -> Experiment:
    """Return the experiment: one slider a layer, every plan measured without training behind it.

    Parameters
    ----------
    rows : iterable of SensitivityRow
        One seed's table, each layer at each width.
    plans : sequence of UntrainedPlan
        Every combination of the widths, measured with the same network and samples.
    budget_bytes : int
        Drawn as a line.

    Raises
    ------
    ValueError
        If a combination has not been measured.
    """
    table = {(row.layer, row.bits): row for row in rows}
    layers = tuple(dict.fromkeys(layer for layer, _ in table))
    weights = [table[layer, WIDTHS[0]].weights for layer in layers]
    known = {plan.bits: plan for plan in plans}
    if len(known) != len(WIDTHS) ** len(layers):
        raise ValueError(f"got {len(known)} plans of {len(layers)} layers; measure all of them")
    base = table[layers[0], WIDTHS[0]].base_accuracy

    def look_up(values: dict[str, int]) -> PlanFigures:
        bits = tuple(values[layer] for layer in layers)
        chosen = [table[layer, values[layer]] for layer in layers]
        plan = known["".join(map(str, bits))]
        return PlanFigures(
            bits=bits,
            stored=tuple(stored_bytes(n, b) for n, b in zip(weights, bits, strict=True)),
            predicted_rise=sum(row.loss_increase for row in chosen),
            measured_rise=plan.loss_increase,
            predicted=base - sum(row.accuracy_drop for row in chosen),
            measured=plan.accuracy,
            cost=model_cost(bits),
        )

    def draw(**values: int) -> Figure:
        found = look_up(values)
        figure, (left, right) = new_figure(1, 2, width=9.2, height=3.6)
        plot_widths(layers, weights, found.stored, found.bits, ax=left)
        mark = PlanMark(sum(found.stored), found.measured_rise, found.predicted_rise)
        sizes = np.array([plan.weight_bytes for plan in plans])
        rises = np.array([plan.loss_increase for plan in plans])
        plot_plans(
            sizes, rises, ylabel="rise of the loss, no training (nats)", mark=mark,
            budget_bytes=budget_bytes, ax=right,
        )  # fmt: skip
        figure.suptitle(_title(found, sum(weights)), fontsize=9, x=0.01, ha="left")
        return figure

    return Experiment(
        name="bits-per-layer",
        question=(
            "Which layers may go to 4 bits so that the weights fit the red line and the loss "
            "rises least? And which of them makes the arena grow?"
        ),
        controls=tuple(
            Control(name=layer, label=f"{layer}: bits", values=WIDTHS, default=8)
            for layer in layers
        ),
        draw=draw,
        describe=lambda **values: _describe(layers, look_up(values), sum(weights)),
    )


def _title(found: PlanFigures, full: int) -> str:
    total = sum(found.stored)
    scratch = found.cost.scratch_bytes
    return (
        f"{total:,} B of weights ({total / full:.0%} of int8); without training: accuracy "
        f"predicted {found.predicted:.1%}, measured {found.measured:.1%}\n"
        f"ESP32 (modelled): arena {found.cost.arena_bytes:,} B"
        + (f", largest unpacked filter {scratch:,} B" if scratch else "")
        + f"; latency {found.cost.latency_ms:.1f} ms"
    )


def _describe(layers: Sequence[str], found: PlanFigures, full: int) -> str:
    narrow = [layer for layer, bits in zip(layers, found.bits, strict=True) if bits <= 4]
    return (
        f"4 bits in {', '.join(narrow) or 'no layer'}, 8 in all others. "
        + _title(found, full).replace("\n", ". ")
        + "."
    )
