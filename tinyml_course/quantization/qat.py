"""Quantization-aware training with tfmot: a trained float model learns to live with int8."""

from __future__ import annotations

from typing import Any

from tinyml_course.core.environment import load_keras, load_tensorflow


def quantize_aware(model: Any) -> Any:
    """Return a copy of a trained `tf_keras` model that simulates int8 in training.

    Weights are cloned, so the copy starts from what `model` has learnt. Convolutions are
    quantized per channel, dense layers per tensor, activations by moving ranges.

    Parameters
    ----------
    model : tf_keras Sequential or Functional model
        Built of layers that tfmot's default 8-bit scheme knows.

    Raises
    ------
    ValueError
        If a layer has no 8-bit scheme; the message names it and what to use instead.

    References
    ----------
    .. [1] Jacob et al., arXiv:1712.05877, section 3.
    """
    load_tensorflow()
    import tensorflow_model_optimization as tfmot

    keras = load_keras()
    for layer in model.layers:
        if isinstance(layer, keras.layers.SeparableConv2D):
            raise ValueError(
                f"layer {layer.name!r} is a SeparableConv2D, which tfmot can't quantize "
                "without a bias; write it as DepthwiseConv2D and a 1x1 Conv2D"
            )
    try:
        return tfmot.quantization.keras.quantize_model(model)
    except RuntimeError as fault:
        raise ValueError(
            f"tfmot has no 8-bit scheme for a layer of this model: {fault}. Replace that layer "
            "by Conv2D, DepthwiseConv2D, Dense, pooling or ReLU"
        ) from fault
