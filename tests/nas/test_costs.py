"""Costs of a specification, and the limits that they are held against."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tinyml_course.core.arch import gesture_net, simplify
from tinyml_course.cost.graph import arch_graph
from tinyml_course.device.arena import plan_arena
from tinyml_course.nas.costs import Constraints, SpecCost, measure_cost
from tinyml_course.nas.space import DEFAULT_SPACE

COST = SpecCost(parameters=10, macs=10, arena_bytes=5000, model_bytes=900, latency_ms=1.25)


def parameters_by_hand(spec):
    """Return weights and biases by the textbook: normalisations are folded into biases."""
    total, channels = 0, spec.input_shape[2]
    for layer in spec.layers:
        if layer.op != "conv":
            total += (layer.kernel**2 + 1) * channels
        if layer.op != "depthwise":
            window = layer.kernel**2 if layer.op == "conv" else 1
            total += (window * channels + 1) * layer.filters
            channels = layer.filters
    if spec.hidden:
        total += (channels + 1) * spec.hidden
        channels = spec.hidden
    return total + (channels + 1) * spec.classes


def test_parameters_are_the_textbooks():
    """Over random networks, parameters are those of the formula for each kind of layer."""
    rng = np.random.default_rng(0)
    for spec in (DEFAULT_SPACE.sample(rng) for _ in range(100)):
        assert parameters_by_hand(spec) == measure_cost(spec).parameters


def test_spellings_cost_the_same():
    """What cannot act costs nothing: a network and its simplest spelling have equal costs."""
    block = replace(gesture_net(10).layers[1], skip=True, stride=64)
    spec = replace(gesture_net(10), layers=(*gesture_net(10).layers, block, block))
    assert spec != simplify(spec)
    assert measure_cost(spec) == measure_cost(simplify(spec))


@pytest.mark.parametrize(
    ("board", "kernels", "tier"),
    [
        ("esp32", None, "esp-nn"),
        ("esp32", "tflm-reference", "tflm-reference"),
        ("esp32-s3", None, "esp-nn-s3"),
        ("nrf52840", None, "tflm-reference"),
    ],
)
def test_the_arena_is_planned_for_the_boards_kernels(board, kernels, tier):
    """Without another choice the board's own kernels count, as in the emulator."""
    spec = gesture_net(10)
    planned = plan_arena(arch_graph(spec), tier).required_bytes
    assert planned == measure_cost(spec, board, kernels=kernels).arena_bytes


def test_reference_kernels_are_slower_on_the_same_chip():
    """The kernels change the modelled latency and not the size of the file."""
    fast, slow = (
        measure_cost(gesture_net(10), kernels=kernels) for kernels in ("esp-nn", "tflm-reference")
    )
    assert fast.latency_ms < slow.latency_ms
    assert fast.model_bytes == slow.model_bytes


def test_an_unknown_board_is_refused():
    """A board that is not in the table raises ValueError."""
    with pytest.raises(ValueError, match="esp33"):
        measure_cost(gesture_net(10), "esp33")


def test_each_form_of_the_file_has_its_size():
    """Names make a quantization-aware file the largest; slimming takes most of them away."""
    slim, calibrated, aware = (
        measure_cost(gesture_net(10), form=form).model_bytes
        for form in ("slim", "calibrated", "aware")
    )
    assert slim < 0.8 * calibrated < calibrated < aware
    with pytest.raises(ValueError, match="form must be one of calibrated, aware, slim"):
        measure_cost(gesture_net(10), form="zip")


def test_costs_need_no_tensorflow():
    """Measuring a cost loads neither TensorFlow nor Keras."""
    code = (
        "import sys; from tinyml_course.core.arch import gesture_net; "
        "from tinyml_course.nas.costs import measure_cost; measure_cost(gesture_net(10)); "
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'tensorflow', 'tf_keras'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, ()),
        ({"max_arena": 5000, "max_flash": 900, "max_latency": 1.25}, ()),
        ({"max_arena": 4999}, ("arena: 5,000 B, the limit is 4,999 B",)),
        ({"max_flash": 899}, ("flash: 900 B, the limit is 899 B",)),
        ({"max_latency": 1.2}, ("latency: 1.25 ms, the limit is 1.20 ms",)),
        ({"max_arena": 1, "max_flash": 1, "max_latency": 1}, ("arena", "flash", "latency")),
    ],
)
def test_each_limit_that_is_exceeded_is_named(limits, expected):
    """A figure at its limit fits; one above it is reported with both numbers."""
    found = Constraints(**limits).violations(COST)
    assert len(expected) == len(found)
    assert all(line.startswith(start) for line, start in zip(found, expected, strict=True))


@pytest.mark.parametrize("limits", [{"max_arena": 0}, {"max_flash": -1}, {"max_latency": 0.0},
                                    {"max_latency": float("nan")}])  # fmt: skip
def test_limits_must_be_positive(limits):
    """A limit of nothing, or of no number, raises ValueError."""
    with pytest.raises(ValueError, match="must be positive"):
        Constraints(**limits)
