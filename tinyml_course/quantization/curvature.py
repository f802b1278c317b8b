"""The curvature of the loss in each layer's weights: Hutchinson's estimate of a Hessian's trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.environment import load_tensorflow
from tinyml_course.core.types import GestureSet
from tinyml_course.quantization.sensitivity import SMALLEST_PROBABILITY, find_weight_layers


@dataclass(frozen=True, slots=True, kw_only=True)
class HessianTrace:
    """The trace of the loss's Hessian in one layer's weights.

    Attributes
    ----------
    layer : str
        Its name.
    weights : int
        Number of weights, the size of the Hessian.
    trace : float
        Estimate, in nats per squared weight.
    standard_error : float
        Of the estimate, from its probes.
    """

    layer: str
    weights: int
    trace: float
    standard_error: float

    def predict_damage(self, squared_error: float) -> float:
        """Return the rise of the loss, in nats, for weights moved by `squared_error` in sum.

        Half the mean curvature times the squared distance: the second-order term where the
        error has no preferred direction and the gradient has vanished.

        References
        ----------
        .. [1] Dong et al., HAWQ-V2, arXiv:1911.03852, equation 5.

        Examples
        --------
        >>> trace = HessianTrace(layer="c", weights=10, trace=40.0, standard_error=0.0)
        >>> trace.predict_damage(0.5)
        1.0
        """
        return 0.5 * self.trace / self.weights * squared_error


def estimate_traces(
    model: Any, gestures: GestureSet, *, seed: int, probes: int = 32
) -> tuple[HessianTrace, ...]:
    """Return the trace of each layer's Hessian, estimated with random signs.

    For a vector v of independent random signs the mean of v H v is the trace of H. One vector
    over all layers serves all of them: what one layer's part sees of the others has mean zero.

    Parameters
    ----------
    model : tf_keras model
        Trained, with probabilities as outputs; normalisations as in inference.
    gestures : GestureSet
        Samples of the loss; a few hundred do.
    seed : int
        Draws the signs.
    probes : int, default 32
        Vectors; the standard error falls with their square root.

    Raises
    ------
    ValueError
        If there are fewer than two probes.

    References
    ----------
    .. [1] Hutchinson: A stochastic estimator of the trace of the influence matrix, 1990.
    .. [2] Dong et al., HAWQ-V2, arXiv:1911.03852, section 3.2.
    """
    if probes < 2:
        raise ValueError(f"a standard error needs at least two probes, got {probes}")
    layers = find_weight_layers(model)
    multiply = hessian_product(model, gestures)
    rng = np.random.default_rng(seed)
    found = np.empty((probes, len(layers)))
    for row in found:
        signs = [rng.choice([-1.0, 1.0], layer.kernel.shape) for layer in layers]
        images = multiply(signs)
        row[:] = [np.sum(v * image) for v, image in zip(signs, images, strict=True)]
    errors = found.std(axis=0, ddof=1) / np.sqrt(probes)
    return tuple(
        HessianTrace(
            layer=layer.name,
            weights=int(np.prod(layer.kernel.shape)),
            trace=float(mean),
            standard_error=float(error),
        )
        for layer, mean, error in zip(layers, found.mean(axis=0), errors, strict=True)
    )


Vectors = list[NDArray[np.float64]]
"""One array a layer, in the shapes of the kernels."""


def hessian_product(model: Any, gestures: GestureSet) -> Callable[[Vectors], Vectors]:
    """Return the function that multiplies a vector over all kernels by the loss's Hessian.

    The product is the gradient of (gradient times v), so the Hessian itself is never stored.

    References
    ----------
    .. [1] Pearlmutter: Fast exact multiplication by the Hessian, Neural Computation 6(1), 1994.
    """
    tf = load_tensorflow()
    kernels = [layer.kernel for layer in find_weight_layers(model)]
    x = tf.constant(gestures.images)
    targets = tf.one_hot(gestures.labels, model.output_shape[-1])

    @tf.function
    def multiply(vectors: list[Any]) -> list[Any]:
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                outputs = tf.clip_by_value(model(x, training=False), SMALLEST_PROBABILITY, 1.0)
                loss = -tf.reduce_mean(tf.reduce_sum(targets * tf.math.log(outputs), axis=1))
            slopes = inner.gradient(loss, kernels)
            along = tf.add_n([tf.reduce_sum(g * v) for g, v in zip(slopes, vectors, strict=True)])
        return outer.gradient(along, kernels)

    def product(vectors: Vectors) -> Vectors:
        images = multiply([tf.constant(v, tf.float32) for v in vectors])
        return [np.asarray(image, np.float64) for image in images]

    return product
