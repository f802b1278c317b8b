"""The same function in layers that int8 kernels have.

A separable convolution becomes a depthwise and a 1x1 convolution; an activation inside a layer
becomes a step of its own; a batch normalisation of vectors is folded into the dense layer before
or after it; one of images that follows no convolution becomes a depthwise convolution of 1x1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinyml_course.quantization.qat_graph import LayerGraph, Step, StepList
from tinyml_course.quantization.qat_support import KERNELS

CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D")


def rewrite(graph: LayerGraph) -> LayerGraph:
    """Return a graph that computes the same outputs with layers that int8 kernels have.

    Raises
    ------
    ValueError
        If vectors are normalised where no dense layer can take the factors.
    """
    graph = _fold_vectors(graph)
    found = StepList()
    place: dict[int, int] = {}
    for number, step in enumerate(graph.steps):
        sources = tuple(place[source] for source in step.sources)
        moved = replace(step, sources=sources, origin=step.origin or step.name)
        if step.kind == "Identity":
            place[number] = sources[0]
        elif step.kind == "BatchNormalization" and not _is_absorbed(graph, step, found, sources[0]):
            place[number] = found.add(_scale_channels(moved))
        else:
            place[number] = _add_chain(found, _expand(moved))
    outputs = tuple(place[number] for number in graph.outputs)
    return replace(graph, steps=tuple(found.steps), outputs=outputs)


def _is_absorbed(graph: LayerGraph, norm: Step, found: StepList, source: int) -> bool:
    """Whether the convolution before `norm` can take its factors when the model is converted."""
    alone = graph.only_consumer(norm.sources[0]) is norm
    return alone and found.steps[source].kind in CONVOLUTIONS


def _fold_vectors(graph: LayerGraph) -> LayerGraph:
    """Return the graph with normalisations of vectors (N, C) folded into a dense layer beside it.

    One scale must serve the whole matrix, so the factors can't wait until the conversion.
    """
    steps = list(graph.steps)
    for number, norm in enumerate(graph.steps):
        if norm.kind != "BatchNormalization" or norm.rank == 4:
            continue
        before, after = norm.sources[0], _dense_after(graph, number)
        if _is_linear_dense(steps[before]) and graph.only_consumer(before) is norm:
            steps[before] = _fold_after(steps[before], norm)
        elif after is not None:
            steps[after] = _fold_before(norm, steps[after])
        else:
            raise ValueError(
                f"layer {norm.name!r} normalises vectors and no Dense stands before its "
                "activation or after it; move it between a Dense and its activation"
            )
        steps[number] = replace(norm, kind="Identity", weights=())
    return replace(graph, steps=tuple(steps))


def _is_linear_dense(step: Step) -> bool:
    return step.kind == "Dense" and step.config["activation"] == "linear"


def _dense_after(graph: LayerGraph, number: int) -> int | None:
    """Return the dense layer that alone takes the output of step `number`, if there is one."""
    after = graph.only_consumer(number)
    while after is not None and after.kind == "Dropout":
        after = graph.only_consumer(graph.steps.index(after))
    return graph.steps.index(after) if after is not None and after.kind == "Dense" else None


def _add_chain(found: StepList, chain: list[Step]) -> int:
    """Append `chain`, each step fed by the one before it, and return the last one's number."""
    number = found.add(chain[0])
    for step in chain[1:]:
        number = found.add(replace(step, sources=(number,)))
    return number


def _expand(step: Step) -> list[Step]:
    """Return the steps that take the place of `step`, the first with its sources."""
    if step.kind == "SeparableConv2D":
        depthwise, pointwise = _split_separable(step)
        return [depthwise, *_split_activation(pointwise)]
    if step.kind in KERNELS:
        return _split_activation(step)
    if step.kind == "Activation":
        return [_activation(step, step.config["activation"], step.name)]
    return [step]


def _split_activation(step: Step) -> list[Step]:
    """Return the layer without its activation, and the activation."""
    name = step.config["activation"]
    linear = replace(step, config={**step.config, "activation": "linear"})
    if name == "linear":
        return [linear]
    return [linear, _activation(step, name, f"{step.name}_{name}")]


def _activation(step: Step, function: str, name: str) -> Step:
    """Return the step of an activation function; both ReLUs become the layer of that name."""
    if function in ("relu", "relu6"):
        config = {"name": name, "max_value": 6.0 if function == "relu6" else None}
        return replace(step, kind="ReLU", config=config, weights=())
    config = {"name": name, "activation": function}
    return replace(step, kind="Activation", config=config, weights=())


def _split_separable(step: Step) -> tuple[Step, Step]:
    """Return the depthwise and the 1x1 convolution of a separable one; the bias is the latter's."""
    depthwise_kernel, pointwise_kernel, *bias = step.weights
    own = step.config
    spatial = ("kernel_size", "strides", "padding", "dilation_rate", "depth_multiplier")
    depthwise = replace(
        step, kind="DepthwiseConv2D", weights=(depthwise_kernel,),
        config={**{key: own[key] for key in spatial}, "name": f"{step.name}_depthwise",
                "use_bias": False, "depthwise_regularizer": own["depthwise_regularizer"]},
    )  # fmt: skip
    pointwise = replace(
        step, kind="Conv2D", weights=(pointwise_kernel, *bias),
        config={"name": f"{step.name}_pointwise", "filters": own["filters"], "kernel_size": 1,
                "use_bias": own["use_bias"], "activation": own["activation"],
                "kernel_regularizer": own["pointwise_regularizer"]},
    )  # fmt: skip
    return depthwise, pointwise


def fold_normalisation(
    config: dict[str, Any], weights: tuple[Any, ...]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return factor and offset, (C,) each, that a trained batch normalisation applies.

    With ``s = gamma / sqrt(variance + epsilon)`` it computes ``s * x + (beta - s * mean)``.

    Parameters
    ----------
    config : dict
        Of the layer: `epsilon`, and whether it has `scale` and `center`.
    weights : tuple of (C,) arrays
        gamma, beta, mean and variance; the first two where the layer has them.

    References
    ----------
    .. [1] Jacob et al., arXiv:1712.05877, section 3.2, equation 14.
    """
    rest = [np.asarray(weight, np.float64) for weight in weights]
    gamma = rest.pop(0) if config["scale"] else np.ones_like(rest[-1])
    beta = rest.pop(0) if config["center"] else np.zeros_like(rest[-1])
    mean, variance = rest
    factor = gamma / np.sqrt(variance + config["epsilon"])
    return factor, beta - factor * mean


def _fold_after(dense: Step, norm: Step) -> Step:
    """Return the dense layer that does what `dense` and the normalisation after it do."""
    factor, offset = fold_normalisation(norm.config, norm.weights)
    kernel, *bias = dense.weights
    return _with_weights(dense, kernel * factor, offset + (bias[0] * factor if bias else 0.0))


def _fold_before(norm: Step, dense: Step) -> Step:
    """Return the dense layer that does what a normalisation and `dense` after it do."""
    factor, offset = fold_normalisation(norm.config, norm.weights)
    kernel, *bias = dense.weights
    return _with_weights(
        dense, factor[:, None] * kernel, offset @ kernel + (bias[0] if bias else 0.0)
    )


def _with_weights(dense: Step, kernel: Any, bias: Any) -> Step:
    weights = (kernel.astype(np.float32), bias.astype(np.float32))
    return replace(dense, config={**dense.config, "use_bias": True}, weights=weights)


def _scale_channels(norm: Step) -> Step:
    """Return the normalisation of images as a depthwise convolution of 1x1 with a bias."""
    factor, offset = fold_normalisation(norm.config, norm.weights)
    kernel = factor.reshape(1, 1, -1, 1).astype(np.float32)
    return replace(
        norm, kind="DepthwiseConv2D", weights=(kernel, offset.astype(np.float32)),
        config={"name": norm.name, "kernel_size": 1, "use_bias": True},
    )  # fmt: skip
