"""The rules of the diagnosis: from a layer's figures to a finding, one function a fault.

Each threshold is either a consequence of the arithmetic or lies beyond what healthy models
show; `benchmarks/study_diagnosis.py` measures the latter over trainings, seeds and shapes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tinyml_course.core.graph import OpInfo, TensorGraph
from tinyml_course.device.flatbuffer import Model
from tinyml_course.device.refusals import WEIGHTED, refusals
from tinyml_course.device.refusals import warnings as runtime_warnings
from tinyml_course.quantization.findings import Finding
from tinyml_course.quantization.layer_health import FEW_CODES, LayerHealth

Layers = Sequence[LayerHealth]

CUT_DB = 20.0
"""What a range may cut off, below the signal: beyond a tenth of its root mean square is a fault.

A range calibrated on other people's gestures cuts off a little, and should: least total error is
reached where cutting costs as much as rounding [1]_. Healthy int8 models lose far less than this
threshold allows.

References
----------
.. [1] Banner et al., arXiv:1810.05723, section 3.
"""

WASTED_BITS = 4.0
"""Bits of an 8-bit output that may stay unused; with four, an int4 tensor would do as well."""

TRAINED_STEPS = 1.0
"""Rounding moves a weight by half a step at most; beyond a whole one it is another weight."""

DROP_DB = 20.0
"""What one layer may lose of its inputs' SQNR without a known reason: a factor of 10 in size.

A layer loses where it cancels signal, as a normalisation that subtracts a large mean does.
"""

SAME_RANGE = ("MAX_POOL_2D", "AVERAGE_POOL_2D", "RESHAPE", "PAD", "CONCATENATION", "TRANSPOSE")
"""Operators whose output takes the scale of its input."""


def find_input(layers: Layers) -> Iterator[Finding]:
    """Yield the fault that samples and calibration had different scales."""
    x = layers[0]
    spans = (
        f"the samples span {_interval(x.float_low, x.float_high)}, the input's codes "
        f"{_interval(x.low, x.high)}"
    )
    if x.cut_db < CUT_DB:
        later = len(_saturated(layers))
        evidence = f"{spans}: {x.beyond_share:.1%} of the values are cut off"
        if later:
            evidence += f"; {later} of the {len(layers) - 1} layers after it are cut off as well"
    elif x.wasted_bits >= WASTED_BITS:
        evidence = f"{spans}: {x.wasted_bits:.1f} of the input's bits are never used"
    else:
        return
    yield Finding(
        kind="input", layer=x.layer, severity="error", evidence=evidence,
        remedy="calibrate on samples that are scaled exactly as the model will see them",
    )  # fmt: skip


def find_saturation(layers: Layers) -> Iterator[Finding]:
    """Yield the layers whose float values lie beyond their codes; one finding if most do.

    Says nothing where the input itself is cut off: what follows is then no news.
    """
    cut = _saturated(layers)
    if layers[0].cut_db < CUT_DB or not cut:
        return
    if len(cut) > (len(layers) - 1) / 2:
        first = cut[0]
        yield Finding(
            kind="saturation", layer=first.layer, severity="error",
            evidence=f"{_cut(first)}; {len(cut)} of {len(layers) - 1} layers are cut off, "
            f"{first.layer} is the first, though the input's range is right",
            remedy="calibrate on a few hundred samples of every class, as they are in use",
        )  # fmt: skip
        return
    for layer in cut:
        yield Finding(
            kind="saturation", layer=layer.layer, severity="error", evidence=_cut(layer),
            remedy="widen this layer's range: more varied calibration samples, min-max in place "
            "of a percentile, or training with the range",
        )  # fmt: skip


def find_range(layers: Layers) -> Iterator[Finding]:
    """Yield the layers whose range is far wider than their values need."""
    for layer in layers[1:]:
        given = layer.fixed_range or layer.op in SAME_RANGE
        if given or layer.wasted_bits < WASTED_BITS or math.isinf(layer.wasted_bits):
            continue
        yield Finding(
            kind="range", layer=layer.layer, severity="warning",
            evidence=f"values span {_interval(layer.float_low, layer.float_high)}, codes "
            f"{_interval(layer.low, layer.high)}: {layer.wasted_bits:.1f} bits are never used",
            remedy="one calibration sample is an outlier, or aware training was too short for "
            "its moving ranges to settle: remove it, or train on",
        )  # fmt: skip


def find_outliers(layers: Layers) -> Iterator[Finding]:
    """Yield the layers where the one scale serves an outlier and starves the typical channel.

    A channel that uses codes up to 7 at most would fit in 4 bits. One such channel is no fault,
    small filters add little; half of them are the mark of an outlier.
    """
    for layer in layers:
        weak = len(layer.weak_channels)
        if layer.single_scale and 2 * weak >= layer.channels > 1:
            yield Finding(
                kind="outlier", layer=layer.layer, severity="error",
                evidence=f"one scale for {layer.channels} channels whose ranges differ "
                f"{layer.channel_span:.0f}-fold: {weak} of them use no code beyond {FEW_CODES} of "
                f"127, and the weights keep {layer.weight_sqnr_db:.0f} dB",
                remedy="quantize the weights per channel, or equalise the ranges: scale the "
                "channel down here and up in the next layer",
            )  # fmt: skip


def find_dead(layers: Layers) -> Iterator[Finding]:
    """Yield the layer with most channels that answer the same to every sample, if any does.

    One finding for the model: a dead channel may starve others behind it.
    """
    hit = [layer for layer in layers if layer.dead]
    if not hit:
        return
    worst = max(hit, key=lambda layer: len(layer.dead) / layer.channels)
    in_float = worst.dead_in_float == len(worst.dead)
    others = ", ".join(f"{x.layer} ({len(x.dead)} of {x.channels})" for x in hit if x is not worst)
    yield Finding(
        kind="dead", layer=worst.layer, severity="warning" if in_float else "error",
        evidence=f"{len(worst.dead)} of {worst.channels} channels never change "
        f"({_numbers(worst.dead)}), {'nor' if in_float else 'but'} do they in the float model"
        + f"; further: {others}" * bool(others),
        remedy="remove the channels, they cost bytes and time for nothing; if accuracy is low "
        "too, train again with a lower rate"
        if in_float
        else "give the channels codes: per-channel weights, a narrower range, or 16-bit "
        "activations here",
    )  # fmt: skip


def find_bias(layers: Layers) -> Iterator[Finding]:
    """Yield the layers whose sums can leave int32, where the runtime wraps.

    The bias is stored in units of input scale times weight scale. A filter with tiny weights
    has a tiny scale, and its bias needs a huge code.
    """
    for layer in layers:
        if layer.bias_channels:
            yield Finding(
                kind="bias", layer=layer.layer, severity="error",
                evidence=f"channel {_numbers(layer.bias_channels)}: with the bias code "
                f"{layer.bias_code:,} the sum can exceed 2,147,483,647; the bias should be "
                f"{layer.bias_wanted:.3g} and is stored as {layer.bias_stored:.3g}",
                remedy="the filter has all but vanished: remove the channel and add its constant "
                "output to the next layer's bias, or keep its scale away from zero in training",
            )  # fmt: skip


def find_weights(layers: Layers) -> Iterator[Finding]:
    """Yield the layers whose stored weights are not the float model's, where most layers' are."""
    if was_trained_on(layers):
        return
    for layer in layers:
        if layer.weight_steps > TRAINED_STEPS:
            yield Finding(
                kind="weights", layer=layer.layer, severity="error",
                evidence=f"a stored weight is {layer.weight_steps:.1f} steps from the float one, "
                f"rounding moves it by 0.5 at most; {layer.weight_sqnr_db:.1f} dB in this layer",
                remedy="convert this very model again; if the layer was given fewer bits on "
                "purpose, train it at that width",
            )  # fmt: skip


def find_noise(layers: Layers) -> Iterator[Finding]:
    """Yield the layer that loses most of the signal, if no other rule explains it."""
    if was_trained_on(layers):
        return
    worst = max(layers, key=lambda layer: layer.drop_db)
    if worst.drop_db > DROP_DB:
        yield Finding(
            kind="noise", layer=worst.layer, severity="warning",
            evidence=f"SQNR falls by {worst.drop_db:.0f} dB to {worst.sqnr_db:.0f} dB in one layer",
            remedy="give this layer more bits (see mixed precision), or train with quantization",
        )  # fmt: skip


def find_operators(model: Model, names: Sequence[str]) -> Iterator[Finding]:
    """Yield each operator that the device runtime refuses, by the name of its layer.

    Parameters
    ----------
    model : Model
        The quantized file.
    names : sequence of str
        One name for each operator of its first subgraph.
    """
    graph = model.subgraphs[0]
    for name, op in zip(names, graph.ops, strict=True):
        for reason in refusals(Model(subgraphs=(replace(graph, ops=(op,)),))):
            yield Finding(
                kind="operator", layer=name, severity="error",
                evidence=f"the device runtime refuses {reason.removeprefix('op 0 ')}",
                remedy=_replacement(op),
            )  # fmt: skip


def find_dense_scales(model: Model, names: Sequence[str]) -> Iterator[Finding]:
    """Yield the dense layers with one scale per channel, which old runtimes get wrong."""
    graph = model.subgraphs[0]
    for name, op in zip(names, graph.ops, strict=True):
        if op.name == "FULLY_CONNECTED" and _has_channel_scales(graph, op):
            (text,) = (t for t in runtime_warnings(model) if "dense layers have one scale" in t)
            evidence, _, remedy = text.partition("; ")
            yield Finding(
                kind="dense-scales", layer=name, severity="warning",
                evidence=f"{len(graph.tensors[op.inputs[1]].scales)} scales: {evidence}",
                remedy=remedy,
            )  # fmt: skip


def was_trained_on(layers: Layers) -> bool:
    """Return whether the weights of most layers differ from the float ones by over a step."""
    steps = [layer.weight_steps for layer in layers if layer.weight_sqnr_db is not None]
    return sum(step > TRAINED_STEPS for step in steps) > len(steps) / 2


LAYER_RULES = (
    find_input, find_saturation, find_outliers, find_dead, find_bias, find_weights, find_range,
)  # fmt: skip
"""Rules that name a cause; `find_noise` speaks only where all of them are silent."""

CAUSES = ("input", "saturation", "outlier", "bias", "weights")
"""Kinds that can starve channels behind them."""


def find_faults(layers: Layers) -> tuple[Finding, ...]:
    """Return what the layers' figures tell; empty for a healthy model.

    Channels that die in the quantized model only, while another rule names a cause, are its
    consequence and are not reported.
    """
    found = [finding for rule in LAYER_RULES for finding in rule(layers)]
    if any(finding.kind in CAUSES for finding in found):
        found = [x for x in found if x.kind != "dead" or x.severity == "warning"]
    return tuple(found) or tuple(find_noise(layers))


def is_harmless(layers: Layers, number: int) -> bool:
    """Return whether what layer `number` cuts off is no loss by construction.

    A softmax's own range is fixed. Large logits may be cut where the softmax behind them keeps
    `CUT_DB`: it saturates by itself. A short aware training without calibration ends there: its
    ranges start at -6 and 6, and the logits outgrow them.
    """
    behind = layers[number + 1] if number + 1 < len(layers) else None
    return layers[number].fixed_range or (
        behind is not None and behind.op == "SOFTMAX" and behind.sqnr_db >= CUT_DB
    )


def _saturated(layers: Layers) -> list[LayerHealth]:
    return [
        layer
        for number, layer in enumerate(layers)
        if number and layer.cut_db < CUT_DB and not is_harmless(layers, number)
    ]


def _has_channel_scales(graph: TensorGraph, op: OpInfo) -> bool:
    return len(graph.tensors[op.inputs[1]].scales) > 1


def _replacement(op: OpInfo) -> str:
    if op.name in ("GELU", "ELU", "LOGISTIC", "TANH", "HARD_SWISH"):
        return "use ReLU or ReLU6, which cost nothing: they are part of the convolution"
    if op.name in WEIGHTED:
        return "convert to full int8, input and output included, with a representative dataset"
    return "replace the layer by one that the runtime has, and train again"


def _cut(layer: LayerHealth) -> str:
    return (
        f"values span {_interval(layer.float_low, layer.float_high)}, the codes end at "
        f"{_interval(layer.low, layer.high)}: {layer.beyond_share:.1%} are cut off, and what is "
        f"lost lies only {layer.cut_db:.0f} dB below the signal"
    )


def _interval(low: float, high: float) -> str:
    return f"[{low:.3g}, {high:.3g}]"


def _numbers(channels: Sequence[int]) -> str:
    return ", ".join(map(str, channels[:6])) + ", ..." * (len(channels) > 6)
