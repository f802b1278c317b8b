"""A plan of bits from sensitivities, trained and stored at those widths.

The steps: `measure_sensitivity`, then `loss_options` or `curvature_options`, then
`allocate_bits`, then `train_plan`, whose bytes hold 4-bit weights in four bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.types import GestureSet, ModelArtifact, QuantPlan
from tinyml_course.device.convert import convert_int8
from tinyml_course.device.int4 import filter_bytes
from tinyml_course.device.repack import pack_int4
from tinyml_course.quantization.allocation import BitOption, LayerOptions, stored_bytes
from tinyml_course.quantization.curvature import HessianTrace
from tinyml_course.quantization.qat import quantize_aware
from tinyml_course.quantization.sensitivity import LayerSensitivity
from tinyml_course.training.fit import fit


def loss_options(rows: Sequence[LayerSensitivity]) -> tuple[LayerOptions, ...]:
    """Return each layer's widths with the measured rise of the loss as their damage, in nats.

    Parameters
    ----------
    rows : sequence of LayerSensitivity
        One for each layer and width, as `measure_sensitivity` returns them.
    """
    return _options(rows, [row.loss_increase for row in rows])


def curvature_options(
    rows: Sequence[LayerSensitivity], traces: Sequence[HessianTrace]
) -> tuple[LayerOptions, ...]:
    """Return each layer's widths with the damage that the curvature predicts, in nats.

    Parameters
    ----------
    rows : sequence of LayerSensitivity
        Their `squared_error` is used; nothing measured on samples.
    traces : sequence of HessianTrace
        One for each layer.

    Raises
    ------
    ValueError
        If a layer has no trace.
    """
    known = {trace.layer: trace for trace in traces}
    missing = {row.layer for row in rows} - set(known)
    if missing:
        raise ValueError(f"no trace for {', '.join(sorted(missing))}; estimate them all")
    return _options(rows, [known[row.layer].predict_damage(row.squared_error) for row in rows])


def _options(
    rows: Sequence[LayerSensitivity], damages: Sequence[float]
) -> tuple[LayerOptions, ...]:
    found: dict[str, list[BitOption]] = {}
    for row, damage in zip(rows, damages, strict=True):
        option = BitOption(row.bits, stored_bytes(row.weights, row.bits), damage)
        found.setdefault(row.layer, []).append(option)
    return tuple(LayerOptions(name=name, options=tuple(each)) for name, each in found.items())


def train_plan(
    model: Any,
    plan: QuantPlan,
    train: GestureSet,
    *,
    epochs: int,
    seed: int = 0,
    learning_rate: float = 5e-4,
    copies: int = 1,
    progress: bool = True,
) -> ModelArtifact:
    """Return the bytes of `model` trained on at the plan's widths; the model is unchanged.

    Parameters
    ----------
    model : tf_keras model
        Trained in float.
    plan : QuantPlan
        Bits of each layer.
    train : GestureSet
        Training samples.
    epochs, seed, learning_rate, copies, progress
        As in `training.fit.fit`.

    Raises
    ------
    ValueError
        As `quantize_aware` and `convert_plan`.
    """
    aware = quantize_aware(model, weight_bits=plan.by_layer)
    fit(
        aware, train, epochs=epochs, seed=seed, learning_rate=learning_rate, copies=copies,
        progress=progress, description=f"bits {' '.join(map(str, plan.bits))}",
    )  # fmt: skip
    artifact = convert_plan(aware, plan, train.images)
    return replace(
        artifact,
        class_names=train.class_names,
        seed=seed,
        data_fingerprint=train.fingerprint,
    )


def convert_plan(aware: Any, plan: QuantPlan, calibration: NDArray[np.float32]) -> ModelArtifact:
    """Return a model trained at the plan's widths as bytes, weights of up to 4 bits packed.

    Parameters
    ----------
    aware : tf_keras model
        From `quantize_aware` with the plan's widths.
    plan : QuantPlan
        Checked against the bytes.
    calibration : (N, H, W, C) float32
        Training samples.

    Raises
    ------
    ValueError
        If the stored weights take more bytes than the plan says.
    """
    artifact = convert_int8(aware, calibration)
    packed = pack_int4(artifact.tflite)
    stored = filter_bytes(packed)
    if stored > plan.weight_bytes:
        raise ValueError(
            f"the weights take {stored:,} B in the file, the plan says {plan.weight_bytes:,} B; "
            "was the model made with weight_bits=plan.by_layer?"
        )
    return replace(artifact, tflite=packed)
