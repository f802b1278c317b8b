"""What flows through a model's channels: values at the layers that consume them, and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.compression.channel_rules import CONSUMERS
from tinyml_course.compression.channel_types import ChannelGraph
from tinyml_course.core.environment import load_tensorflow

BATCH = 256


def input_ranges(
    graph: ChannelGraph, images: NDArray[np.float32]
) -> dict[int, NDArray[np.float64]]:
    """Return the lowest and highest value that each consumer reads, per position of its input.

    Parameters
    ----------
    graph : ChannelGraph
        Of a model with one input.
    images : (N, H, W, C) float32
        Samples, at least one.

    Returns
    -------
    mapping of call number to (2, D) float64
        One for each call of `CONSUMERS`; D is the length of its input's last axis.
    """
    found: dict[int, NDArray[np.float64]] = {}

    def note(number: int, x: Any) -> Any:
        values = x.numpy().reshape(-1, x.shape[-1]).astype(np.float64)
        low, high = values.min(axis=0), values.max(axis=0)
        before = found.get(number, np.stack([low, high]))
        found[number] = np.stack([np.minimum(before[0], low), np.maximum(before[1], high)])
        return x

    for start in range(0, len(images), BATCH):
        _run(graph, images[start : start + BATCH], note)
    return found


def channel_gradients(
    graph: ChannelGraph, images: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return what each channel contributes to each sample's loss, to first order.

    Every channel gets a gate that multiplies it wherever it is consumed; all gates are 1. The
    gradient by a gate is the sum of activation times gradient over the channel's pixels, and
    closing the gate changes the loss by minus that.

    Parameters
    ----------
    graph : ChannelGraph
        Of a model with one input, and probabilities as its output.
    images : (N, H, W, C) float32
        Samples.
    labels : (N,) int64
        Their classes.

    Returns
    -------
    (N, classes of channels) float64
        In nats.
    """
    return np.concatenate(
        [
            _gate_gradients(graph, images[start : start + BATCH], labels[start : start + BATCH])
            for start in range(0, len(images), BATCH)
        ]
    )


def _gate_gradients(
    graph: ChannelGraph, images: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    tf = load_tensorflow()
    gates = tf.ones((len(images), sum(map(len, graph.classes.values()))))

    def gate(number: int, x: Any) -> Any:
        chosen = tf.gather(gates, graph.calls[number].incoming, axis=1)
        return x * tf.reshape(chosen, (len(images), *[1] * (len(x.shape) - 2), -1))

    with tf.GradientTape() as tape:
        tape.watch(gates)
        probabilities = _run(graph, images, gate)
        right = tf.gather(probabilities, labels, axis=1, batch_dims=1)
        loss = -tf.reduce_sum(tf.math.log(tf.maximum(right, 1e-30)))
    return np.asarray(tape.gradient(loss, gates), np.float64)


def _run(
    graph: ChannelGraph, images: NDArray[np.float32], at_consumer: Callable[[int, Any], Any]
) -> Any:
    """Return the first output; `at_consumer` sees, and may change, what each consumer reads."""
    tf = load_tensorflow()
    inputs = [call.name for call in graph.calls if not call.sources]
    if len(inputs) != 1:
        raise ValueError(f"need a model with one input, got {', '.join(inputs)}")
    values: list[Any] = []
    for number, call in enumerate(graph.calls):
        fed = [values[source] for source in call.sources]
        if not fed:
            values.append(tf.convert_to_tensor(images))
            continue
        if call.kind in CONSUMERS:
            fed = [at_consumer(number, fed[0])]
        values.append(call.layer(fed[0] if len(fed) == 1 else fed))
    return values[graph.outputs[0]]
