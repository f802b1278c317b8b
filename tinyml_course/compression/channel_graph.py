"""Which channels of a Keras model must go together: its layers, read as plain data.

A convolution, a dense layer or an input makes channels; everything between it and the layers
that consume them hands them on. A residual sum ties the channels of its inputs to each other, a
concatenation puts them side by side, flattening repeats them for every pixel. So each position
of each tensor's last axis has a class: the set of filters that can be removed only together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.compression.channel_rules import (
    CONSUMERS,
    FOLLOWERS,
    MERGES,
    PRODUCERS,
    check_layer,
    keeps_zero,
    width_made,
)
from tinyml_course.compression.channel_types import Call, ChannelGraph, ChannelGroup, Share
from tinyml_course.core.environment import load_keras


def find_groups(model: Any) -> tuple[ChannelGroup, ...]:
    """Return the groups of channels of `model`, in the order of their first producers.

    Parameters
    ----------
    model : tf_keras Sequential or Functional model
        Of the layers that `channel_rules` lists, each with weights called once, none nested.

    Raises
    ------
    ValueError
        If the model has no graph or a layer is not known; the message has the remedy.

    References
    ----------
    .. [1] Fang et al., arXiv:2301.12900, section 3: groups by dependency.
    """
    return read_channels(model).groups


def read_channels(model: Any) -> ChannelGraph:
    """Return the layers of `model` with the class of every channel.

    Raises
    ------
    ValueError
        As `find_groups`.
    """
    keras = load_keras()
    if not isinstance(model, keras.Model) or not getattr(model, "_is_graph_network", False):
        raise ValueError(
            f"need a Sequential or Functional tf_keras model with a known input, got "
            f"{type(model).__module__}.{type(model).__name__}; build it of load_keras().layers "
            "and begin with Input"
        )
    reader = _Reader()
    for tensor in model.inputs:
        reader.add(tensor.node.layer, (), tensor)
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if not node.is_input:
                reader.add(node.layer, node.keras_inputs, node.outputs)
    outputs = tuple(reader.numbers[id(tensor)] for tensor in model.outputs)
    return reader.finish(outputs)


class _Reader:
    """Gives each made channel a number, and joins the numbers that must share a class."""

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}  # of the call that made a tensor
        self._calls: list[tuple[Any, tuple[int, ...], NDArray[np.intp]]] = []
        self._parents: list[int] = []
        self._makers: list[tuple[int, int]] = []  # call and place of each made channel
        self._fixed: list[int] = []

    def add(self, layer: Any, inputs: Sequence[Any], output: Any) -> None:
        """Append one call."""
        check_layer(layer, seen=[call[0] for call in self._calls])
        sources = tuple(self.numbers[id(tensor)] for tensor in inputs)
        arriving = [self._calls[source][2] for source in sources]
        kind, number = type(layer).__name__, len(self._calls)
        if kind in PRODUCERS:
            channels = self._make(number, width_made(layer))
        elif kind in MERGES:
            channels = self._join(layer.name, arriving)
        elif kind == "Concatenate":
            channels = np.concatenate(arriving)
        else:
            (channels,) = arriving
            repeats = layer.depth_multiplier if kind == "DepthwiseConv2D" else 1
            channels = np.repeat(channels, repeats)
        if kind == "Flatten":
            channels = np.tile(channels, output.shape[-1] // len(channels))
        if not keeps_zero(layer):
            self._fixed += channels.tolist()
        self._calls.append((layer, sources, channels))
        self.numbers[id(output)] = number

    def finish(self, outputs: tuple[int, ...]) -> ChannelGraph:
        """Return the graph, once every call is added."""
        for number in outputs:
            self._fixed += self._calls[number][2].tolist()
        roots = np.array([self._root(channel) for channel in range(len(self._parents))])
        _, classes = np.unique(roots, return_inverse=True)
        fixed = set(classes[self._fixed].tolist())
        calls = tuple(
            Call(layer=layer, sources=sources, outgoing=classes[channels],
                 incoming=classes[self._calls[sources[0]][2]] if sources else np.zeros(0, np.intp))
            for layer, sources, channels in self._calls
        )  # fmt: skip
        found = [
            (_describe(calls, members, makers, prunable), members)
            for (makers, prunable), members in self._bundle(classes, fixed).items()
        ]
        return ChannelGraph(
            calls=calls,
            outputs=outputs,
            groups=tuple(group for group, _ in found),
            classes={group.name: members for group, members in found},
        )

    def _make(self, number: int, width: int) -> NDArray[np.intp]:
        start = len(self._parents)
        self._parents += range(start, start + width)
        self._makers += [(number, place) for place in range(width)]
        return np.arange(start, start + width)

    def _join(self, name: str, arriving: list[NDArray[np.intp]]) -> NDArray[np.intp]:
        first = arriving[0]
        if any(len(other) != len(first) for other in arriving):
            raise ValueError(
                f"layer {name!r} merges {', '.join(str(len(a)) for a in arriving)} channels; "
                "give all its inputs the same number"
            )
        for other in arriving[1:]:
            for a, b in zip(first.tolist(), other.tolist(), strict=True):
                a, b = self._root(a), self._root(b)
                self._parents[max(a, b)] = min(a, b)
        return first

    def _root(self, channel: int) -> int:
        while self._parents[channel] != channel:
            channel = self._parents[channel]
        return channel

    def _bundle(
        self, classes: NDArray[np.intp], fixed: set[int]
    ) -> dict[tuple[tuple[tuple[int, int], ...], bool], NDArray[np.intp]]:
        """Return the classes of each group, by its makers: calls, and places beside the first's."""
        made: dict[int, list[tuple[int, int]]] = {}
        for kind, maker in zip(classes.tolist(), self._makers, strict=True):
            made.setdefault(kind, []).append(maker)
        bundles: dict[Any, list[int]] = {}
        for kind, makers in made.items():
            start = makers[0][1]
            relative = tuple((number, place - start) for number, place in makers)
            bundles.setdefault((relative, kind not in fixed), []).append(kind)
        return {key: np.array(members) for key, members in bundles.items()}


def _describe(
    calls: tuple[Call, ...],
    members: NDArray[np.intp],
    makers: tuple[tuple[int, int], ...],
    prunable: bool,
) -> ChannelGroup:
    """Return the group of the classes `members`, which the calls `makers` make."""
    producers = _shares(calls, members, PRODUCERS, "outgoing")
    first = calls[makers[0][0]]
    start = int(np.flatnonzero(first.outgoing == members[0])[0])
    whole = len(members) == len(first.outgoing)
    return ChannelGroup(
        name=first.name if whole else f"{first.name}[{start}:{start + len(members)}]",
        width=len(members),
        prunable=prunable,
        producers=producers,
        followers=tuple(s.layer for s in _shares(calls, members, FOLLOWERS, "outgoing")),
        consumers=_shares(calls, members, CONSUMERS, "incoming"),
    )


def _shares(
    calls: tuple[Call, ...], members: NDArray[np.intp], kinds: tuple[str, ...], side: str
) -> tuple[Share, ...]:
    found = (
        (call.name, np.flatnonzero(np.isin(getattr(call, side), members)))
        for call in calls
        if call.kind in kinds
    )
    return tuple(Share(name, tuple(places.tolist())) for name, places in found if len(places))
