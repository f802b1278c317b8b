"""Any trained Keras model as its quantized self: weights and activations of chosen widths.

The simulation keeps the float weights, so it can go on training (QAT); untrained, it is the
post-training quantized model (PTQ). Grids are those of LiteRT: weights symmetric and narrow,
per output channel or per tensor, dense layers always per tensor; activations asymmetric, per
tensor, where the chip stores one. A batch normalisation is folded into the convolution before
it, and a ReLU fused; nothing is rounded between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.environment import load_keras
from tinyml_course.quantization.fake_quant import IDENTITY_BITS
from tinyml_course.quantization.observers import MinMax, Observer
from tinyml_course.quantization.simulate_graph import LayerPlan, plan_layers
from tinyml_course.quantization.simulate_layers import (
    fold_factors,
    kernel_class,
    layer_class,
    range_class,
)

DEFAULT_BITS = 8
"""Width of the layers that a mapping does not name."""

Widths = int | Mapping[str, int]


def simulate(
    model: Any,
    calibration: NDArray[np.float32] | None = None,
    *,
    weight_bits: Widths = DEFAULT_BITS,
    activation_bits: int = DEFAULT_BITS,
    per_channel: bool = True,
    estimator: Literal["ste", "lsq"] = "ste",
    observer: Observer | None = None,
) -> Any:
    """Return a copy of a trained `model` that computes as if it were quantized.

    Parameters
    ----------
    model : tf_keras Sequential or Functional model
        Of Conv2D, DepthwiseConv2D, Dense, and layers without weights; batch normalisation.
    calibration : (N, ...) float32, optional
        Training samples that show each activation's range. Needed below 32 activation bits.
    weight_bits : int or mapping of layer name to int, default 8
        2 to 16, or 32 for float; layers that a mapping does not name have 8.
    activation_bits : int, default 8
        The same for activations, and for the model's input.
    per_channel : bool, default True
        A step for each output channel of a convolution; else one for the (folded) tensor.
    estimator : {'ste', 'lsq'}, default 'ste'
        Steps from the largest weight, followed in training; or learned steps, which start
        from the smallest mean squared error.
    observer : Observer, optional
        Chooses the activations' ranges from the calibration samples; `MinMax` by default.
        In training the ranges follow the batches' smallest and largest values.

    Returns
    -------
    tf_keras model
        Same inputs and outputs; layers keep their names. `set_weight_bits` changes its widths,
        `bake` returns it as a plain float model with the weights on their grids.

    Raises
    ------
    ValueError
        If a layer can't be simulated, a width is impossible or names no layer, or the
        calibration samples are missing.

    References
    ----------
    .. [1] Jacob et al., arXiv:1712.05877, section 3.
    .. [2] Esser et al., arXiv:1902.08153, for the learned steps.
    .. [3] Nagel et al., arXiv:2106.08295, section 3.1, for those with the smallest error.
    """
    _check(calibration, activation_bits, estimator)
    plans = plan_layers(model)
    names = [name for name, plan in plans.items() if plan.weighted]
    wrapper = _Wrapper(
        plans=plans,
        widths=dict.fromkeys(names, DEFAULT_BITS) | _resolve(weight_bits, names),
        activation_bits=activation_bits,
        per_channel=per_channel,
        learned=estimator == "lsq",
    )
    simulated = load_keras().models.clone_model(model, clone_function=wrapper)
    copies = wrapper.copies
    for layer in model.layers:
        if layer.name in copies and layer.weights:
            inner_layer(copies[layer.name]).set_weights(layer.get_weights())
    for kernel in kernel_layers(simulated).values():
        kernel.start_scale()
    if calibration is not None and activation_bits < IDENTITY_BITS:
        calibrate(simulated, calibration, observer or MinMax())
    return simulated


def kernel_layers(simulated: Any) -> dict[str, Any]:
    """Return the layers of a simulation that have quantized weights, by name, in order."""
    return {x.name: x for x in simulated.layers if isinstance(x, kernel_class())}


def inner_layer(layer: Any) -> Any:
    """Return the float layer inside a simulated one; any other layer as it is."""
    return layer.layer if isinstance(layer, layer_class()) else layer


def set_weight_bits(simulated: Any, weight_bits: Widths) -> None:
    """Assign new widths to the weights; the next call computes with them, without a new trace.

    Layers that a mapping does not name keep theirs. Learned steps start again from the
    smallest error at the new width.

    Raises
    ------
    ValueError
        If a width is impossible or names no layer.
    """
    layers = kernel_layers(simulated)
    for name, bits in _resolve(weight_bits, layers).items():
        layers[name].bits.assign(bits)
        layers[name].start_scale()


def quantized_weights(simulated: Any) -> dict[str, NDArray[np.float32]]:
    """Return each layer's weights as the forward pass sees them, by the layer's name."""
    return {name: layer.quantized().numpy() for name, layer in kernel_layers(simulated).items()}


def calibrate(simulated: Any, samples: NDArray[np.float32], observer: Observer) -> None:
    """Set the range of every activation from `samples`, with the weights as they are now.

    Parameters
    ----------
    simulated : tf_keras model
        From `simulate`.
    samples : (N, ...) float32
        Inputs of the model.
    observer : Observer
        Chooses each range.
    """
    ranges = [r for layer in simulated.layers for r in _ranges_of(layer)]
    for activation in ranges:
        activation.seen = []
    try:
        for start in range(0, len(samples), 256):
            simulated(samples[start : start + 256], training=False)
        found = [observer(np.concatenate([x.ravel() for x in r.seen])) for r in ranges]
    finally:
        for activation in ranges:
            activation.seen = None
    for activation, (low, high) in zip(ranges, found, strict=True):
        activation.low.assign(low)
        activation.high.assign(high)


def bake(simulated: Any) -> Any:
    """Return a plain float model whose weights lie on the simulation's grids, for conversion.

    At 8 bits, per channel and with ``estimator="ste"``, LiteRT's converter finds the very same
    codes again.
    """
    plain = load_keras().models.clone_model(
        simulated, clone_function=lambda x: type(inner_layer(x)).from_config(_config(x))
    )
    grids = quantized_weights(simulated)
    for layer in simulated.layers:
        weights = inner_layer(layer).get_weights()
        if layer.name in grids:
            weights[0] = grids[layer.name]
        if weights:
            plain.get_layer(layer.name).set_weights(weights)
    return plain


def _config(layer: Any) -> dict[str, Any]:
    config: dict[str, Any] = inner_layer(layer).get_config()
    return config


def _ranges_of(layer: Any) -> list[Any]:
    found = (getattr(layer, name, None) for name in ("range_in", "range_out"))
    return [r for r in found if isinstance(r, range_class())]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wrapper:
    """Copies the layers of one model, each with its quantizers; `copies` keeps them by name."""

    plans: Mapping[str, LayerPlan]
    widths: Mapping[str, int]
    activation_bits: int
    per_channel: bool
    learned: bool
    copies: dict[str, Any] = field(default_factory=dict)

    def __call__(self, layer: Any) -> Any:
        """Return a copy of `layer`, wrapped where the chip rounds its weights or activations."""
        plan = self.plans[layer.name]
        ranges = self._range(plan.reads_input, "in"), self._range(plan.stores_output, "out")
        copy = type(layer).from_config(layer.get_config())
        if plan.weighted:
            copy = self._wrap_kernel(copy, ranges, plan)
        elif ranges != (None, None):
            copy = layer_class()(copy, *ranges)
        self.copies[layer.name] = copy
        return copy

    def _range(self, stored: bool, name: str) -> Any:
        return range_class()(self.activation_bits, name=name) if stored else None

    def _wrap_kernel(self, copy: Any, ranges: tuple[Any, Any], plan: LayerPlan) -> Any:
        per_channel = self.per_channel and not plan.dense  # then folding factors cancel
        normaliser = None if per_channel else plan.normaliser
        fold = fold_factors(lambda: inner_layer(self.copies[normaliser])) if normaliser else None
        return kernel_class()(
            copy,
            ranges,
            bits=self.widths[copy.name],
            fold=fold or (lambda: None),
            learned=self.learned,
            per_channel=per_channel,
        )


def _resolve(weight_bits: Widths, names: Any) -> dict[str, int]:
    """Return the widths by name: of the layers that a mapping names, or of all of them.

    Raises
    ------
    ValueError
        If a width is impossible, or the mapping names a layer that has no weights.
    """
    uniform = not isinstance(weight_bits, Mapping)
    given = dict.fromkeys(names, weight_bits) if uniform else dict(weight_bits)
    for name, bits in given.items():
        if name not in names:
            raise ValueError(f"no layer {name!r} has weights to quantize; it is one of {[*names]}")
        if not (2 <= bits <= 16 or bits == IDENTITY_BITS):
            raise ValueError(f"layer {name!r}: bits must be in 2..16, or 32 for float, got {bits}")
    return given


def _check(calibration: Any, activation_bits: int, estimator: str) -> None:
    if estimator not in ("ste", "lsq"):
        raise ValueError(f"estimator must be 'ste' or 'lsq', got {estimator!r}")
    if activation_bits != IDENTITY_BITS and not 2 <= activation_bits <= 16:
        raise ValueError(f"activation_bits must be in 2..16, or 32, got {activation_bits}")
    if activation_bits < IDENTITY_BITS and (calibration is None or not len(calibration)):
        raise ValueError(
            "quantized activations need calibration samples; pass training images, or "
            "activation_bits=32 to quantize weights alone"
        )
