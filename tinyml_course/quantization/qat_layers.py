"""Quantizers of weights at any width from 2 to 8 bits, and the config that places them in tfmot.

The classes derive from tfmot's, which must not be imported before it is needed; so each lives
in a function that makes it once.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from tinyml_course.core.environment import load_keras, load_tensorflow

STORED_LEVELS = 127
"""Largest code of the int8 tensors that hold weights of every width."""


def largest_code(bits: int) -> int:
    """Return the largest of the symmetric codes of `bits`: 7 for four bits."""
    return int(2 ** (bits - 1) - 1)


@cache
def load_tfmot() -> Any:
    """Import tfmot after TensorFlow and Keras 2 and return the module."""
    load_tensorflow()
    load_keras()
    import tensorflow_model_optimization as tfmot

    return tfmot


@cache
def weight_quantizer_class() -> Any:
    """Return the class of the weight quantizer, registered with Keras for saving."""
    tf, keras, tfmot = load_tensorflow(), load_keras(), load_tfmot()

    @keras.utils.register_keras_serializable(package="tinyml_course")
    class SymmetricWeights(tfmot.quantization.keras.quantizers.Quantizer):  # type: ignore[misc]
        """Rounds weights to ``scale * k`` with ``|k| <= 2**(bits - 1) - 1``; gradients pass.

        Codes of few bits are int8 codes of a range that is wider than the weights: with
        ``m = max |w|`` the fake quantizer gets ``m * 127 / (2**(bits - 1) - 1)``, so its step is
        ``m / (2**(bits - 1) - 1)``, and the codes beyond stay unused. The converter then stores
        the codes k as they are. Were the step ``m / 127``, the levels would fall between codes.

        Parameters
        ----------
        bits : int
            Width of the codes, 2 to 8.
        channel_axes : int
            How many of the last axes tell output channels apart: 1 of a convolution's kernel,
            2 of a depthwise one's, 0 of a matrix, which has one scale.
        shared : bool
            Give all channels the same scale. They still have one each: the converter multiplies
            it by the normalisation's factor, and leaves the layer in float where it can't.
        """

        def __init__(self, bits: int, channel_axes: int, shared: bool) -> None:
            self.bits = bits
            self.channel_axes = channel_axes
            self.shared = shared

        def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
            """Return the variables that hold the range: as many as there are scales."""
            shape = self._flat_shape(tensor_shape)[3:] if self.channel_axes else ()
            make = keras.initializers.Constant
            return {
                f"{end}_var": layer.add_weight(
                    f"{name}_{end}", shape=shape, initializer=make(sign * 6.0), trainable=False
                )
                for end, sign in (("min", -1), ("max", 1))
            }

        def __call__(self, inputs: Any, training: bool, weights: dict[str, Any], **_: Any) -> Any:
            """Return the rounded weights; in training, measure their range first."""
            if training:
                self.observe(inputs, weights)
            low, high = weights["min_var"], weights["max_var"]
            options = {"num_bits": 8, "narrow_range": True}
            if not self.channel_axes:
                return tf.quantization.fake_quant_with_min_max_vars(inputs, low, high, **options)
            flat = tf.reshape(inputs, self._flat_shape(inputs.shape))
            rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(
                flat, low, high, **options
            )
            return tf.reshape(rounded, inputs.shape)

        def observe(self, inputs: Any, weights: dict[str, Any]) -> None:
            """Set the range from the weights' largest magnitudes."""
            flat = tf.reshape(inputs, self._flat_shape(inputs.shape))
            largest = tf.reduce_max(tf.abs(flat), axis=None if self.shared else self._inner_axes())
            reach = largest * (STORED_LEVELS / largest_code(self.bits))
            for end, sign in (("min_var", -1.0), ("max_var", 1.0)):
                weights[end].assign(tf.broadcast_to(sign * reach, weights[end].shape))

        def _inner_axes(self) -> list[int] | None:
            """Return the axes within a channel of the flat kernel."""
            return [0, 1, 2] if self.channel_axes else None

        def _flat_shape(self, shape: Any) -> tuple[int, ...]:
            """Return the kernel's shape with all axes of channels in one, the last of four."""
            sizes = tuple(int(size) for size in shape)
            return sizes if self.channel_axes < 2 else (*sizes[:2], 1, sizes[2] * sizes[3])

        def get_config(self) -> dict[str, Any]:
            """Return the constructor's arguments."""
            return {"bits": self.bits, "channel_axes": self.channel_axes, "shared": self.shared}

    return SymmetricWeights


@cache
def layer_config_class() -> Any:
    """Return the class of the layers' quantize config, registered with Keras for saving."""
    keras, tfmot = load_keras(), load_tfmot()
    quantizers = tfmot.quantization.keras.quantizers

    @keras.utils.register_keras_serializable(package="tinyml_course")
    class LayerQuantization(tfmot.quantization.keras.QuantizeConfig):  # type: ignore[misc]
        """What is quantized in a layer: its kernel, its output, both or nothing.

        Parameters
        ----------
        kernel : str
            Attribute of the layer that holds the weights; empty where it has none.
        bits : int
            Width of the weights.
        channel_axes, shared
            As in the weight quantizer.
        output : bool
            Whether the output is quantized, to 8 bits with a moving range.
        """

        def __init__(
            self, *, kernel: str, bits: int, channel_axes: int, shared: bool, output: bool
        ) -> None:
            self.kernel = kernel
            self.bits = bits
            self.channel_axes = channel_axes
            self.shared = shared
            self.output = output

        def get_weights_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
            """Return the kernel with its quantizer."""
            if not self.kernel:
                return []
            quantizer = weight_quantizer_class()(self.bits, self.channel_axes, self.shared)
            return [(getattr(layer, self.kernel), quantizer)]

        def get_activations_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:  # noqa: ARG002
            """Return nothing: activations are layers of their own, quantized at the output."""
            return []

        def set_quantize_weights(self, layer: Any, quantize_weights: list[Any]) -> None:
            """Put the rounded kernel in the layer's place for it."""
            for rounded in quantize_weights:
                setattr(layer, self.kernel, rounded)

        def set_quantize_activations(self, layer: Any, quantize_activations: list[Any]) -> None:
            """Do nothing: there are none."""
            del layer, quantize_activations  # autograph can't read a body of a docstring alone

        def get_output_quantizers(self, layer: Any) -> list[Any]:  # noqa: ARG002
            """Return the quantizer of the output, if it has one."""
            if not self.output:
                return []
            return [
                quantizers.MovingAverageQuantizer(
                    num_bits=8, per_axis=False, symmetric=False, narrow_range=False
                )
            ]

        def get_config(self) -> dict[str, Any]:
            """Return the constructor's arguments."""
            return {
                "kernel": self.kernel,
                "bits": self.bits,
                "channel_axes": self.channel_axes,
                "shared": self.shared,
                "output": self.output,
            }

    return LayerQuantization


def make_input_quantizer(name: str) -> Any:
    """Return the layer that quantizes a model's input to 8 bits over all values it has seen."""
    tfmot = load_tfmot()
    from tensorflow_model_optimization.python.core.quantization.keras.quantize_layer import (
        QuantizeLayer,
    )

    seen = tfmot.quantization.keras.quantizers.AllValuesQuantizer(
        num_bits=8, per_axis=False, symmetric=False, narrow_range=False
    )
    return QuantizeLayer(seen, name=name)
