"""The logits of a classifier that ends in softmax: exact, and over the same weights.

The logarithm of a probability is no substitute: where float32 has rounded it to zero, the logit is
lost.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from tinyml_course.core.environment import load_keras, load_tensorflow


def logits_twin(model: Any) -> Any:
    """Return `model` without its last softmax: a model over the same layers and weights.

    Training the twin trains `model`, and softmax of the twin's outputs is what `model` returns.

    Parameters
    ----------
    model : tf_keras Sequential or Functional model
        One output, (N, K). It ends in a dense layer with softmax, or in a softmax layer, also
        under tfmot's wrapper: what `quantize_aware` returns is of the second kind, and its
        logits are rounded to 8 bits, as the chip stores them.

    Returns
    -------
    tf_keras.Model
        Output (N, K) float32 logits.

    Raises
    ------
    ValueError
        If the model has several outputs, or its end is neither of these.
    """
    keras = load_keras()
    if len(model.outputs) != 1:
        raise ValueError(f"need a classifier with one output, got {len(model.outputs)}")
    last, node, _ = model.outputs[0]._keras_history
    fed = last.get_input_at(node)
    inner = getattr(last, "layer", last)
    if isinstance(inner, keras.layers.Softmax) or _is_softmax_activation(inner):
        return keras.Model(model.inputs, fed, name="logits")
    if type(last) is keras.layers.Dense and last.activation is keras.activations.softmax:
        linear = _linear_class()(last, name=f"{last.name}_logits")
        return keras.Model(model.inputs, linear(fed), name="logits")
    raise ValueError(
        f"the model ends in {last.name!r}, a {type(last).__name__} without softmax of its own; "
        "distillation needs logits: end it in Dense(classes, activation='softmax'), or in "
        "Dense(classes) and Softmax()"
    )


def _is_softmax_activation(layer: Any) -> bool:
    keras = load_keras()
    return (
        isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.softmax
    )


@cache
def _linear_class() -> Any:
    """Return the class of the layer that is a dense layer up to its activation."""
    keras, tf = load_keras(), load_tensorflow()

    class LinearPart(keras.layers.Layer):  # type: ignore[misc]
        """Computes ``x @ kernel + bias`` with the variables of a dense layer."""

        def __init__(self, dense: Any, **options: Any) -> None:
            super().__init__(**options)
            self.dense = dense

        def call(self, x: Any) -> Any:
            y = tf.matmul(x, self.dense.kernel)
            return tf.nn.bias_add(y, self.dense.bias) if self.dense.use_bias else y

    return LinearPart
