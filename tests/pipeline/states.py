"""States and samples for the pipeline's tests, without TensorFlow."""

from __future__ import annotations

import numpy as np

from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.types import ModelArtifact
from tinyml_course.data import draw_gestures
from tinyml_course.nas.catalog import Samples, split_samples
from tinyml_course.pipeline.state import FlashState, FloatState, Measurement, Provenance

SPEC = ArchSpec(layers=(LayerSpec(op="conv", filters=4, stride=2),), classes=2)


def small_samples() -> Samples:
    """Return a few strokes of two gestures, for training and for selection."""
    return split_samples(
        draw_gestures(("ring", "slope"), samples_per_class=16, people=1, seed=1), seed=0
    )


def float_state(value: float = 0.0, provenance: Provenance | None = None) -> FloatState:
    """Return a state whose only weight is `value`."""
    weights = {"w": np.array([value], np.float32)}
    return FloatState(spec=SPEC, weights=weights, provenance=provenance or Provenance())


def flash_state(content: bytes, provenance: Provenance | None = None) -> FlashState:
    """Return a state whose file is `content`."""
    artifact = ModelArtifact(tflite=content, class_names=("ring", "slope"))
    return FlashState(spec=SPEC, artifact=artifact, provenance=provenance or Provenance())


def measurement(**changes: float) -> Measurement:
    """Return a measurement of a small network with some figures changed."""
    usual = {
        "accuracy": 0.97, "parameters": 100, "macs": 1000, "model_bytes": 30_000,
        "arena_bytes": 9_000, "latency_ms": 10.0, "seconds": 1.0,
    }  # fmt: skip
    return Measurement(**{**usual, **changes})
