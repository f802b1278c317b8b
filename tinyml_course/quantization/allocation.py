"""Bits for each layer under a byte budget: the best plan, by an exact method.

A knapsack with one choice a layer. Plans are built layer by layer; of those that end with the
same layer only the ones that no other beats in both bytes and damage can become the best, so all
others are forgotten. What is left after the last layer is the whole trade-off curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.types import QuantPlan

INT4_BITS = 4
INT8_BITS = 8


class BitOption(NamedTuple):
    """One width that a layer may get.

    Attributes
    ----------
    bits : int
        The width.
    size_bytes : int
        Bytes of the layer's weights as they would be stored.
    damage : float
        Harm of this width on this layer alone; may be negative where a measurement is noisy.
    """

    bits: int
    size_bytes: int
    damage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerOptions:
    """A layer and the widths that its weights may get.

    Attributes
    ----------
    name : str
        The layer.
    options : tuple of BitOption
        At least one.
    """

    name: str
    options: tuple[BitOption, ...]

    def __post_init__(self) -> None:
        if not self.options:
            raise ValueError(f"layer {self.name!r} needs at least one width to choose from")


def stored_bytes(weights: int, bits: int) -> int:
    """Return the bytes that `weights` codes of `bits` bits take in a .tflite.

    Only two containers exist on the device's runtime: int4, two to a byte, and int8.

    Raises
    ------
    ValueError
        If `bits` is not in 2..8.

    References
    ----------
    .. [1] tensorflow/lite/micro/kernels/conv.cc: filters of type int8 or int4.

    Examples
    --------
    >>> stored_bytes(9, 4), stored_bytes(9, 5), stored_bytes(9, 8)
    (5, 9, 9)
    """
    if not 2 <= bits <= INT8_BITS:
        raise ValueError(f"weights of 2 to 8 bits can be stored, got {bits}")
    return (weights + 1) // 2 if bits <= INT4_BITS else weights


def allocate_bits(layers: Sequence[LayerOptions], budget_bytes: int) -> QuantPlan:
    """Return the plan of least damage that fits the budget; of equal ones the smallest.

    The damage of a plan is the sum of its layers', added in their order.

    Parameters
    ----------
    layers : sequence of LayerOptions
        The model's layers.
    budget_bytes : int
        Most bytes that all weights may take.

    Raises
    ------
    ValueError
        If even the smallest plan exceeds the budget; the message has its bytes.

    References
    ----------
    .. [1] Nemhauser, Ullmann: Discrete dynamic programming and capital allocation, Management
       Science 15(9), 1969.

    Examples
    --------
    >>> first = LayerOptions(name="a", options=(BitOption(8, 10, 0.0), BitOption(4, 5, 0.3)))
    >>> second = LayerOptions(name="b", options=(BitOption(8, 20, 0.0), BitOption(4, 10, 0.1)))
    >>> allocate_bits([first, second], 20).bits
    (8, 4)
    """
    front = trade_off(layers)
    fitting = [plan for plan in front if plan.weight_bytes <= budget_bytes]
    if not fitting:
        raise ValueError(
            f"the smallest plan takes {front[0].weight_bytes:,} B of weights, the budget is "
            f"{budget_bytes:,} B; allow fewer bits, or a smaller network"
        )
    return fitting[-1]


def trade_off(layers: Sequence[LayerOptions]) -> tuple[QuantPlan, ...]:
    """Return every plan that no other beats in bytes and damage, the smallest first.

    Damage falls strictly from each plan to the next, larger one.

    Raises
    ------
    ValueError
        If there are no layers, or two share a name.
    """
    if not layers:
        raise ValueError("a plan needs at least one layer, got none")
    sizes, damages = np.zeros(1, np.int64), np.zeros(1)
    steps: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    for layer in layers:
        added_bytes = np.array([option.size_bytes for option in layer.options], np.int64)
        added_damage = np.array([option.damage for option in layer.options])
        all_sizes = (sizes[:, None] + added_bytes).ravel()
        all_damages = (damages[:, None] + added_damage).ravel()
        kept = _undominated(all_sizes, all_damages)
        sizes, damages = all_sizes[kept], all_damages[kept]
        steps.append((kept // len(added_bytes), kept % len(added_bytes)))
    return tuple(
        QuantPlan(
            layers=tuple(layer.name for layer in layers),
            bits=_trace_back(layers, steps, number),
            weight_bytes=int(sizes[number]),
            damage=float(damages[number]),
        )
        for number in range(len(sizes))
    )


def make_plan(layers: Sequence[LayerOptions], bits: Sequence[int]) -> QuantPlan:
    """Return the plan that gives the layers these widths, with its bytes and its damage.

    Raises
    ------
    ValueError
        If a layer has no such width, or there is not one width for each layer.
    """
    if len(bits) != len(layers):
        raise ValueError(f"got {len(bits)} widths for {len(layers)} layers; give one for each")
    chosen = [_find_option(layer, width) for layer, width in zip(layers, bits, strict=True)]
    return QuantPlan(
        layers=tuple(layer.name for layer in layers),
        bits=tuple(option.bits for option in chosen),
        weight_bytes=sum(option.size_bytes for option in chosen),
        damage=sum(option.damage for option in chosen),
    )


def _find_option(layer: LayerOptions, bits: int) -> BitOption:
    for option in layer.options:
        if option.bits == bits:
            return option
    widths = ", ".join(str(option.bits) for option in layer.options)
    raise ValueError(f"layer {layer.name!r} may have {widths} bits, not {bits}")


def _undominated(sizes: NDArray[np.int64], damages: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the places of the entries that no other beats in both, by size.

    Addition in floating point never swaps two sums, so that forgetting here loses no best plan.
    """
    order = np.lexsort((damages, sizes))
    lowest = np.minimum.accumulate(damages[order])
    better = np.ones(len(order), bool)
    better[1:] = damages[order][1:] < lowest[:-1]
    return order[better]


def _trace_back(
    layers: Sequence[LayerOptions],
    steps: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
    number: int,
) -> tuple[int, ...]:
    """Return the widths of the plan that became entry `number` after the last layer."""
    bits = []
    for layer, (parents, choices) in zip(reversed(layers), reversed(steps), strict=True):
        bits.append(layer.options[choices[number]].bits)
        number = int(parents[number])
    return tuple(reversed(bits))
