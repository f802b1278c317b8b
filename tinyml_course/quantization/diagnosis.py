"""Why a quantized model answers worse than its float twin: measure each layer, name the fault."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.environment import load_keras
from tinyml_course.core.errors import UnsupportedModel
from tinyml_course.core.types import ModelArtifact
from tinyml_course.device.convert import convert_float32, is_quantize_aware
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.quantization.findings import Diagnosis, Finding
from tinyml_course.quantization.layer_health import measure_layers
from tinyml_course.quantization.matching import Match, match_operators, name_operators
from tinyml_course.quantization.symptoms import (
    find_dense_scales,
    find_faults,
    find_operators,
    was_trained_on,
)
from tinyml_course.quantization.trace import Trace, trace_model

MAX_SAMPLES = 256
"""Samples looked at, spread over those given; every activation of each is kept in memory."""


def diagnose(
    float_model: Any,
    quantized: ModelArtifact | bytes,
    x: NDArray[np.float32],
    y: NDArray[np.integer[Any]] | None = None,
) -> Diagnosis:
    """Return what is wrong with `quantized`, layer by layer; nothing for a healthy model.

    The float model is converted to a float32 .tflite, whose normalisation is folded and whose
    activations are fused as in the quantized file. Both run on the same samples, on LiteRT's
    reference kernels, and each layer's output is compared with its twin's.

    Parameters
    ----------
    float_model : tf_keras model, ModelArtifact or bytes
        What was quantized, or its float32 .tflite, which saves the conversion. For a model
        from aware training pass `float_twin`; its forerunner works too, with a note.
    quantized : ModelArtifact or bytes
        The .tflite that would be flashed.
    x : (N, ...) float32
        Samples as the model will see them, of every class; at most 256 of them are used.
    y : (N,) int, optional
        Their classes; with them the diagnosis says what the faults cost.

    Returns
    -------
    Diagnosis
        Findings with evidence and remedy; each layer's figures.

    Raises
    ------
    InvalidModel
        If the bytes are no .tflite.
    ValueError
        If `float_model` has quantization wrappers, there are fewer than two samples, or their
        shape does not match.

    References
    ----------
    .. [1] Jacob et al., arXiv:1712.05877; Krishnamoorthi, arXiv:1806.08342, section 3.
    """
    x, y = _choose_samples(x, y)
    if len(x) < 2:
        raise ValueError(f"got {len(x)} samples; a channel's life shows over many, pass 100")
    data = quantized.tflite if isinstance(quantized, ModelArtifact) else quantized
    reference_bytes, layer_names = _as_float_file(float_model)
    try:
        reference, trace = trace_model(reference_bytes, x), trace_model(data, x)
    except UnsupportedModel:  # the host cannot run it either: the operators are the finding
        model = read_model(data)
        return Diagnosis(
            findings=tuple(find_operators(model, name_operators(model.subgraphs[0], layer_names))),
            samples=len(x),
        )
    matches = match_operators(reference, trace, layer_names)
    layers = measure_layers(reference, trace, matches, x)
    names = _operator_names(trace, matches, layer_names)
    findings = (
        *find_operators(trace.model, names),
        *find_faults(layers),
        *find_dense_scales(trace.model, names),
    )
    return Diagnosis(
        findings=tuple(sorted(findings, key=_errors_first)),
        layers=layers,
        samples=len(x),
        accuracy_float=_accuracy(reference, y),
        accuracy_quantized=_accuracy(trace, y),
        trained_on=was_trained_on(layers),
        unmatched=_unmatched(trace, matches, names),
    )


def float_twin(model: Any, aware: Any) -> Any:
    """Return a copy of the float `model` with the weights that its aware copy has learnt.

    What is left between this twin and the int8 file is quantization alone.

    Parameters
    ----------
    model : tf_keras model
        Given to `quantize_aware`.
    aware : tf_keras model
        What came back, trained.

    Raises
    ------
    ValueError
        If a variable of `model` has no counterpart of its name and shape in `aware`.
    """
    twin = load_keras().models.clone_model(model)
    learnt = {variable.name: variable for variable in aware.variables}
    values = []
    for variable in model.variables:
        found = learnt.get(variable.name)
        if found is None or found.shape != variable.shape:
            raise ValueError(
                f"{variable.name!r} of shape {tuple(variable.shape)} is not in the aware model; "
                "pass the model that `quantize_aware` was given"
            )
        values.append(found.numpy())
    for variable, value in zip(twin.variables, values, strict=True):
        variable.assign(value)
    return twin


def _choose_samples(
    x: NDArray[np.float32], y: NDArray[np.integer[Any]] | None
) -> tuple[NDArray[np.float32], NDArray[np.integer[Any]] | None]:
    """Return at most `MAX_SAMPLES` samples, evenly spread: data are often sorted by class."""
    if y is not None and len(y) != len(x):
        raise ValueError(f"got {len(y)} labels for {len(x)} samples; give one each")
    chosen = np.unique(np.linspace(0, len(x) - 1, MAX_SAMPLES).astype(int)) if len(x) else []
    return np.asarray(x, np.float32)[chosen], None if y is None else np.asarray(y)[chosen]


def _as_float_file(float_model: Any) -> tuple[bytes, tuple[str, ...]]:
    """Return the float32 .tflite and the names of the Keras layers, if known."""
    if isinstance(float_model, ModelArtifact):
        return float_model.tflite, ()
    if isinstance(float_model, bytes):
        return float_model, ()
    if is_quantize_aware(float_model):
        raise ValueError(
            "the float model has quantization wrappers; pass float_twin(model, aware), where "
            "`model` is what quantize_aware was given"
        )
    names = tuple(layer.name for layer in float_model.layers)
    return convert_float32(float_model).tflite, names


def _operator_names(
    trace: Trace, matches: tuple[Match, ...], layer_names: tuple[str, ...]
) -> tuple[str, ...]:
    """Return each operator's layer: its twin's name, or what its own file says."""
    names = list(name_operators(trace.graph, layer_names))
    for match in matches:
        names[match.quantized] = match.layer
    return tuple(names)


def _unmatched(trace: Trace, matches: tuple[Match, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    known = {match.quantized for match in matches}
    return tuple(
        names[number]
        for number, op in enumerate(trace.graph.ops)
        if number not in known and op.name not in ("QUANTIZE", "DEQUANTIZE")
    )


def _accuracy(trace: Trace, y: NDArray[np.integer[Any]] | None) -> float | None:
    if y is None:
        return None
    outputs = trace.stored[trace.graph.outputs[0]]
    return float(np.mean(outputs.reshape(len(outputs), -1).argmax(axis=1) == y))


def _errors_first(finding: Finding) -> bool:
    return finding.severity != "error"
