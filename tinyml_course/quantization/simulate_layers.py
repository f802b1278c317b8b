"""Keras layers that compute with fake-quantized weights and activations.

The classes are made on first use, because TensorFlow is loaded only then.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tinyml_course.core.environment import load_keras, load_tensorflow
from tinyml_course.quantization.fake_quant import IDENTITY_BITS, fake_quantize, lsq_quantize
from tinyml_course.quantization.observers import MseOptimal

FOLLOW = 0.01
"""Share of each training batch in the moving range of an activation."""


@cache
def range_class() -> Any:
    """Return the class of the layer that fake-quantizes one activation tensor."""
    keras = load_keras()

    class ActivationRange(keras.layers.Layer):
        """Asymmetric fake quantization over a range that follows the batches of training.

        Attributes
        ----------
        bits : int
            Width of the codes; 32 leaves the tensor alone.
        low, high : variable of float32, ()
            The range.
        seen : list of array, or None
            Where it is a list, calls only record the tensor: calibration.
        """

        def __init__(self, bits: int, **options: Any) -> None:
            super().__init__(**options)
            self.bits, self.seen = bits, None

        def build(self, _: Any) -> None:
            self.low, self.high = (
                self.add_weight(name=end, shape=(), initializer="zeros", trainable=False)
                for end in ("low", "high")
            )

        def call(self, x: Any, training: bool = False) -> Any:
            """Return `x` on the grid of the range, which moves first if `training`."""
            if self.seen is not None:
                self.seen.append(np.asarray(x))
                return x
            if self.bits >= IDENTITY_BITS:
                return x
            if training:
                _follow(self, x)
            return fake_quantize(x, self.low, self.high, bits=self.bits)

    return ActivationRange


@cache
def layer_class() -> Any:
    """Return the class that wraps a layer and fake-quantizes what goes in and comes out."""
    keras = load_keras()

    class SimulatedLayer(keras.layers.Wrapper):
        """A layer between the activations that the chip would store as integers.

        Attributes
        ----------
        layer : Layer
            The float layer, with the weights that training moves.
        range_in, range_out : ActivationRange or None
            None where the chip keeps no tensor of its own.
        """

        def __init__(self, layer: Any, range_in: Any, range_out: Any, **options: Any) -> None:
            super().__init__(layer, name=layer.name, **options)
            self.range_in, self.range_out = range_in, range_out

        def call(self, x: Any) -> Any:
            """Return the layer's output on its grid."""
            x = x if self.range_in is None else self.range_in(x)
            return self.finish(self.layer(x))

        def finish(self, y: Any) -> Any:
            """Return `y` on the grid of the output."""
            return y if self.range_out is None else self.range_out(y)

    return SimulatedLayer


@cache
def kernel_class() -> Any:
    """Return the class that wraps a Conv2D, DepthwiseConv2D or Dense layer."""
    tf = load_tensorflow()

    class SimulatedKernel(layer_class()):
        """A layer with weights, which computes with them on a grid of `bits`.

        Attributes
        ----------
        bits : variable of int32, ()
            Width of the weights; assigning it changes the next step, without a new trace.
        scale : variable of float32, (C,) or (), or None
            Learned step (LSQ); None where the largest weight sets the step.
        fold : callable
            Returns the factors (C,) by which batch normalisation will scale the channels, or
            None where each channel has its own step anyway.
        """

        def __init__(
            self, layer: Any, ranges: tuple[Any, Any], *, bits: int, fold: Any, learned: bool,
            per_channel: bool,
        ) -> None:  # fmt: skip
            super().__init__(layer, *ranges)
            self.fold, self.learned, self.per_channel, self.first = fold, learned, per_channel, bits
            self.scale = None

        def build(self, shape: Any) -> None:
            super().build(shape)
            self.bits = self.add_weight(
                name="bits", shape=(), dtype="int32", trainable=False,
                initializer=lambda *_, **__: tf.constant(self.first, tf.int32),
            )  # fmt: skip
            if self.learned:
                steps = (self.matrix().shape[1],) if self.per_channel else ()
                self.scale = self.add_weight(name="scale", shape=steps, initializer="ones")

        def matrix(self) -> Any:
            """Return the weights as (N, C): N values for each of C output channels."""
            kernel = weights_of(self.layer)
            channels = int(np.prod(kernel.shape[2:])) if _is_depthwise(self.layer) else -1
            return tf.reshape(kernel, (-1, channels if channels > 0 else kernel.shape[-1]))

        def quantized(self) -> Any:
            """Return the weights on their grid, in the shape of the layer's own."""
            matrix = self.matrix()
            if self.scale is None:
                high = tf.stop_gradient(_largest(matrix, self.fold(), self.per_channel))
                y = fake_quantize(matrix, -high, high, bits=self.bits, narrow=True, axis=1)
            else:
                fold = self.fold()
                step = self.scale if fold is None else self.scale / fold
                y = lsq_quantize(matrix, step, bits=self.bits, axis=1)
            return tf.reshape(y, weights_of(self.layer).shape)

        def start_scale(self) -> None:
            """Set a learned step to the one with the smallest error at the present width."""
            if self.scale is not None:
                bits, fold = int(self.bits.numpy()), self.fold()
                matrix = self.matrix().numpy() * (1.0 if fold is None else fold.numpy())
                self.scale.assign(_best_steps(matrix, bits, self.per_channel))

        def call(self, x: Any) -> Any:
            """Return the output computed with quantized weights, on its own grid."""
            x = x if self.range_in is None else self.range_in(x)
            y = _apply(self.layer, x, self.quantized())
            y = tf.nn.bias_add(y, self.layer.bias) if self.layer.use_bias else y
            if getattr(self.layer.activation, "__name__", "") in ("softmax", "sigmoid", "tanh"):
                return self.layer.activation(self.finish(y))  # the chip stores the logits
            return self.finish(self.layer.activation(y))

    return SimulatedKernel


def weights_of(layer: Any) -> Any:
    """Return the variable that holds a layer's weights, bias aside."""
    return layer.depthwise_kernel if _is_depthwise(layer) else layer.kernel


def fold_factors(normalisation: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that gives |gamma| / sigma of a batch normalisation, once it is built."""

    def factors() -> Any:
        tf, layer = load_tensorflow(), normalisation()
        if not layer.built:
            return 1.0
        factor = tf.math.rsqrt(layer.moving_variance + layer.epsilon)
        factor = factor if layer.gamma is None else tf.abs(layer.gamma) * factor
        return tf.stop_gradient(tf.maximum(factor, 1e-12))

    return factors


def _is_depthwise(layer: Any) -> bool:
    return isinstance(layer, load_keras().layers.DepthwiseConv2D)


def _apply(layer: Any, x: Any, kernel: Any) -> Any:
    """Return the layer's linear part with `kernel` in place of its own weights."""
    keras, tf = load_keras(), load_tensorflow()
    if isinstance(layer, keras.layers.Dense):
        return tf.tensordot(x, kernel, [[-1], [0]]) if x.shape.rank > 2 else tf.matmul(x, kernel)
    if _is_depthwise(layer):
        return keras.backend.depthwise_conv2d(
            x, kernel, strides=layer.strides, padding=layer.padding,
            dilation_rate=layer.dilation_rate, data_format=layer.data_format,
        )  # fmt: skip
    return layer.convolution_op(x, kernel)


def _largest(matrix: Any, fold: Any, per_channel: bool) -> Any:
    """Return the largest magnitude (C,) that each channel's grid must reach.

    One grid for the whole tensor is one grid of the *folded* weights: each channel's share of
    it is divided by the channel's factor.
    """
    tf = load_tensorflow()
    highs = tf.reduce_max(tf.abs(matrix), axis=0)
    if per_channel:
        return highs
    factor = tf.ones_like(highs) if fold is None else fold * tf.ones_like(highs)
    return tf.reduce_max(highs * factor) / factor


def _best_steps(matrix: Any, bits: int, per_channel: bool) -> Any:
    """Return the steps with the smallest mean squared error, one a column or one in all."""
    if bits >= IDENTITY_BITS:
        return np.ones(matrix.shape[1] if per_channel else (), np.float32)
    observe = MseOptimal(bits=bits, symmetric=True)
    columns = matrix.T if per_channel else [matrix]
    highs = np.array([observe(column)[1] for column in columns])
    steps = np.maximum(highs, 1e-8) / (2 ** (bits - 1) - 1)
    return (steps if per_channel else steps[0]).astype(np.float32)


def _follow(activation: Any, x: Any) -> None:
    """Move the range of `activation` a little towards that of the batch `x`."""
    tf = load_tensorflow()
    low, high = tf.minimum(tf.reduce_min(x), 0.0), tf.maximum(tf.reduce_max(x), 0.0)
    activation.low.assign_add(FOLLOW * (low - activation.low))
    activation.high.assign_add(FOLLOW * (high - activation.high))
