"""Stages whose results are known by formula: the runner's logic without TensorFlow."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from tests.pipeline.states import flash_state, float_state
from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.pipeline.measure import Measured
from tinyml_course.pipeline.plan import Plan
from tinyml_course.pipeline.requirements import Requirements
from tinyml_course.pipeline.stage import Stage
from tinyml_course.pipeline.state import AwareState, FlashState, FloatState, Measurement, SpecState

WIDE, NARROW = (
    ArchSpec(layers=tuple(LayerSpec(op="conv", filters=f, stride=2) for f in widths), classes=2)
    for widths in ((16, 32, 64), (4, 8, 8))
)


def mapping(**kinds):
    """Return what a toy accepts."""
    names = {"spec": SpecState, "float": FloatState, "aware": AwareState, "flash": FlashState}
    return MappingProxyType({names[k]: names[v] for k, v in kinds.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyTrain(Stage):
    """A float network with the accuracy `reaches`."""

    name: ClassVar[str] = "train"
    accepts: ClassVar[Mapping[type, type]] = mapping(spec="float")

    reaches: float = 0.98

    def apply(self, state, context):
        """Return it; the seed is part of its weights, so that another seed is noticed."""
        made = float_state(self.reaches)
        weights = {**made.weights, "seed": np.array([context.seed])}
        return replace(made, spec=state.spec, weights=weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyPrune(Stage):
    """A narrow network that has lost `costs` of accuracy."""

    name: ClassVar[str] = "prune"
    accepts: ClassVar[Mapping[type, type]] = mapping(float="float")
    optional: ClassVar[bool] = True

    costs: float = 0.0
    narrows: bool = True
    dies: bool = False

    def apply(self, state, context):  # noqa: ARG002
        """Return it; or die as a killed process does."""
        if self.dies and os.environ.get("TOY_DIES"):
            os.kill(os.getpid(), signal.SIGKILL)
        weights = {**state.weights, "w": state.weights["w"] - np.float32(self.costs)}
        return replace(state, spec=NARROW if self.narrows else state.spec, weights=weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyTeach(Stage):
    """Notes which teacher it was given."""

    name: ClassVar[str] = "distill"
    accepts: ClassVar[Mapping[type, type]] = mapping(float="float")
    optional: ClassVar[bool] = True

    def apply(self, state, context):
        """Return the state with the teacher's accuracy."""
        return replace(state, weights={**state.weights, "taught": context.teacher.weights["w"]})


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyConvert(Stage):
    """A file that has lost `costs` of accuracy."""

    name: ClassVar[str] = "convert"
    accepts: ClassVar[Mapping[type, type]] = mapping(float="flash")

    costs: float = 0.0

    def apply(self, state, context):
        """Return a file that says the network's accuracy, and the seed."""
        accuracy = float(state.weights["w"][0]) - self.costs
        content = f"{accuracy:.6f} {context.seed} {sorted(state.weights)}".encode()
        return replace(flash_state(content), spec=state.spec)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToySlim(Stage):
    """The file, with a mark on it."""

    name: ClassVar[str] = "slim"
    accepts: ClassVar[Mapping[type, type]] = mapping(flash="flash")
    optional: ClassVar[bool] = True

    def apply(self, state, context):  # noqa: ARG002
        """Return it."""
        smaller = replace(state.artifact, tflite=state.artifact.tflite + b" slim")
        return replace(state, artifact=smaller)


def toy_measure(state, gestures, *, board, calibration, seconds):  # noqa: ARG001
    """Return the accuracy that the state says, and bytes by its width."""
    if isinstance(state, FlashState):
        accuracy, tflite = float(state.artifact.tflite.split()[0]), state.artifact.tflite
    else:
        accuracy, tflite = float(state.weights["w"][0]), b"float file"
    wide = state.spec.layers[0].filters == 16
    bytes_now = (100_000 if wide else 12_000) // (4 if isinstance(state, FlashState) else 1)
    figures = Measurement(
        accuracy=accuracy, parameters=1, macs=1, model_bytes=bytes_now,
        arena_bytes=9000 if wide else 4000, latency_ms=40.0 if wide else 8.0, seconds=seconds,
    )  # fmt: skip
    return Measured(measurement=figures, tflite=tflite)


def toy_plan(samples, *stages, spec=WIDE, **asked):
    """Return a plan of toy stages for the wide network."""
    usual = (ToyTrain(), ToyPrune(), ToyConvert(), ToySlim())
    return Plan(
        stages=stages or usual, spec=spec, samples=samples, requirements=Requirements(**asked),
        seed=3, versions=(("toy", "1"),),
    )  # fmt: skip
