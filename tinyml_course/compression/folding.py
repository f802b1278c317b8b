"""Channels that never change, folded into what follows: then they are dead and can go."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.compression.channel_graph import read_channels
from tinyml_course.compression.channel_types import Call, ChannelGraph
from tinyml_course.compression.channel_values import input_ranges
from tinyml_course.compression.pruning import mask_channels


def fold_constants(model: Any, images: NDArray[np.float32]) -> Any:
    """Return a copy of `model` that no longer reads channels with the same value everywhere.

    A normalisation whose scale has become zero makes a channel constant. What a layer makes of
    it is a constant, too: it moves to the layer's bias, or to the mean of the normalisation that
    alone follows. That is exact for dense layers, 1x1 convolutions and convolutions without
    padding. Padded ones are left alone, because they read zeros at the border.

    Parameters
    ----------
    model : tf_keras Sequential or Functional model
        Trained; stays as it is.
    images : (N, H, W, C) float32
        Samples; what is constant over all of them counts as constant.

    Returns
    -------
    tf_keras model
        Of the same layers. `dead_channels` finds the channels that nobody reads any more.
    """
    graph = read_channels(model)
    folded = mask_channels(model, {})
    for number, (low, high) in input_ranges(graph, images).items():
        call = graph.calls[number]
        constant = (low == high) & (low != 0)
        if constant.any() and _is_exact(call):
            _fold(folded, graph, number, np.where(constant, low, 0.0))
    return folded


def _is_exact(call: Call) -> bool:
    """Whether every output pixel of a consumer sees all of its weights."""
    if call.kind == "Conv2D":
        return bool(call.layer.padding == "valid" or tuple(call.layer.kernel_size) == (1, 1))
    return call.kind == "Dense"


def _fold(folded: Any, graph: ChannelGraph, number: int, constants: NDArray[np.float64]) -> None:
    """Move what a consumer makes of `constants`, (D,), behind it; leave it where nothing can."""
    call = graph.calls[number]
    layer = folded.get_layer(call.name)
    kernel, *bias = layer.get_weights()
    axes = tuple(range(kernel.ndim - 2))
    made = constants @ kernel.sum(axis=axes, dtype=np.float64)
    norm = None if bias else _only_normalisation(graph, number)
    if not bias and norm is None:
        return
    kernel[..., constants != 0, :] = 0
    layer.set_weights([kernel, *((b + made).astype(b.dtype) for b in bias)])
    if norm is not None:
        *rest, mean, variance = folded.get_layer(norm).get_weights()
        folded.get_layer(norm).set_weights([*rest, mean - made, variance])


def _only_normalisation(graph: ChannelGraph, number: int) -> str | None:
    """Return the name of the normalisation that alone reads a call's output, if there is one."""
    readers = [call for call in graph.calls if number in call.sources]
    alone = len(readers) == 1 and number not in graph.outputs
    return readers[0].name if alone and readers[0].kind == "BatchNormalization" else None
