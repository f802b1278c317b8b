"""Predicted costs against those of the converted file: nothing but equality will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.environment import seed_everything
from tinyml_course.core.types import KernelTier, ModelArtifact
from tinyml_course.cost.estimate import estimate_cost
from tinyml_course.cost.file_size import file_bytes
from tinyml_course.cost.graph import arch_graph
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.convert import convert_int8
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.training.build import build

TIERS: tuple[KernelTier, ...] = ("tflm-reference", "esp-nn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One cost of a network, computed in two ways.

    Attributes
    ----------
    what : str
        'parameters', 'macs', 'file bytes', or 'arena bytes' with the kernels.
    predicted : int
        From the specification alone.
    converted : int
        From the bytes that the converter wrote.
    """

    what: str
    predicted: int
    converted: int

    @property
    def error_percent(self) -> float:
        """By how much the prediction is too high, percent of the converted figure."""
        return 100 * (self.predicted - self.converted) / self.converted


def compare_costs(
    spec: ArchSpec, tflite: bytes, *, tiers: Sequence[KernelTier] = TIERS
) -> tuple[Comparison, ...]:
    """Return each cost of `spec` beside that of the file which conversion made of it.

    Parameters
    ----------
    spec : ArchSpec
        Network.
    tflite : bytes
        What `convert_int8` made of `build(spec)`.
    tiers : sequence of KernelTier
        Kernels whose arenas are compared.

    Raises
    ------
    InvalidModel
        If `tflite` is no .tflite.
    """
    graph, model = arch_graph(spec), read_model(tflite)
    ours, theirs = estimate_cost(graph), estimate_cost(model.subgraphs[0])
    rows = [
        ("parameters", ours.parameters, theirs.parameters),
        ("macs", ours.macs, theirs.macs),
        ("file bytes", file_bytes(spec, graph), len(tflite)),
    ]
    for tier in tiers:
        figures = (plan_arena(planned, tier).required_bytes for planned in (graph, model))
        rows.append((f"arena bytes ({tier})", *figures))
    return tuple(
        Comparison(what=what, predicted=predicted, converted=converted)
        for what, predicted, converted in rows
    )


def random_model(spec: ArchSpec, seed: int) -> Any:
    """Return `spec` as a `tf_keras` model that stands for a trained one: random statistics too.

    Parameters
    ----------
    spec : ArchSpec
        Network.
    seed : int
        Draws the weights; the normalisations get factors, offsets and statistics that no fresh
        layer has, so that folding them has something to do.
    """
    seed_everything(seed)
    model, rng = build(spec), np.random.default_rng(seed)
    for layer in model.layers:
        if type(layer).__name__ == "Dense":  # the converter drops a bias of zeros
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, rng.normal(0.0, 0.3, bias.shape)])
        if type(layer).__name__ == "BatchNormalization":
            gamma, beta, mean, variance = (w.shape for w in layer.get_weights())
            layer.set_weights(
                [
                    rng.uniform(0.5, 1.5, gamma),
                    rng.normal(0.0, 0.3, beta),
                    rng.normal(0.0, 0.1, mean),
                    rng.uniform(0.1, 1.0, variance),
                ]
            )
    return model


def convert_random(spec: ArchSpec, seed: int, *, samples: int = 8) -> ModelArtifact:
    """Return `spec` with random weights as an int8 .tflite, calibrated on noise.

    Costs do not depend on the weights' values (but for a bias of zeros, which the converter drops
    and training never leaves), so this is the file whose figures a prediction must match.
    """
    noise = np.random.default_rng(seed).random((samples, *spec.input_shape), dtype=np.float32)
    return convert_int8(random_model(spec, seed), noise)


def cut_at_pooling(tflite: bytes) -> bytes:
    """Return the file with the pooled features as its output instead of the classes.

    The dense layers are where kernels may disagree by a step: TFLM rounds twice, LiteRT's
    reference once. Up to the pooling both must write the same bytes.

    Parameters
    ----------
    tflite : bytes
        A converted network of the space.
    """
    import tflite as schema

    data = bytearray(tflite)
    graph = schema.Model.GetRootAs(data, 0).Subgraphs(0)
    pooling = next(op for op in read_model(tflite).subgraphs[0].ops if op.name == "MEAN")
    graph.OutputsAsNumpy()[0] = pooling.outputs[0]
    return bytes(data)
