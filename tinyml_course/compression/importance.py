"""How much each channel matters: three criteria with one signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tinyml_course.compression.channel_graph import read_channels
from tinyml_course.compression.channel_rules import PRODUCERS
from tinyml_course.compression.channel_types import Call
from tinyml_course.compression.channel_values import channel_gradients
from tinyml_course.core.types import GestureSet

Criterion = Literal["bn-scale", "l1", "taylor"]

Scores = dict[str, NDArray[np.float64]]
"""From the name of a prunable group to (C,) float64, at least 0; small is unimportant."""


def score_channels(model: Any, criterion: Criterion, samples: GestureSet | None = None) -> Scores:
    """Return the importance of every channel that may be pruned.

    Parameters
    ----------
    model : tf_keras Sequential or Functional model
        Trained.
    criterion : {'bn-scale', 'l1', 'taylor'}
        `bn_scale`, `l1_norm` or `taylor`.
    samples : GestureSet, optional
        Training samples; 'taylor' needs them.

    Raises
    ------
    ValueError
        If the criterion is unknown, or needs samples and has none.
    """
    if criterion not in get_args(Criterion):
        raise ValueError(f"criterion must be one of {', '.join(get_args(Criterion))}, "
                         f"got {criterion!r}")  # fmt: skip
    if criterion == "bn-scale":
        return bn_scale(model)
    if criterion == "l1":
        return l1_norm(model)
    if samples is None or not len(samples):
        raise ValueError("'taylor' needs samples to measure gradients on; pass the training set")
    return taylor(model, samples.images, samples.labels)


def bn_scale(model: Any) -> Scores:
    """Return each channel's batch normalisation scale, abs(gamma), summed over its layers.

    Groups that no normalisation with a scale follows are left out, and so stay whole.

    References
    ----------
    .. [1] Liu et al., arXiv:1708.06519, section 3: network slimming.
    """

    def measure(call: Call) -> NDArray[np.float64]:
        return np.abs(call.layer.gamma.numpy().astype(np.float64))

    return _sum_over(
        model, lambda c: c.kind == "BatchNormalization" and bool(c.layer.scale), measure
    )


def l1_norm(model: Any) -> Scores:
    """Return the sum of each filter's absolute weights, summed over the layers that make a channel.

    Wide filters have larger sums, so scores compare within a group, not between groups.

    References
    ----------
    .. [1] Li et al., arXiv:1608.08710, section 3.1.
    """

    def measure(call: Call) -> NDArray[np.float64]:
        kernel = call.layer.get_weights()[1 if call.kind == "SeparableConv2D" else 0]
        return np.abs(kernel.astype(np.float64)).sum(axis=tuple(range(kernel.ndim - 1)))

    return _sum_over(model, lambda c: c.kind in PRODUCERS and bool(c.sources), measure)


def taylor(model: Any, images: NDArray[np.float32], labels: NDArray[np.int64]) -> Scores:
    """Return the first-order estimate of how much the loss changes when a channel goes, in nats.

    For each sample, activation times gradient summed over the channel's pixels and over all the
    layers that consume it; then the mean of the absolute values.

    Parameters
    ----------
    model : tf_keras Sequential or Functional model
        One input; outputs are probabilities.
    images : (N, H, W, C) float32
        Samples to measure on.
    labels : (N,) int64
        Their classes.

    Raises
    ------
    ValueError
        If the outputs are no probabilities.

    References
    ----------
    .. [1] Molchanov et al., arXiv:1611.06440, section 2.2, equation 8 (there the mean over
       pixels, scaled layer by layer; here the sum, which needs no scaling).
    .. [2] Molchanov et al., arXiv:1906.10771, section 3: importance as a gate's gradient.
    """
    first = np.asarray(model(images[:8]))
    if first.min() < 0 or not np.allclose(first.sum(axis=-1), 1, atol=1e-3):
        raise ValueError(
            f"taylor needs a model whose outputs are probabilities, got rows that sum to "
            f"{first.sum(axis=-1).min():.3g}..{first.sum(axis=-1).max():.3g}; end it in softmax"
        )
    graph = read_channels(model)
    return graph.by_group(np.abs(channel_gradients(graph, images, labels)).mean(axis=0))


def _sum_over(
    model: Any, applies: Callable[[Call], bool], measure: Callable[[Call], NDArray[np.float64]]
) -> Scores:
    """Return `measure`, (C,) for a call's outputs, summed over the calls to which it applies."""
    graph = read_channels(model)
    total = np.full(sum(map(len, graph.classes.values())), np.nan)
    for call in filter(applies, graph.calls):
        total[call.outgoing] = np.nan_to_num(total[call.outgoing])
        np.add.at(total, call.outgoing, measure(call))
    scores = graph.by_group(total)
    return {name: score for name, score in scores.items() if not np.isnan(score).any()}
