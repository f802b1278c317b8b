"""From the supernet to a network of its own: a Keras model with the shared weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.arch import place_blocks
from tinyml_course.nas.prototypes import fit_prototypes
from tinyml_course.nas.weight_sharing import Weights, take_weights
from tinyml_course.training.build import build

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec
    from tinyml_course.nas.supernet import Supernet


def inherit(
    supernet: Supernet,
    spec: ArchSpec,
    calibration: NDArray[np.float32],
    *,
    labels: NDArray[Any] | None = None,
) -> Any:
    """Return `spec` as a Keras model that computes what the supernet does on its path.

    Parameters
    ----------
    supernet : Supernet
        Trained or not.
    spec : ArchSpec
        Network of its space.
    calibration : (M, H, W, C) float32
        Training images; their statistics become those of the normalisations.
    labels : (M,) int, optional
        Their classes. If given, the last layer is fitted to them, as for a score.

    Returns
    -------
    tf_keras.Model
        As from `training.build.build`; its weights are copies.
    """
    scored = supernet.calibrated(
        spec, supernet.load_images(calibration[:1], calibration=calibration)
    )
    weights = take_weights(supernet.weights, spec)
    model = build(spec)
    for place, block in enumerate(place_blocks(spec)):
        op = block.layer.op
        first = "c" if op == "conv" else "d"
        stages = [(f"{place}/{op}", f"{first}{place}")]
        stages += [(f"{place}/pointwise", f"c{place}")] if op == "separable" else []
        for stage, (name, layer) in enumerate(stages):
            _fill(model, layer, weights, name, scored.statistics[place, stage])
    if spec.hidden:
        model.get_layer("h").set_weights([weights["hidden"], weights["hidden/bias"]])
    last = [weights["output"], weights["output/bias"]]
    if labels is not None:
        features = scored.features[: len(calibration)]
        last = list(fit_prototypes(features, labels, classes=spec.classes))
    model.get_layer("out").set_weights(last)
    return model


def _fill(
    model: Any, layer: str, weights: Weights, name: str, statistics: NDArray[np.float32]
) -> None:
    """Set one convolution and its normalisation, whose statistics are (2, C) or wider."""
    model.get_layer(layer).set_weights([weights[name]])
    gamma, beta = weights[f"{name}/gamma"], weights[f"{name}/beta"]
    mean, variance = statistics[:, : len(gamma)]
    model.get_layer(f"{layer}n").set_weights([gamma, beta, mean, variance])
