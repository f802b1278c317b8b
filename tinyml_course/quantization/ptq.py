"""Post-training quantization: a trained model on grids that were chosen, not trained.

The weights' grids are LiteRT's: symmetric, without the lowest code, one a channel or one a
tensor of what the chip stores, which is the kernel after its normalisation is folded in. The
observer that sets the activations' ranges here sets the weights' ranges as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.environment import load_keras
from tinyml_course.core.types import ChannelQParams, QParams
from tinyml_course.quantization.affine import choose_qparams, roundtrip
from tinyml_course.quantization.fake_quant import IDENTITY_BITS
from tinyml_course.quantization.observers import MinMax, MseOptimal, Observer, Percentile
from tinyml_course.quantization.simulate import inner_layer, simulate
from tinyml_course.quantization.simulate_graph import LayerPlan, plan_layers

Calibration = Literal["min-max", "99.9 %", "99 %", "mse"]
"""How ranges are chosen: everything, a share of the values, or the smallest squared error."""

CALIBRATIONS: tuple[Calibration, ...] = get_args(Calibration)

Floats = NDArray[np.float64]


def make_observer(calibration: Calibration, bits: int, *, symmetric: bool = False) -> Observer:
    """Return the observer that `calibration` names, for codes of `bits` bits.

    Raises
    ------
    ValueError
        If there is no such calibration.

    Examples
    --------
    >>> make_observer("99 %", 8)
    Percentile(percent=99.0)
    """
    if calibration == "min-max":
        return MinMax()
    if calibration == "mse":
        return MseOptimal(bits=min(bits, 16), symmetric=symmetric)
    if calibration in ("99.9 %", "99 %"):
        return Percentile(percent=float(calibration.removesuffix(" %")))
    raise ValueError(f"calibration must be one of {', '.join(CALIBRATIONS)}, got {calibration!r}")


def quantize_after_training(
    model: Any,
    samples: NDArray[np.float32],
    *,
    weight_bits: int = 8,
    activation_bits: int = 8,
    per_channel: bool = True,
    calibration: Calibration = "min-max",
) -> Any:
    """Return a copy of a trained `model` that computes as if it were quantized, untrained.

    Parameters
    ----------
    model : tf_keras model
        As `simulate` takes it.
    samples : (N, ...) float32
        Training samples that show each activation's range.
    weight_bits, activation_bits : int, default 8
        2 to 16, or 32 for float.
    per_channel : bool, default True
        A step for each output channel of a convolution; else one for the folded tensor.
        Dense layers always have one, as LiteRT's do.
    calibration : {'min-max', '99.9 %', '99 %', 'mse'}
        Sets the ranges of weights and activations.

    Returns
    -------
    tf_keras model
        Its float weights lie on their grids already.

    Raises
    ------
    ValueError
        If a layer can't be simulated, or a width or the calibration is impossible.

    References
    ----------
    .. [1] Krishnamoorthi, arXiv:1806.08342, section 3.1.
    .. [2] Nagel et al., arXiv:2106.08295, section 3.1.
    """
    kernels = round_kernels(
        model, bits=weight_bits, per_channel=per_channel, calibration=calibration
    )
    return simulate(
        replace_kernels(model, kernels),
        samples,
        weight_bits=IDENTITY_BITS,
        activation_bits=activation_bits,
        observer=make_observer(calibration, activation_bits),
    )


def round_kernels(
    model: Any, *, bits: int, per_channel: bool = True, calibration: Calibration = "min-max"
) -> dict[str, NDArray[np.float32]]:
    """Return each layer's weights on their grid, in the layer's own shape, by its name.

    Parameters
    ----------
    model : tf_keras model
        Trained; unchanged.
    bits, per_channel, calibration
        As in `quantize_after_training`.

    Raises
    ------
    ValueError
        If a layer is unknown, or the width or the calibration is impossible.
    """
    observer = make_observer(calibration, bits, symmetric=True)
    found = {}
    for name, matrix in folded_matrices(model).items():
        layer, plan = model.get_layer(name), plan_layers(model)[name]
        kernel = layer.get_weights()[0]
        if bits < IDENTITY_BITS:
            alone = per_channel and not plan.dense
            rounded = round_columns(matrix, observer, bits=bits, per_channel=alone)
            kernel = (rounded / fold_factors(model, plan)).reshape(kernel.shape)
        found[name] = kernel.astype(np.float32)
    return found


def round_columns(matrix: Floats, observer: Observer, *, bits: int, per_channel: bool) -> Floats:
    """Return `matrix` on symmetric grids whose ends an observer chose.

    Parameters
    ----------
    matrix : (N, C) float
        N weights for each of C output channels, in their own unit.
    observer : Observer
        Sees a column, or the whole matrix; the larger end of its range counts.
    bits : int
        2 to 16.
    per_channel : bool
        A grid for each column; else one for all.

    Examples
    --------
    >>> w = np.array([[7.0, 0.6], [3.4, 0.7]])
    >>> round_columns(w, MinMax(), bits=4, per_channel=True).round(2).tolist()
    [[7.0, 0.6], [3.0, 0.7]]
    >>> round_columns(w, MinMax(), bits=4, per_channel=False).tolist()
    [[7.0, 1.0], [3.0, 1.0]]
    """
    if not per_channel:
        return roundtrip(matrix, _symmetric(observer(matrix), bits))
    channels = tuple(_symmetric(observer(column), bits) for column in matrix.T)
    return roundtrip(matrix, ChannelQParams(channels, axis=1))


def folded_matrices(model: Any) -> dict[str, Floats]:
    """Return the weights that the chip would store, before rounding: (N, C) by layer name.

    N weights for each of the C output channels, each channel multiplied by its
    normalisation's factor.

    Raises
    ------
    ValueError
        If the simulation does not know a layer.
    """
    matrices = {}
    for name, plan in plan_layers(model).items():
        if plan.weighted:
            layer = model.get_layer(name)
            kernel = layer.get_weights()[0].astype(np.float64)
            channels = int(layer.output_shape[-1])
            matrices[name] = kernel.reshape(-1, channels) * fold_factors(model, plan)
    return matrices


def fold_factors(model: Any, plan: LayerPlan) -> Floats:
    """Return |gamma| / sigma of the normalisation behind a layer, (C,), or ones without one."""
    if plan.normaliser is None:
        return np.ones(1)
    layer = model.get_layer(plan.normaliser)
    factor = 1.0 / np.sqrt(layer.moving_variance.numpy().astype(np.float64) + layer.epsilon)
    gamma = 1.0 if layer.gamma is None else np.abs(layer.gamma.numpy())
    return np.asarray(np.maximum(factor * gamma, 1e-12), np.float64)


def replace_kernels(model: Any, kernels: Mapping[str, NDArray[np.float32]]) -> Any:
    """Return a copy of `model` in which the layers that are named have other weights.

    Raises
    ------
    ValueError
        If the model has no such layer, or a shape does not match.
    """
    copy = load_keras().models.clone_model(model)
    copy.set_weights(model.get_weights())
    assign_kernels(copy, kernels)
    return copy


def assign_kernels(model: Any, kernels: Mapping[str, NDArray[np.float32]]) -> None:
    """Assign other weights to the layers of a model or of a simulation that are named.

    Raises
    ------
    ValueError
        If the model has no such layer, or a shape does not match.
    """
    for name, kernel in kernels.items():
        layer = inner_layer(model.get_layer(name))
        layer.set_weights([kernel, *layer.get_weights()[1:]])


def _symmetric(ends: tuple[float, float], bits: int) -> QParams:
    reach = max(-ends[0], ends[1])
    return choose_qparams(-reach, reach, bits=bits, symmetric=True)
