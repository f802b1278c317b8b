"""The rules behind the checklist of best practices, one small function each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyml_course.core.graph import OpInfo
from tinyml_course.device.refusals import WEIGHTED, refusals
from tinyml_course.device.slim import slim
from tinyml_course.quantization.layer_health import OUTPUT_CHANNEL
from tinyml_course.quantization.lint import Outcome, Subject
from tinyml_course.quantization.matching import name_operators
from tinyml_course.quantization.symptoms import was_trained_on
from tinyml_course.training.fit import predict

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
RELU, RELU6 = 1, 3
"""ActivationFunctionType of the schema."""

AGREEMENT = 0.98
"""Share of samples on which float and integers must give one answer; the rest are near ties."""

TUTORIAL_SATURATION = 0.10
SLIMMABLE = 0.9
"""A file that `slim` would cut below this share of its bytes carries luggage."""


def normalised(subject: Subject) -> Outcome:
    """Check that a batch normalisation follows every convolution of the Keras model."""
    layers = subject.keras_layers
    if not layers:
        return _unknown("needs the Keras model: normalisation is folded away in the file")
    bare = [
        layer.name
        for layer, after in zip(layers, [*layers[1:], None], strict=True)
        if type(layer).__name__ in ("Conv2D", "DepthwiseConv2D")
        and type(after).__name__ != "BatchNormalization"
    ]
    return _judge(not bare, "every convolution has one", f"none after {', '.join(bare)}")


def bounded(subject: Subject) -> Outcome:
    """Check that the fused activations are ReLU6, not ReLU."""
    kinds = [op.options.get("fused_activation_function") for op in subject.weighted]
    open_ended, six = kinds.count(RELU), kinds.count(RELU6)
    if not open_ended + six:
        return _unknown("no fused ReLU of either kind in the file")
    return _judge(not open_ended, f"{six} ReLU6", f"{open_ended} ReLU without a ceiling")


def wide_enough(subject: Subject) -> Outcome:
    """Check that no convolution has fewer than 8 filters."""
    widths = {
        name: subject.graph.tensors[op.outputs[0]].shape[-1]
        for name, op in _named(subject)
        if op.name == "CONV_2D"
    }
    narrow = [f"{name} has {width}" for name, width in widths.items() if width < 8]
    return _judge(not narrow, f"at least {min(widths.values(), default=0)}", ", ".join(narrow))


def separable(subject: Subject) -> Outcome:
    """Check that no full convolution mixes pixels and channels at once."""
    full = []
    for name, op in _named(subject):
        if op.name == "CONV_2D":
            filters, rows, columns, depth = subject.graph.tensors[op.inputs[1]].shape
            if rows * columns > 1 and depth > 1:
                saving = rows * columns * filters / (rows * columns + filters)
                full.append(f"{name} ({saving:.1f} times the MACs of a separable one)")
    return _judge(not full, "no full convolution behind the first layer", ", ".join(full))


def integer_ends(subject: Subject) -> Outcome:
    """Check that input and output are int8."""
    ends = [subject.graph.tensors[i] for i in (*subject.graph.inputs, *subject.graph.outputs)]
    types = ", ".join(info.dtype for info in ends)
    return _judge(all(info.dtype == "INT8" for info in ends), types, types)


def integer_inside(subject: Subject) -> Outcome:
    """Check that nothing is computed in float."""
    floats = [
        name
        for name, op in _named(subject, weighted_only=False)
        if op.name not in ("QUANTIZE", "DEQUANTIZE")
        and subject.graph.tensors[op.outputs[0]].dtype == "FLOAT32"
    ]
    return _judge(not floats, "no float operator", f"float: {', '.join(floats)}")


def channel_scales(subject: Subject) -> Outcome:
    """Check that each convolution has one scale per channel."""
    single = [
        name
        for name, op in _named(subject)
        if op.name in CONVOLUTIONS and len(subject.graph.tensors[op.inputs[1]].scales) == 1
        and subject.graph.tensors[op.inputs[1]].shape[OUTPUT_CHANNEL.get(op.name, 0)] > 1
    ]  # fmt: skip
    return _judge(not single, "all convolutions", f"one scale in {', '.join(single)}")


def dense_scale(subject: Subject) -> Outcome:
    """Check that each dense layer has a single scale."""
    many = [
        name
        for name, op in _named(subject)
        if op.name == "FULLY_CONNECTED" and len(subject.graph.tensors[op.inputs[1]].scales) > 1
    ]
    return _judge(not many, "one scale each", f"per channel: {', '.join(many)}")


def fused(subject: Subject) -> Outcome:
    """Check that no activation or normalisation is left as an operator of its own."""
    loose = sorted({op.name for op in subject.graph.ops} & {"RELU", "RELU6", "MUL", "SUB"})
    return _judge(not loose, "nothing is left over", f"separate: {', '.join(loose)}")


def no_requantizing(subject: Subject) -> Outcome:
    """Check that no tensor changes its scale between two layers."""
    inner = [
        op
        for op in subject.graph.ops
        if op.name == "QUANTIZE" and subject.graph.tensors[op.inputs[0]].dtype != "FLOAT32"
    ]
    return _judge(not inner, "none", f"{len(inner)} QUANTIZE operators inside")


def runnable(subject: Subject) -> Outcome:
    """Check that the device runtime has every operator."""
    refused = refusals(subject.model)
    return _judge(not refused, "the runtime has every operator", "; ".join(refused))


def fits(subject: Subject) -> Outcome:
    """Check that flash and arena suffice on the board."""
    report = subject.report
    return _judge(report.fits, report.verdict, "; ".join(report.reasons))


def slimmed(subject: Subject) -> Outcome:
    """Check that the file carries no names, signatures and unused buffers."""
    before, after = len(subject.tflite), len(slim(subject.tflite))
    figures = f"{before:,} B, {after:,} B when slimmed"
    return _judge(after > SLIMMABLE * before, figures, figures)


def agrees(subject: Subject) -> Outcome:
    """Check that the bytes answer as the float model does."""
    share = _agreement(subject, lambda x: x)
    if share is None:
        return _unknown("needs the Keras model and samples")
    return _judge(share >= AGREEMENT, f"{share:.1%} equal answers", f"only {share:.1%}")


def agrees_elsewhere(subject: Subject) -> Outcome:
    """Check the same on images that are fainter, and shifted by two pixels."""
    changes = {"fainter": lambda x: 0.7 * x, "shifted": lambda x: np.roll(x, 2, axis=2)}
    if subject.x is None or subject.x.ndim != 4 or not subject.keras_layers:
        return _unknown("needs the Keras model and images")
    shares = {name: _agreement(subject, change) or 0.0 for name, change in changes.items()}
    figures = ", ".join(f"{share:.1%} when {name}" for name, share in shares.items())
    return _judge(min(shares.values()) >= AGREEMENT, figures, figures)


def undiagnosed(subject: Subject) -> Outcome:
    """Check that the diagnosis is silent: ranges, saturation, dead channels, biases, noise."""
    if subject.diagnosis is None:
        return _unknown("needs the float model and samples")
    found = ", ".join(f"{x.kind} at {x.layer}" for x in subject.diagnosis.findings)
    return _judge(not found, "no findings", found)


def unsaturated_weights(subject: Subject) -> Outcome:
    """Check that at most a tenth of a layer's weights has the largest code."""
    shares = {}
    for name, op in _named(subject):
        codes = subject.constants[op.inputs[1]]
        if codes.dtype == np.int8:
            shares[name] = float((np.abs(codes.astype(int)) == 127).mean())
    over = [f"{name} {share:.0%}" for name, share in shares.items() if share > TUTORIAL_SATURATION]
    most = f"at most {max(shares.values(), default=0):.0%} in a layer"
    return _judge(not over, most, f"at the rails: {', '.join(over)}")


def trained_with_quantization(subject: Subject) -> Outcome:
    """Check whether the weights were trained on after the float model."""
    if subject.diagnosis is None or not subject.diagnosis.layers:
        return _unknown("needs the float model from before aware training, and samples")
    return _judge(
        was_trained_on(subject.diagnosis.layers), "the weights moved after the float model",
        "the weights are the float model's, rounded: post-training quantization",
    )  # fmt: skip


def in_training_only(_: Subject) -> Outcome:
    """Answer for advice that leaves no trace in a model."""
    return _unknown("leaves no trace in the file")


def _judge(kept: bool, good: str, bad: str) -> Outcome:
    return Outcome("kept", good) if kept else Outcome("broken", bad)


def _unknown(why: str) -> Outcome:
    return Outcome("cannot tell", why)


def _named(subject: Subject, *, weighted_only: bool = True) -> list[tuple[str, OpInfo]]:
    named = zip(name_operators(subject.graph), subject.graph.ops, strict=True)
    return [(name, op) for name, op in named if not weighted_only or op.name in WEIGHTED]


def _agreement(subject: Subject, change: Callable[[Any], Any]) -> float | None:
    """Return on which share of the changed samples file and Keras model agree."""
    if not subject.keras_layers or subject.x is None:
        return None
    x = np.ascontiguousarray(change(subject.x), np.float32)
    wanted = predict(subject.float_model, x).reshape(len(x), -1).argmax(axis=1)
    return float(np.mean(subject.answers(x) == wanted))
