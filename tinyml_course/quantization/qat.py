"""Quantization-aware training with tfmot: a trained float model learns to live with few bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

from tinyml_course.core.environment import load_keras
from tinyml_course.quantization.qat_graph import LayerGraph, Step, read_graph
from tinyml_course.quantization.qat_layers import (
    layer_config_class,
    load_tfmot,
    make_input_quantizer,
)
from tinyml_course.quantization.qat_ranges import (
    as_samples,
    measure_ranges,
    observe_weights,
    set_ranges,
)
from tinyml_course.quantization.qat_rewrite import CONVOLUTIONS, rewrite
from tinyml_course.quantization.qat_support import KERNELS, OUTPUT_QUANTIZED

Granularity = Literal["channel", "tfmot", "tensor"]
"""How many scales weights have: one a channel of every convolution, as tfmot, or one a tensor."""

PREFIX = "quant_"
"""What tfmot's wrappers put before a layer's name."""

KERNEL_NAMES = {"Conv2D": "kernel", "DepthwiseConv2D": "depthwise_kernel", "Dense": "kernel"}

CHANNEL_AXES = {"Conv2D": 1, "DepthwiseConv2D": 2, "Dense": 0}

SHARED: dict[str, tuple[str, ...]] = {
    "channel": (),
    "tfmot": ("DepthwiseConv2D",),
    "tensor": ("Conv2D", "DepthwiseConv2D"),
}
"""Convolutions whose channels share a scale."""


def quantize_aware(
    model: Any,
    *,
    weight_bits: int | Mapping[str, int] = 8,
    granularity: Granularity = "channel",
    calibration: Any = None,
) -> Any:
    """Return a copy of a trained `tf_keras` model that simulates integer arithmetic in training.

    The copy starts from what `model` has learnt. Weights are rounded to symmetric codes,
    activations to 8 bits over moving ranges; gradients pass straight through. Layers that int8
    kernels lack are rewritten first, with the same function: see `qat_rewrite`.

    Parameters
    ----------
    model : tf_keras Sequential or Functional model
        Trained. Nested models are laid flat; several inputs and outputs are allowed.
    weight_bits : int or mapping of layer name to int, default 8
        Width of the weights, 2 to 8. Layers that a mapping does not name have 8 bits. A
        SeparableConv2D named in it gives the width to both of its parts.
    granularity : {'channel', 'tfmot', 'tensor'}
        'channel': one scale for each output channel of convolutions and depthwise
        convolutions, one for a dense layer. 'tfmot': depthwise kernels have one scale, as in
        tfmot's own scheme. 'tensor': one scale for every kernel.
    calibration : (N, ...) float32, or a list of one such array an input, optional
        Training samples; the ranges of activations start from what they show. Without them,
        ranges start at -6 to 6, as tfmot's do, and a short training leaves them near it.

    Returns
    -------
    tf_keras.Model
        With tfmot's wrappers; `convert_int8` turns it into a .tflite whose codes of a b-bit
        layer are at most ``2**(b - 1) - 1`` in magnitude.

    Raises
    ------
    ValueError
        If a layer has no int8 form (the message names it and what to use instead), a width is
        not in 2..8, a name in `weight_bits` belongs to no layer with a kernel, or
        `calibration` does not match the inputs.

    References
    ----------
    .. [1] Jacob et al., arXiv:1712.05877, section 3.
    .. [2] Krishnamoorthi, arXiv:1806.08342, section 2.
    """
    if granularity not in SHARED:
        raise ValueError(f"granularity must be one of {', '.join(SHARED)}, got {granularity!r}")
    graph = rewrite(read_graph(model))
    widths = assign_widths(graph, weight_bits)
    tfmot = load_tfmot()
    make_config = layer_config_class()

    def wrap(number: int, layer: Any) -> Any:
        step = graph.steps[number]
        kernel = KERNEL_NAMES.get(step.kind, "")
        config = make_config(
            kernel=kernel,
            bits=widths.get(step.name, 8),
            channel_axes=CHANNEL_AXES.get(step.kind, 0),
            shared=step.kind in SHARED[granularity],
            output=quantizes_output(graph, number),
        )
        return tfmot.quantization.keras.QuantizeWrapperV2(layer, config)

    aware = assemble(graph, wrap=wrap, quantize_input=make_input_quantizer)
    observe_weights(aware)
    if calibration is not None:
        _calibrate(graph, aware, calibration)
    return aware


def prepare_float(model: Any) -> Any:
    """Return the float model that `quantize_aware` quantizes: `model` with layers rewritten.

    Its outputs are those of `model` up to float32 rounding.

    Raises
    ------
    ValueError
        As `quantize_aware`.
    """
    return assemble(rewrite(read_graph(model)))


def assign_widths(graph: LayerGraph, weight_bits: int | Mapping[str, int]) -> dict[str, int]:
    """Return the width of each step with a kernel, by the step's name.

    Raises
    ------
    ValueError
        If a width is not in 2..8, or a name belongs to no layer with a kernel.
    """
    kernels = [step for step in graph.steps if step.kind in KERNELS]
    if not isinstance(weight_bits, Mapping):
        weight_bits = {step.name: weight_bits for step in kernels}
    known = {step.name for step in kernels} | {step.origin for step in kernels}
    for name, bits in weight_bits.items():
        if name not in known:
            raise ValueError(
                f"weight_bits names {name!r}, which has no kernel; layers that have one: "
                f"{', '.join(step.name for step in kernels)}"
            )
        if bits not in range(2, 9):
            raise ValueError(f"weight_bits of {name!r} must be an integer in 2..8, got {bits!r}")
    return {
        step.name: weight_bits.get(step.name, weight_bits.get(step.origin, 8)) for step in kernels
    }


def quantizes_output(graph: LayerGraph, number: int) -> bool:
    """Whether the output of step `number` is rounded: not where a kernel computes further.

    The device's kernels apply a normalisation and a ReLU before they round, and a
    concatenation has one scale for all its parts.
    """
    step, after = graph.steps[number], graph.only_consumer(number)
    follows = after.kind if after else ""
    if follows == "Concatenate":
        return False
    if step.kind in KERNELS:
        fused = ("ReLU", "BatchNormalization") if step.kind in CONVOLUTIONS else ("ReLU",)
        return follows not in fused
    if step.kind in ("BatchNormalization", "Add"):
        return follows != "ReLU"
    return step.kind in OUTPUT_QUANTIZED


def assemble(
    graph: LayerGraph,
    *,
    wrap: Callable[[int, Any], Any] | None = None,
    quantize_input: Callable[[str], Any] | None = None,
) -> Any:
    """Return a Keras model of fresh layers with the steps' weights.

    Parameters
    ----------
    graph : LayerGraph
        What to build.
    wrap : callable, optional
        From the number of a step and its built layer to the layer that takes its place.
    quantize_input : callable, optional
        From a name to the layer that follows an input.
    """
    keras = load_keras()
    inputs, tensors = [], []
    for number, step in enumerate(graph.steps):
        if step.kind == "InputLayer":
            tensor = keras.Input(step.config["shape"], name=step.name)
            inputs.append(tensor)
            tensors.append(quantize_input(PREFIX + step.name)(tensor) if quantize_input else tensor)
            continue
        fed = [tensors[source] for source in step.sources]
        feed = fed if len(fed) > 1 else fed[0]
        layer = _make_layer(step, feed)
        tensors.append((wrap(number, layer) if wrap else layer)(feed))
    outputs = [tensors[number] for number in graph.outputs]
    return keras.Model(_one_or_all(inputs), _one_or_all(outputs), name=graph.name)


def _make_layer(step: Step, feed: Any) -> Any:
    """Return the layer of `step`, with its weights where it has any."""
    keras = load_keras()
    layer = getattr(keras.layers, step.kind).from_config(step.config)
    if step.weights:
        with keras.backend.name_scope(step.name):
            layer.build(feed.shape)
        layer.set_weights(list(step.weights))
    return layer


def _calibrate(graph: LayerGraph, aware: Any, calibration: Any) -> None:
    """Set the activations' ranges of `aware` in place to what the float steps show."""
    taps = tuple(
        number
        for number, step in enumerate(graph.steps)
        if step.kind == "InputLayer" or quantizes_output(graph, number)
    )
    samples = as_samples(calibration, sum(step.kind == "InputLayer" for step in graph.steps))
    tapped = assemble(replace(graph, outputs=taps))
    ends = measure_ranges(lambda batch: _as_list(tapped(batch)), samples)
    for number, low, high in zip(taps, *ends, strict=True):
        set_ranges(aware.get_layer(PREFIX + graph.steps[number].name), low, high)


def _as_list(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]


def _one_or_all(tensors: list[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else tensors
