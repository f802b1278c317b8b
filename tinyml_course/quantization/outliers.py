"""Outlier channels planted in a trained model, whose float answers stay what they were.

Behind a ReLU a factor can move from one layer to the next: ``relu(c x) = c relu(x)``. Divide
what a channel gives, multiply what the next layer makes of it, and float sees no difference.
Equalisation uses this to take outliers away; here it puts one in.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyml_course.core.environment import load_keras


def move_scale(
    model: Any, *, producer: str, consumer: str, factor: float, channel: int | None = None
) -> Any:
    """Return a model of the same function with a factor moved into one channel of a layer.

    Parameters
    ----------
    model : tf_keras model
        Trained; unchanged.
    producer : str
        Name of the batch normalisation that a ReLU without ceiling follows.
    consumer : str
        Name of the Conv2D, DepthwiseConv2D or Dense layer that reads the ReLU.
    factor : float
        Positive. Above 1 the consumer's weights of that channel grow, and the activation
        between shrinks: an outlier among *weights*. Below 1 the activation grows: an outlier
        among *activations*.
    channel : int, optional
        By default the one whose weights in the consumer are the largest.

    Raises
    ------
    ValueError
        If the factor is not positive, or what lies between the layers is not a lone ReLU.

    References
    ----------
    .. [1] Nagel et al., arXiv:1906.04721, section 4.1: the same identity, used to equalise.
    """
    if not factor > 0:
        raise ValueError(f"factor must be positive, got {factor}")
    _check_between(model, producer, consumer)
    copy = load_keras().models.clone_model(model)
    copy.set_weights(model.get_weights())
    reader, normalisation = copy.get_layer(consumer), copy.get_layer(producer)
    kernel, *bias = reader.get_weights()
    axis = kernel.ndim - 2  # C_in of (kh, kw, C_in, C_out), of a matrix, and of a depthwise kernel
    if channel is None:
        channel = int(np.abs(np.moveaxis(kernel, axis, 0)).reshape(kernel.shape[axis], -1)
                      .max(axis=1).argmax())  # fmt: skip
    np.moveaxis(kernel, axis, 0)[channel] *= factor
    reader.set_weights([kernel, *bias])
    _scale_output(normalisation, channel, 1.0 / factor)
    return copy


def _scale_output(normalisation: Any, channel: int, factor: float) -> None:
    """Multiply what one channel of a normalisation gives."""
    if not (normalisation.scale and normalisation.center):
        raise ValueError(
            f"{normalisation.name!r} must have gamma and beta to carry a factor; "
            "build it with scale=True, center=True"
        )
    gamma, beta, *moments = normalisation.get_weights()
    gamma[channel] *= factor
    beta[channel] *= factor
    normalisation.set_weights([gamma, beta, *moments])


def _check_between(model: Any, producer: str, consumer: str) -> None:
    """Raise unless producer, a ReLU and consumer follow each other without branches."""
    keras = load_keras()
    names = [layer.name for layer in model.layers]
    for name in (producer, consumer):
        if name not in names:
            raise ValueError(f"no layer {name!r}; it is one of {', '.join(names)}")
    (relu,) = _readers(model.get_layer(producer)) or (None,)
    ceiling = getattr(relu, "max_value", "unknown")
    if not isinstance(relu, keras.layers.ReLU) or ceiling is not None:
        raise ValueError(
            f"{producer!r} must feed one ReLU without ceiling, where a factor passes through; "
            f"got {relu!r} with ceiling {ceiling}"
        )
    if [layer.name for layer in _readers(relu)] != [consumer]:
        raise ValueError(f"{consumer!r} must be the only layer that reads {relu.name!r}")


def _readers(layer: Any) -> tuple[Any, ...]:
    return tuple(node.layer for node in layer.outbound_nodes)
