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

    def logits(self, images: Unfolded, blocks: Any, head: Any, calibration: Any = None) -> Any:
        """Return the logits (N, K) of a path, and the statistics (D, 2, 2, C) it normalised by.

        Parameters
        ----------
        images : two float32 tensors
            Batch, unfolded for the largest kernel.
        blocks, head : int32 tensors
            As in `path.Path`.
        calibration : int32 tensor, optional
            How many of the first images give the statistics that all are normalised by. None
            for all, with gradients, as in training.

        Returns
        -------
        logits : (N, K) float32 tensor
        statistics : (D, 2, 2, C) float32 tensor
            Place, normalisation in the block, mean and variance, channel; 0 where there is none.
        """
        tf = load_tensorflow()
        x, found = images, []
        for place in range(self._space.max_depth):
            x, statistics = self._block(place, x, blocks[place], calibration)
            found.append(statistics)
        return self._head(tf.reduce_mean(x, [1, 2]), head), tf.stack(found)

    def _block(self, place: int, x: Any, row: Any, calibration: Any) -> tuple[Any, Any]:
        tf = load_tensorflow()
        bank = self._bank(place, row)
        ways = [
            _bind(self._convolve, place, (op, stride), x, (row, bank, calibration))
            for op, stride in branches(self._space, place)
        ]
        absent = _bind(self._leave_out, place, x)
        y, statistics = tf.switch_case(row[Column.BRANCH], [*ways, absent])
        y = tf.cond(row[Column.SKIP] > 0, lambda: y + self._map(place, x), lambda: y)
        pooled = tf.cond(row[Column.POOL] > 0, lambda: tf.nn.max_pool2d(y, 2, 2, "SAME"), lambda: y)
        return pooled, statistics

    def _bank(self, place: int, row: Any) -> dict[str, Any]:
        """Return the shared arrays of a block: gathered, so that gradients touch one bank only."""
        tf = load_tensorflow()
        if not place:
            return {
                name.removeprefix("0/"): variable
                for name, variable in self._variables.items()
                if name.startswith("0/")
            }
        return {
            name: tf.gather(variable, row[Column.BANK])
            for name, variable in self._variables.items()
            if name.split("/")[0] in (*self._space.operations, "pointwise")
        }

    def _convolve(
        self, place: int, way: tuple[str, int], x: Any, given: tuple[Any, dict[str, Any], Any]
    ) -> tuple[Any, Any]:
        """Return the activations of one operation, and its statistics (2, 2, C)."""
        tf = load_tensorflow()
        (op, stride), (row, bank, calibration) = way, given
        filters = self._centre(bank[op], row[Column.KERNEL])
        if not place and op == "conv":
            x = self._convolve_image(x, filters, stride, row)
        else:
            x = self._map(place, x)
            filters = filters[:, :, : tf.shape(x)[-1]]
            if op == "conv":
                x = tf.nn.conv2d(x, filters[..., : row[Column.WIDTH]], stride, "SAME")
            else:
                x = tf.raw_ops.DepthwiseConv2dNative(
                    input=x, filter=filters, strides=[1, stride, stride, 1], padding="SAME"
                )
        x, first = self._normalise(x, bank, op, row, calibration)
        if op != "separable":
            return x, tf.stack([first, tf.zeros_like(first)])
        pointwise = bank["pointwise"][:, :, : tf.shape(x)[-1], : row[Column.WIDTH]]
        x = tf.nn.conv2d(x, pointwise, 1, "SAME")
        x, second = self._normalise(x, bank, "pointwise", row, calibration)
        return x, tf.stack([first, second])

    def _convolve_image(self, images: Unfolded, filters: Any, stride: int, row: Any) -> Any:
        """Return the convolution of unfolded images: a product, with the filter's rim at zero."""
        tf = load_tensorflow()
        rim = (self._side - row[Column.KERNEL]) // 2
        flat = tf.pad(filters[..., : row[Column.WIDTH]], [[rim, rim], [rim, rim], [0, 0], [0, 0]])
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

    def _centre(self, filters: Any, kernel: Any) -> Any:
        """Return the (kernel, kernel, C, F) centre of a filter bank."""
        margin = (self._side - kernel) // 2
        return filters[margin : margin + kernel, margin : margin + kernel]

    def _normalise(
        self, x: Any, bank: dict[str, Any], name: str, row: Any, calibration: Any
    ) -> tuple[Any, Any]:
        """Return the normalised, rectified batch, and mean and variance as (2, widest)."""
        tf = load_tensorflow()
        channels = tf.shape(x)[-1]
        gamma, beta = (bank[f"{name}/{part}"][:channels] for part in ("gamma", "beta"))
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

    def _head(self, features: Any, head: Any) -> Any:
        """Return the logits of pooled features (N, C), by dense layers of the last block's kind."""
        tf = load_tensorflow()
        last, hidden = head[0], head[1]
        direct = _bind(self._dense, features, "output", last, self._space.classes)
        if max(self._space.hidden) == 0:
            return direct()

        def through_hidden() -> Any:
            inner = tf.nn.relu(self._dense(features, "hidden", last, hidden))
            return self._dense(inner, "hidden/output", last, self._space.classes)

        return tf.cond(hidden > 0, through_hidden, direct)

    def _dense(self, x: Any, name: str, last: Any, units: Any) -> Any:
        tf = load_tensorflow()
        weights = self._variables[name][last, : tf.shape(x)[-1], :units]
        return tf.matmul(x, weights) + self._variables[f"{name}/bias"][last, :units]


def _bind(function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """Return a branch for `tf.switch_case`; a lambda in a loop would see the last place only."""
    return lambda: function(*arguments)
