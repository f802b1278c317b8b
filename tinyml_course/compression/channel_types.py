"""The nouns of pruning: calls of layers, classes of channels, and groups that go together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Kept = Mapping[str, NDArray[np.bool_]]
"""From a group's name to (C,) bool: which of its channels stay."""


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a layer that belongs to a group.

    Attributes
    ----------
    layer : str
        Its name.
    places : tuple of int
        Positions on the layer's last output axis (of a producer) or input axis (of a consumer).
    """

    layer: str
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelGroup:
    """Channels that several layers share; channel i is the i-th of every producer's places.

    Attributes
    ----------
    name : str
        The first producer's; with its range of places where the group is only part of it.
    width : int
        Channels, C.
    prunable : bool
        False where a model's input, output or softmax needs every one of them.
    producers : tuple of Share
        Layers whose filters make the channels.
    followers : tuple of str
        Normalisations and depthwise convolutions, which have weights for each channel.
    consumers : tuple of Share
        Layers that mix the channels into others; flattened, a channel has many places.
    """

    name: str
    width: int
    prunable: bool
    producers: tuple[Share, ...]
    followers: tuple[str, ...]
    consumers: tuple[Share, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Call:
    """One layer at its place in the graph.

    Attributes
    ----------
    layer : tf_keras layer
        Shared with the model.
    sources : tuple of int
        Numbers of the calls whose outputs it takes.
    incoming, outgoing : (D,) and (C,) int
        Class of each position on the last axis of its first input and of its output.
    """

    layer: Any
    sources: tuple[int, ...]
    incoming: NDArray[np.intp]
    outgoing: NDArray[np.intp]

    @property
    def kind(self) -> str:
        """Name of the layer's class."""
        return type(self.layer).__name__

    @property
    def name(self) -> str:
        """Name of the layer."""
        return str(self.layer.name)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChannelGraph:
    """A model's layers in an order in which they can be computed, and its groups.

    Attributes
    ----------
    calls : tuple of Call
        Inputs included.
    outputs : tuple of int
        Numbers of the calls that make the model's outputs.
    groups : tuple of ChannelGroup
        In the order of their first producers.
    classes : mapping of group name to (C,) int
        Class of each channel of a group.
    """

    calls: tuple[Call, ...]
    outputs: tuple[int, ...]
    groups: tuple[ChannelGroup, ...]
    classes: Mapping[str, NDArray[np.intp]]

    def by_class(self, values: Mapping[str, NDArray[Any]], default: Any) -> NDArray[Any]:
        """Return `values`, given by group, as one array by class; `default` for the others."""
        count = sum(map(len, self.classes.values()))
        found = np.full(count, default)
        for name, value in values.items():
            found[self.classes[name]] = value
        return found

    def by_group(self, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return `values`, given by class, for each prunable group."""
        return {
            group.name: values[self.classes[group.name]] for group in self.groups if group.prunable
        }
