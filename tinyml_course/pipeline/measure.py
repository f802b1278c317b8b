"""What a state is worth: the accuracy on validation samples, and the file that it would be now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinyml_course.core.boards import find_board
from tinyml_course.core.types import GestureSet
from tinyml_course.cost.estimate import estimate_cost
from tinyml_course.cost.graph import arch_graph
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.emulate import Device
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.latency import model_latency
from tinyml_course.pipeline.state import AwareState, FlashState, FloatState, Measurement, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A measurement, and the file that it is about.

    Attributes
    ----------
    measurement : Measurement
        The figures.
    tflite : bytes
        The .tflite that would be flashed now.
    """

    measurement: Measurement
    tflite: bytes


def measure(
    state: State, gestures: GestureSet, *, board: str, calibration: GestureSet, seconds: float
) -> Measured:
    """Return the figures of a trained state.

    Parameters
    ----------
    state : FloatState, AwareState or FlashState
        An untrained network has no accuracy.
    gestures : GestureSet
        Samples that the accuracy is of; none that trained it.
    board : str
        Name of the board that arena and latency are for.
    calibration : GestureSet
        Training samples; the shape of a network's input is checked against them.
    seconds : float
        That the stage took; becomes part of the measurement.

    Raises
    ------
    ValueError
        If the board is unknown.
    """
    if isinstance(state, FlashState):
        tflite = state.artifact.tflite
        accuracy = file_accuracy(tflite, gestures, board)
    elif isinstance(state, FloatState | AwareState):
        accuracy, tflite = _measure_network(state, gestures, calibration)
    else:
        raise ValueError("an untrained network has no accuracy; train it first")
    target, model = find_board(board), read_model(tflite)
    cost = estimate_cost(arch_graph(state.spec))
    measurement = Measurement(
        accuracy=accuracy,
        parameters=cost.parameters,
        macs=cost.macs,
        model_bytes=len(tflite),
        arena_bytes=plan_arena(model, target.kernels).required_bytes,
        latency_ms=model_latency(model.subgraphs[0], target).milliseconds,
        seconds=seconds,
    )
    return Measured(measurement=measurement, tflite=tflite)


def file_accuracy(tflite: bytes, gestures: GestureSet, board: str) -> float:
    """Return the share of `gestures` that a .tflite classifies right in the device runtime."""
    report = Device(board).emulate(tflite, gestures.images, gestures.labels, strict=False)
    if report.accuracy is None:
        raise ValueError("; ".join(report.reasons) or "the device runtime gave no answer")
    return report.accuracy


def network_accuracy(state: FloatState | AwareState, gestures: GestureSet) -> float:
    """Return the share of `gestures` that a network classifies right."""
    from tinyml_course.pipeline.keras_state import restore, start_afresh
    from tinyml_course.training.fit import evaluate

    start_afresh(0)
    return evaluate(restore(state), gestures)


def _measure_network(
    state: FloatState | AwareState, gestures: GestureSet, calibration: GestureSet
) -> tuple[float, bytes]:
    """Return a network's accuracy, and its file: float32, or int8 with the ranges that it has."""
    from tinyml_course.device.convert import convert_float32, convert_int8
    from tinyml_course.pipeline.keras_state import restore, start_afresh
    from tinyml_course.training.fit import evaluate

    start_afresh(0)
    model: Any = restore(state)
    accuracy = evaluate(model, gestures)
    if isinstance(state, AwareState):
        return accuracy, convert_int8(model, calibration.images).tflite
    return accuracy, convert_float32(model).tflite
