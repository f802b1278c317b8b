"""A network in which every open choice is a weighted sum of all its options."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyml_course.core.environment import load_tensorflow
from tinyml_course.nas.supernet_graph import EPSILON

if TYPE_CHECKING:
    from tinyml_course.core.arch import LayerSpec
    from tinyml_course.nas.choices import Operation, Skeleton


class Mixture:
    """The weights of all options of a skeleton, and the forward pass that mixes them.

    Every operation is computed as wide as the widest choice. A width is a mask over the channels,
    the probabilities of the widths say how much of each channel comes through.

    Parameters
    ----------
    skeleton : Skeleton
        What is fixed, and what is open.
    rng : numpy.random.Generator
        Draws the initial weights.
    """

    def __init__(self, skeleton: Skeleton, rng: np.random.Generator) -> None:
        self._skeleton = skeleton
        self._widest = max(skeleton.widths)
        self._masks = np.array(
            [[float(channel < w) for channel in range(self._widest)] for w in skeleton.widths],
            np.float32,
        )
        self._rng = rng
        self.variables: list[Any] = []
        self._blocks = [
            [self._prepare(operation, place) for operation in skeleton.operations(place)]
            for place in range(len(skeleton.spec.layers))
        ]
        sizes = (self._widest, skeleton.spec.hidden, skeleton.spec.classes)
        units = [size for size in sizes if size]
        self._dense = [
            (self._normal((a, b), a), self._add(np.zeros(b))) for a, b in pairwise(units)
        ]

    def logits(self, images: Any, operations: Sequence[Any], widths: Sequence[Any]) -> Any:
        """Return the logits (N, K) of `images` (N, H, W, C) under shares of each option.

        Parameters
        ----------
        images : (N, H, W, C) float32 tensor
            Batch; its statistics normalise.
        operations, widths : sequences of (O,) and (W,) float32 tensors
            Shares at each place.
        """
        tf = load_tensorflow()
        x, mask = images, None
        for place, (share, width) in enumerate(zip(operations, widths, strict=True)):
            layer = self._skeleton.layers[place]
            x, mask = self._mix(
                place, layer, x, (mask, tf.linalg.matvec(self._masks.T, width)), share
            )
            if layer.pool > 1:
                x = tf.nn.max_pool2d(x, layer.pool, layer.pool, "SAME")
        x = tf.reduce_mean(x, [1, 2])
        for number, (weights, bias) in enumerate(self._dense):
            x = tf.matmul(tf.nn.relu(x) if number else x, weights) + bias
        return x

    def _mix(
        self, place: int, layer: LayerSpec, x: Any, masks: tuple[Any, Any], share: Any
    ) -> tuple[Any, Any]:
        """Return the mixed output of a block, and how much of each channel is in it."""
        before, own = masks
        total: Any = 0.0
        passed: Any = 0.0
        for number, (kind, _) in enumerate(self._skeleton.operations(place)):
            mask = before if kind == "depthwise" else own
            y = self._compute(self._blocks[place][number], kind, layer, x)
            total = total + share[number] * mask * y
            passed = passed + share[number] * mask
        return total, passed

    def _compute(self, stages: list[Any], kind: str, layer: LayerSpec, x: Any) -> Any:
        tf = load_tensorflow()
        stride = layer.stride
        for number, (filters, gamma, beta) in enumerate(stages):
            if kind != "conv" and not number:
                x = tf.nn.depthwise_conv2d(x, filters, [1, stride, stride, 1], "SAME")
            else:
                x = tf.nn.conv2d(x, filters, stride if kind == "conv" else 1, "SAME")
            x, *_ = tf.raw_ops.FusedBatchNormV3(
                x=x, scale=gamma, offset=beta, mean=tf.zeros([0]), variance=tf.zeros([0]),
                epsilon=EPSILON, is_training=True,
            )  # fmt: skip
            x = tf.nn.relu6(x) if layer.activation == "relu6" else tf.nn.relu(x)
        return x

    def _prepare(self, operation: Operation, place: int) -> list[Any]:
        """Return filters, scale and shift of each stage of an operation."""
        kind, kernel = operation
        inputs = self._widest if place else self._skeleton.space.input_shape[2]
        taps = kernel * kernel
        if kind == "conv":
            shape = (kernel, kernel, inputs, self._widest)
            return [(self._normal(shape, taps * inputs), *self._norm(self._widest))]
        stages = [(self._normal((kernel, kernel, inputs, 1), taps), *self._norm(inputs))]
        if kind == "separable":
            shape = (1, 1, inputs, self._widest)
            stages.append((self._normal(shape, inputs), *self._norm(self._widest)))
        return stages

    def _norm(self, channels: int) -> tuple[Any, Any]:
        return self._add(np.ones(channels)), self._add(np.zeros(channels))

    def _normal(self, shape: tuple[int, ...], fan_in: int) -> Any:
        return self._add(self._rng.normal(0, np.sqrt(2 / fan_in), shape))

    def _add(self, values: Any) -> Any:
        tf = load_tensorflow()
        self.variables.append(tf.Variable(np.asarray(values, np.float32)))
        return self.variables[-1]
