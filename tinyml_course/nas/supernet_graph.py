"""The supernet's computation: one TensorFlow graph that follows any path.

Everything that distinguishes two networks enters as numbers, so nothing is traced twice: filters
are cut from the shared banks by tensors that hold widths and kernels, and a switch takes one
branch at each place. Only the branch taken is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.environment import load_tensorflow
from tinyml_course.nas.path import Column, branches

if TYPE_CHECKING:
    from tinyml_course.nas.space import SearchSpace

EPSILON = 1e-3
"""Added to variances; Keras' default, which extracted networks use as well."""

NORMS = 2
"""Most normalisations in one block: a separable one has two."""


Unfolded = tuple[Any, Any]
"""Images as the first block reads them, at stride 1 and at stride 2; see `unfold`."""


def unfold(
    images: NDArray[np.float32], side: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return pixels' neighbourhoods as channels: the first convolution becomes a product.

    On an image of one channel TensorFlow's own convolution takes several times as long, and the
    neighbourhoods are the same for all networks.

    Parameters
    ----------
    images : (N, H, W, C) float32
        Batch; zeros are put around it.
    side : int
        Odd.

    Returns
    -------
    dense : (N, H, W, side * side * C) float32
        Around every pixel: row by row, column by column, channel by channel.
    strided : (N, ceil(H / 2), ceil(W / 2), side * side * C) float32
        Around those that a stride of 2 stops at under SAME padding: from pixel 1 on along an
        even side, from pixel 0 on along an odd one.
    """
    margin = side // 2
    padded = np.pad(images, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    dense = windows.transpose(0, 1, 2, 4, 5, 3).reshape(*images.shape[:3], -1)
    rows, columns = ((size + 1) % 2 for size in images.shape[1:3])
    return dense, np.ascontiguousarray(dense[:, rows::2, columns::2])


class SupernetGraph:
    """The forward pass of a supernet.

    Parameters
    ----------
    space : SearchSpace
        Choices at each place.
    variables : mapping of str to tf.Variable
        Named as by `weight_sharing.weight_shapes`.
    """

    def __init__(self, space: SearchSpace, variables: Mapping[str, Any]) -> None:
        self._space, self._variables = space, variables
        self._side = max(space.kernels)
        self._widest = max(*space.widths, space.input_shape[2])

    def outputs(
        self, images: Unfolded, blocks: Any, hidden: Any, calibration: Any = None
    ) -> tuple[Any, Any, Any]:
        """Return what a path computes: logits, what the last layer reads, statistics.

        Parameters
        ----------
        images : two float32 tensors
            Batch, unfolded for the largest kernel.
        blocks, hidden : int32 tensors
            As in `path.Path`.
        calibration : int32 tensor, optional
            How many of the first images give the statistics that all are normalised by. None
            for all, with gradients, as in training.

        Returns
        -------
        logits : (N, K) float32 tensor
        features : (N, F) float32 tensor
            Inputs of the last dense layer.
        statistics : (D, 2, 2, C) float32 tensor
            Place, normalisation in the block, mean and variance, channel; 0 where there is none.
        """
        tf = load_tensorflow()
        x, found = images, []
        for place in range(self._space.max_depth):
            x, statistics = self._block(place, x, blocks[place], calibration)
            found.append(statistics)
        return *self._head(tf.reduce_mean(x, [1, 2]), hidden), tf.stack(found)

    def _block(self, place: int, x: Any, row: Any, calibration: Any) -> tuple[Any, Any]:
        tf = load_tensorflow()
        ways = [
            _bind(self._convolve, place, op, stride, x, row, calibration)
            for op, stride in branches(self._space, place)
        ]
        absent = _bind(self._leave_out, place, x)
        y, statistics = tf.switch_case(row[Column.BRANCH], [*ways, absent])
        y = tf.cond(row[Column.SKIP] > 0, lambda: y + self._map(place, x), lambda: y)
        pooled = tf.cond(row[Column.POOL] > 0, lambda: tf.nn.max_pool2d(y, 2, 2, "SAME"), lambda: y)
        return pooled, statistics

    def _convolve(
        self, place: int, op: str, stride: int, x: Any, row: Any, calibration: Any
    ) -> tuple[Any, Any]:
        """Return the activations of one operation, and its statistics (2, 2, C)."""
        tf = load_tensorflow()
        name, width = f"{place}/{op}", row[Column.WIDTH]
        if not place and op == "conv":
            x = self._convolve_image(x, name, stride, row)
            x, found = self._normalise(x, name, row, calibration)
            return x, tf.stack([found, tf.zeros_like(found)])
        x = self._map(place, x)
        inputs = tf.shape(x)[-1]
        bank = self._centre(name, row[Column.KERNEL])
        if op == "conv":
            x = tf.nn.conv2d(x, bank[:, :, :inputs, :width], stride, "SAME")
        else:
            x = tf.raw_ops.DepthwiseConv2dNative(
                input=x, filter=bank[:, :, :inputs], strides=[1, stride, stride, 1], padding="SAME"
            )
        x, first = self._normalise(x, name, row, calibration)
        if op != "separable":
            return x, tf.stack([first, tf.zeros_like(first)])
        name = f"{place}/pointwise"
        x = tf.nn.conv2d(x, self._variables[name][:, :, :inputs, :width], 1, "SAME")
        x, second = self._normalise(x, name, row, calibration)
        return x, tf.stack([first, second])

    def _convolve_image(self, images: Unfolded, name: str, stride: int, row: Any) -> Any:
        """Return the convolution of unfolded images: a product, with the filter's rim at zero."""
        tf = load_tensorflow()
        bank = self._centre(name, row[Column.KERNEL])[..., : row[Column.WIDTH]]
        rim = (self._side - row[Column.KERNEL]) // 2
        flat = tf.pad(bank, [[rim, rim], [rim, rim], [0, 0], [0, 0]])
        x = images[stride - 1]
        return tf.nn.conv2d(x, tf.reshape(flat, [1, 1, x.shape[-1], -1]), 1, "SAME")

    def _map(self, place: int, x: Any) -> Any:
        """Return `x`, folded again where it is images: the middle of each neighbourhood."""
        if place:
            return x
        channels = self._space.input_shape[2]
        middle = self._side**2 // 2 * channels
        return x[0][..., middle : middle + channels]

    def _leave_out(self, place: int, x: Any) -> tuple[Any, Any]:
        return self._map(place, x), load_tensorflow().zeros([NORMS, 2, self._widest])

    def _centre(self, name: str, kernel: Any) -> Any:
        """Return the (kernel, kernel, C, F) centre of a filter bank."""
        margin = (self._side - kernel) // 2
        return self._variables[name][margin : margin + kernel, margin : margin + kernel]

    def _normalise(self, x: Any, name: str, row: Any, calibration: Any) -> tuple[Any, Any]:
        """Return the normalised, rectified batch, and mean and variance as (2, widest)."""
        tf = load_tensorflow()
        channels = tf.shape(x)[-1]
        gamma, beta = (self._variables[f"{name}/{part}"][:channels] for part in ("gamma", "beta"))
        mean, variance = (), ()
        training = calibration is None
        if not training:
            sample = x[:calibration]
            mean = tf.reduce_mean(sample, [0, 1, 2])
            variance = tf.reduce_mean(tf.math.squared_difference(sample, mean), [0, 1, 2])
        y, batch_mean, batch_variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, epsilon=EPSILON, is_training=training,
            mean=tf.zeros([0]) if training else mean,
            variance=tf.zeros([0]) if training else variance,
        )  # fmt: skip
        y = tf.cond(row[Column.RELU6] > 0, lambda: tf.nn.relu6(y), lambda: tf.nn.relu(y))
        found = (batch_mean, batch_variance) if training else (mean, variance)
        return y, tf.pad(tf.stack(found), [[0, 0], [0, self._widest - channels]])

    def _head(self, pooled: Any, hidden: Any) -> tuple[Any, Any]:
        """Return logits and features of pooled activations (N, C)."""
        tf = load_tensorflow()

        def direct() -> tuple[Any, Any]:
            return self._dense(pooled, "output", self._space.classes), pooled

        def through_hidden() -> tuple[Any, Any]:
            inner = tf.nn.relu(self._dense(pooled, "hidden", hidden))
            return self._dense(inner, "hidden/output", self._space.classes), inner

        if max(self._space.hidden) == 0:
            return direct()
        return tf.cond(hidden > 0, through_hidden, direct)

    def _dense(self, x: Any, name: str, units: Any) -> Any:
        tf = load_tensorflow()
        weights = self._variables[name][: tf.shape(x)[-1], :units]
        return tf.matmul(x, weights) + self._variables[f"{name}/bias"][:units]


def _bind(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """Return a branch for `tf.switch_case`; a lambda in a loop would see the last place only."""
    return lambda: function(*arguments)
