"""Structured pruning: whole channels are zeroed, or taken out so that the network is smaller."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.compression.channel_graph import read_channels
from tinyml_course.compression.channel_types import Call, ChannelGraph, Kept
from tinyml_course.compression.channel_values import input_ranges
from tinyml_course.core.environment import load_keras

Arrays = list[NDArray[Any]]


def mask_channels(model: Any, kept: Kept) -> Any:
    """Return a copy of `model` in which the channels that `kept` leaves out are always zero.

    Masked means zero wherever a layer consumes the channel: behind normalisation, activation,
    sums and pooling. Zero filters alone are not enough, because a normalisation makes a constant
    of them. So filters, biases, and the normalisations' scales, offsets and means of a masked
    channel are set to zero; training would revive them.

    Parameters
    ----------
    model : tf_keras Sequential or Functional model
        Stays as it is.
    kept : mapping of group name to (C,) bool
        Channels that stay; groups that it does not name stay whole.

    Raises
    ------
    ValueError
        If a group is unknown, not prunable or left empty, or a mask has another width.
    """
    graph = read_channels(model)
    alive = _alive(graph, kept)
    masked = _rebuild(model, {})
    for call in graph.calls:
        if call.layer.weights:
            masked.get_layer(call.name).set_weights(_zero(call, alive))
    return masked


def prune_channels(model: Any, kept: Kept) -> Any:
    """Return a new model without the channels that `kept` leaves out.

    It computes what `mask_channels` does, up to the order of float32 sums, with fewer weights
    and smaller activations. Layers keep their names.

    Parameters
    ----------
    model : tf_keras Sequential or Functional model
        Stays as it is.
    kept : mapping of group name to (C,) bool
        Channels that stay; groups that it does not name stay whole.

    Raises
    ------
    ValueError
        If a group is unknown, not prunable or left empty, or a mask has another width.

    References
    ----------
    .. [1] Li et al., arXiv:1608.08710, section 3: filters and the kernels that read them.
    """
    graph = read_channels(model)
    alive = _alive(graph, kept)
    pruned = _rebuild(model, {call.name: int(alive[call.outgoing].sum()) for call in graph.calls})
    for call in graph.calls:
        if call.layer.weights:
            pruned.get_layer(call.name).set_weights(_slice(call, alive))
    return pruned


def dead_channels(model: Any, images: NDArray[np.float32]) -> dict[str, NDArray[np.bool_]]:
    """Return the channels of each prunable group that do something: the others change nothing.

    A channel is dead where each layer that consumes it has no weight for it but zero, which holds
    for any input, or makes nothing but dead channels of it, or reads nothing but zeros, which is
    known for `images` only: give it all the training samples. Channels that are constant, but
    not zero, are not dead; `folding.fold_constants` makes them so where that is exact.

    Parameters
    ----------
    model : tf_keras Sequential or Functional model
        Trained.
    images : (N, H, W, C) float32
        Samples.

    Returns
    -------
    mapping of group name to (C,) bool
        For `prune_channels`; a group that is dead as a whole keeps its first channel.
    """
    graph = read_channels(model)
    ranges = input_ranges(graph, images)
    largest = {number: np.abs(ends).max(axis=0) for number, ends in ranges.items()}
    alive = np.ones(sum(map(len, graph.classes.values())), bool)
    while True:
        used = _used(graph, largest, alive)
        if np.array_equal(used, alive):
            return graph.by_group(alive)
        alive = used


def _used(
    graph: ChannelGraph, largest: dict[int, NDArray[np.float64]], alive: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the classes that one of the `alive` ones is made of; at least one a group."""
    used = np.zeros(len(alive), bool)
    for number, values in largest.items():
        call = graph.calls[number]
        used[call.incoming[(values > 0) & _reads(call, alive[call.outgoing])]] = True
    for group in graph.groups:
        members = graph.classes[group.name]
        if not group.prunable:
            used[members] = True
        elif not used[members].any():
            used[members[np.argmax(alive[members])]] = True
    return used & alive


def _alive(graph: ChannelGraph, kept: Kept) -> NDArray[np.bool_]:
    """Return for each class whether it stays."""
    groups = {group.name: group for group in graph.groups}
    prunable = [name for name, group in groups.items() if group.prunable]
    for name, mask in kept.items():
        if name not in prunable:
            raise ValueError(
                f"{name!r} is no group of channels that may be pruned; choose from "
                f"{', '.join(prunable)}"
            )
        if np.shape(mask) != (groups[name].width,) or np.asarray(mask).dtype != bool:
            raise ValueError(
                f"the mask of {name!r} must be ({groups[name].width},) bool, got "
                f"{np.shape(mask)} {np.asarray(mask).dtype}"
            )
        if not np.any(mask):
            raise ValueError(f"no channel of {name!r} is kept; keep at least one")
    return graph.by_class(kept, default=True)


def _rebuild(model: Any, widths: dict[str, int]) -> Any:
    """Return an untrained model of the same layers, those in `widths` with other numbers."""
    keras = load_keras()
    config = copy.deepcopy(model.get_config())
    for layer in config["layers"]:
        own = layer["config"]
        for field in ("filters", "units"):
            if field in own and own["name"] in widths:
                own[field] = widths[own["name"]]
    kind = keras.Sequential if isinstance(model, keras.Sequential) else keras.Model
    return kind.from_config(config)


def _slice(call: Call, alive: NDArray[np.bool_]) -> Arrays:
    """Return the layer's weights for the channels that stay."""
    incoming, outgoing = alive[call.incoming], alive[call.outgoing]
    kernel, *rest = call.layer.get_weights()
    if call.kind == "BatchNormalization":
        return [weight[outgoing] for weight in (kernel, *rest)]
    if call.kind == "DepthwiseConv2D":
        return [kernel[:, :, incoming], *(bias[outgoing] for bias in rest)]
    if call.kind == "SeparableConv2D":
        pointwise, *bias = rest
        inner = np.repeat(incoming, call.layer.depth_multiplier)
        return [kernel[:, :, incoming], pointwise[:, :, inner][..., outgoing],
                *(b[outgoing] for b in bias)]  # fmt: skip
    return [kernel[..., incoming, :][..., outgoing], *(bias[outgoing] for bias in rest)]


def _zero(call: Call, alive: NDArray[np.bool_]) -> Arrays:
    """Return the layer's weights with zeros where they make a channel that goes."""
    weights = [weight.copy() for weight in call.layer.get_weights()]
    gone = ~alive[call.outgoing]
    if call.kind == "DepthwiseConv2D":
        weights[0][:, :, ~alive[call.incoming]] = 0
        zeroed = weights[1:]
    elif call.kind == "SeparableConv2D":
        zeroed = weights[1:]
    elif call.kind == "BatchNormalization":
        zeroed = weights[:-1]  # the variance stays
    else:
        zeroed = weights
    for weight in zeroed:
        weight[..., gone] = 0
    return weights


def _reads(call: Call, outgoing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for each input position of a consumer whether an output of `outgoing` uses it."""
    kernel, *rest = call.layer.get_weights()
    if call.kind == "SeparableConv2D":
        inner = np.any(rest[0][0, 0][:, outgoing] != 0, axis=1).reshape(len(call.incoming), -1)
        return np.any(np.any(kernel != 0, axis=(0, 1)) & inner, axis=1)
    matrix = kernel[..., outgoing].reshape(-1, len(call.incoming), int(outgoing.sum()))
    return np.any(matrix != 0, axis=(0, 2))
