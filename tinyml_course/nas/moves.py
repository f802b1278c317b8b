"""Steps through a search space: from one network to a neighbour, from two to a child."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyml_course.core.arch import ArchSpec, LayerSpec, place_blocks

if TYPE_CHECKING:
    from tinyml_course.nas.space import SearchSpace

TRIES = 200
"""Moves drawn before a space is taken to have no other network nearby."""

Move = Callable[["SearchSpace", ArchSpec, np.random.Generator], ArchSpec]

DOWN = MappingProxyType({"none": (1, 1), "stride": (2, 1), "pool": (1, 2)})
"""Stride and pool of each way to shrink a map."""


def perturb(space: SearchSpace, spec: ArchSpec, rng: np.random.Generator) -> ArchSpec:
    """Return a network that one random move leads to; `spec` if no move leads anywhere.

    Parameters
    ----------
    space : SearchSpace
        Holds `spec` and the result.
    spec : ArchSpec
        Left as it is.
    rng : numpy.random.Generator
        Source of randomness.
    """
    for _ in range(TRIES):
        name = _pick(rng, tuple(MOVES))
        child = MOVES[name](space, spec, rng)
        if child != spec:
            return child
    return spec


def cross(space: SearchSpace, a: ArchSpec, b: ArchSpec, rng: np.random.Generator) -> ArchSpec:
    """Return a child of two networks, cut at one point each.

    The child begins as `a` does, with at least its first block, and ends as `b` does; its depth
    stays within the space. Skips and strides that no longer act are dropped.

    Parameters
    ----------
    space : SearchSpace
        Holds the parents and the child.
    a, b : ArchSpec
        Left as they are.
    rng : numpy.random.Generator
        Source of randomness.
    """
    cuts = [
        (i, j)
        for i in range(1, len(a.layers) + 1)
        for j in range(1, len(b.layers) + 1)
        if space.min_depth <= i + len(b.layers) - j <= space.max_depth
    ]
    mixed = [(i, j) for i, j in cuts if j < len(b.layers)] or cuts
    i, j = _pick(rng, mixed)
    hidden = _pick(rng, (a.hidden, b.hidden))
    return space.settle((*a.layers[:i], *b.layers[j:]), hidden)


def _change_op(space: SearchSpace, spec: ArchSpec, rng: np.random.Generator) -> ArchSpec:
    place = _place(spec, rng)
    layer = spec.layers[place]
    op = _pick(rng, space.operations if place else space.stem)
    if op == "depthwise":
        return _with(space, spec, place, replace(layer, op=op, filters=0))
    channels = place_blocks(spec)[place].inner_shape[2]
    width = layer.filters or (channels if channels in space.widths else _pick(rng, space.widths))
    return _with(space, spec, place, replace(layer, op=op, filters=width))


def _change_width(space: SearchSpace, spec: ArchSpec, rng: np.random.Generator) -> ArchSpec:
    """Go to the next wider or narrower choice; a depthwise block has none of its own."""
    place = _place(spec, rng)
    layer = spec.layers[place]
    if not layer.filters:
        return spec
    widths = sorted(space.widths)
    near = widths.index(layer.filters) + _pick(rng, (-1, 1))
    if not 0 <= near < len(widths):
        return spec
    return _with(space, spec, place, replace(layer, filters=widths[near]))


def _change_kernel(space: SearchSpace, spec: ArchSpec, rng: np.random.Generator) -> ArchSpec:
    place = _place(spec, rng)
    kernel = _pick(rng, space.kernels)
    return _with(space, spec, place, replace(spec.layers[place], kernel=kernel))


def _change_activation(space: SearchSpace, spec: ArchSpec, rng: np.random.Generator) -> ArchSpec:
    place = _place(spec, rng)
    activation = _pick(rng, space.activations)
    return _with(space, spec, place, replace(spec.layers[place], activation=activation))


def _change_downsampling(space: SearchSpace, spec: ArchSpec, rng: np.random.Generator) -> ArchSpec:
    place = _place(spec, rng)
    stride, pool = DOWN[_pick(rng, space.downsampling)]
    return _with(space, spec, place, replace(spec.layers[place], stride=stride, pool=pool))


def _change_skip(space: SearchSpace, spec: ArchSpec, rng: np.random.Generator) -> ArchSpec:
    place = _place(spec, rng)
    layer = spec.layers[place]
    return _with(space, spec, place, replace(layer, skip=space.skips and not layer.skip))


def _insert(space: SearchSpace, spec: ArchSpec, rng: np.random.Generator) -> ArchSpec:
    """Put a random block somewhere behind the first one."""
    if len(spec.layers) == space.max_depth:
        return spec
    place = int(rng.integers(1, len(spec.layers) + 1))
    shape = place_blocks(spec)[place - 1].output_shape
    layer = _pick(rng, space.choices(shape)).layer
    return space.settle((*spec.layers[:place], layer, *spec.layers[place:]), spec.hidden)


def _remove(space: SearchSpace, spec: ArchSpec, rng: np.random.Generator) -> ArchSpec:
    """Take a block out; the first one stays."""
    if len(spec.layers) <= space.min_depth:
        return spec
    place = int(rng.integers(1, len(spec.layers)))
    return space.settle((*spec.layers[:place], *spec.layers[place + 1 :]), spec.hidden)


def _change_head(space: SearchSpace, spec: ArchSpec, rng: np.random.Generator) -> ArchSpec:
    return replace(spec, hidden=_pick(rng, space.hidden))


MOVES: MappingProxyType[str, Move] = MappingProxyType(
    {
        "operation": _change_op,
        "width": _change_width,
        "kernel": _change_kernel,
        "activation": _change_activation,
        "downsampling": _change_downsampling,
        "skip": _change_skip,
        "insert": _insert,
        "remove": _remove,
        "head": _change_head,
    }
)
"""The moves by name; each is tried equally often."""


def _with(space: SearchSpace, spec: ArchSpec, place: int, layer: LayerSpec) -> ArchSpec:
    layers = (*spec.layers[:place], layer, *spec.layers[place + 1 :])
    return space.settle(layers, spec.hidden)


def _place(spec: ArchSpec, rng: np.random.Generator) -> int:
    return int(rng.integers(len(spec.layers)))


def _pick(rng: np.random.Generator, options: Any) -> Any:
    return options[int(rng.integers(len(options)))]
