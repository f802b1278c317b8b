"""From sensitivities to a plan, and from a plan to bytes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.quantization.test_sensitivity import gestures
from tinyml_course.core.environment import seed_everything
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.int4 import filter_bytes, filter_ops, read_constants, unpack_codes
from tinyml_course.quantization.allocation import make_plan
from tinyml_course.quantization.curvature import HessianTrace
from tinyml_course.quantization.mixed_precision import (
    convert_plan,
    curvature_options,
    loss_options,
    train_plan,
)
from tinyml_course.quantization.qat import quantize_aware
from tinyml_course.quantization.sensitivity import (
    LayerSensitivity,
    find_weight_layers,
)
from tinyml_course.training.build import small_cnn


def row(layer, bits, weights=9, loss=0.0, error=0.0):
    """Return one row of a sensitivity table."""
    return LayerSensitivity(
        layer=layer, bits=bits, weights=weights, loss_increase=loss, accuracy_drop=0.0,
        squared_error=error,
    )  # fmt: skip


def options_of(model, widths):
    """Return the widths of each layer of `model`, without damage."""
    layers = [(layer.name, layer.kernel.numpy().size) for layer in find_weight_layers(model)]
    return loss_options([row(name, bits, size) for name, size in layers for bits in widths])


def test_options_have_the_stored_bytes_and_the_measured_rise_of_the_loss():
    """Nine weights take nine bytes at 8 bits and five at 4; the damage is the table's."""
    first, second = loss_options([row("a", 8), row("a", 4, loss=0.2), row("b", 8, loss=0.1)])
    assert [(8, 9, 0.0), (4, 5, 0.2)] == list(first.options)
    assert ("b", [(8, 9, 0.1)]) == (second.name, list(second.options))


def test_curvature_turns_squared_errors_into_damage():
    """Half the trace over the weights times the squared error; a missing trace is named."""
    trace = HessianTrace(layer="a", weights=9, trace=36.0, standard_error=0.0)
    (layer,) = curvature_options([row("a", 4, error=0.5)], [trace])
    assert 1.0 == layer.options[0].damage
    with pytest.raises(ValueError, match="no trace for b"):
        curvature_options([row("b", 4)], [trace])


@pytest.mark.slow
def test_a_plan_is_trained_and_stored_at_its_widths():
    """Each filter's type, bytes and number of different values follow the plan."""
    seed_everything(0)
    model, data = small_cnn(3, width=4), gestures()
    plan = make_plan(options_of(model, (8, 4, 3)), (8, 4, 3, 8, 4, 4, 8, 4))
    artifact = train_plan(model, plan, data, epochs=1, progress=False)
    assert (data.class_names, data.fingerprint) == (artifact.class_names, artifact.data_fingerprint)
    assert plan.weight_bytes == filter_bytes(artifact.tflite)
    graph = read_model(artifact.tflite).subgraphs[0]
    for op, bits in zip(filter_ops(graph), plan.bits, strict=True):
        assert ("INT8" if bits == 8 else "INT4") == graph.tensors[graph.ops[op].inputs[1]].dtype


@pytest.mark.slow
def test_packed_codes_are_the_trained_kernel_on_its_grid():
    """The stored codes times their scale are the dense kernel, half a 4-bit step off at most."""
    seed_everything(0)
    model, data = small_cnn(3, width=4), gestures()
    plan = make_plan(options_of(model, (8, 4)), [8] * 7 + [4])
    aware = quantize_aware(model, weight_bits=plan.by_layer)
    file = convert_plan(aware, plan, data.images).tflite
    graph = read_model(file).subgraphs[0]
    dense = graph.tensors[graph.ops[filter_ops(graph)[-1]].inputs[1]]
    codes = unpack_codes(read_constants(file)[dense.buffer], dense.elements)
    kernel = find_weight_layers(model)[-1].kernel.numpy().T
    assert dense.scales[0] == pytest.approx(np.abs(kernel).max() / 7, rel=1e-5)
    error = codes.reshape(kernel.shape) * dense.scales[0] - kernel
    assert np.abs(error).max() <= 0.501 * dense.scales[0]

    smaller = make_plan(options_of(model, (8, 4)), [4] * 8)
    with pytest.raises(ValueError, match=r"was the model made with weight_bits"):
        convert_plan(aware, smaller, data.images)
