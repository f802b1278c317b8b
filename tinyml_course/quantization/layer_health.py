"""What can be measured at each layer of a quantized model, beside its float twin."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.graph import OpInfo, TensorInfo
from tinyml_course.device.refusals import WEIGHTED
from tinyml_course.quantization.matching import Match
from tinyml_course.quantization.trace import CODE_LIMITS, Array, Trace, active_inputs

Floats = NDArray[np.float64]

OUTPUT_CHANNEL = {"DEPTHWISE_CONV_2D": 3}
"""Axis of a filter's output channels; 0 for every other operator."""

FEW_CODES = 7
"""A channel whose largest code is at most this would fit in 4 bits."""

FIXED_RANGE = ("SOFTMAX", "LOGISTIC", "TANH", "L2_NORMALIZATION", "LOG_SOFTMAX")
"""Operators whose output scale the LiteRT specification fixes."""

NO_SIGNAL_DB = -math.inf
SILENCE = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerHealth:
    """Measurements at the output of one layer; the input counts as the first layer.

    Attributes
    ----------
    layer, op : str
        Name of the layer; builtin operator, INPUT for the model's input.
    number : int
        Index of the operator in the quantized file, -1 for the input.
    sqnr_db : float
        Power of the float activations over the power of their error, in dB; all that went
        wrong up to here. inf where nothing did.
    input_sqnr_db : float
        The worst of the layer's inputs.
    rounding_db : float
        What rounding alone would leave at this output: ``10 log10(power / (step**2 / 12))``.
    cut_db : float
        Power of the float values over the power of what the range of the codes cuts off them,
        in dB; inf where every value lies in the range.
    beyond_share : float
        Share of the float values outside the range of the codes.
    rail_share : float
        Share of the codes at an end of their range, the code of 0.0 not counted.
    low, high : float
        Range of the codes, in the tensor's unit.
    float_low, float_high : float
        Range of the float values.
    wasted_bits : float
        Bits that the codes never use: ``log2`` of their range over what the float values need.
    channels : int
        Output channels.
    dead : tuple of int
        Channels whose codes never change over the samples, though their input does.
    dead_in_float : int
        How many of them change by less than half a step in the float model, too.
    weight_sqnr_db : float or None
        Power of the float weights over the power of their error; None without weights.
    weight_steps : float
        Largest distance between a float weight and the stored one, in steps; rounding alone
        stays at 0.5.
    single_scale : bool
        One scale for all channels of the weights.
    channel_span : float
        Largest channel range of the weights over the smallest one, live channels only.
    weak_channels : tuple of int
        Live channels whose weights use no code beyond `FEW_CODES`.
    bias_channels : tuple of int
        Channels whose accumulator can leave int32.
    bias_code : int
        The largest magnitude among the stored biases.
    bias_wanted, bias_stored : float
        In the worst of these channels: the float bias, and what the stored code stands for.
    """

    layer: str
    op: str
    number: int
    sqnr_db: float
    input_sqnr_db: float = math.inf
    rounding_db: float = math.inf
    cut_db: float = math.inf
    beyond_share: float = 0.0
    rail_share: float = 0.0
    low: float = -math.inf
    high: float = math.inf
    float_low: float = 0.0
    float_high: float = 0.0
    wasted_bits: float = 0.0
    channels: int = 1
    dead: tuple[int, ...] = ()
    dead_in_float: int = 0
    weight_sqnr_db: float | None = None
    weight_steps: float = 0.0
    single_scale: bool = False
    channel_span: float = 1.0
    weak_channels: tuple[int, ...] = ()
    bias_channels: tuple[int, ...] = ()
    bias_code: int = 0
    bias_wanted: float = 0.0
    bias_stored: float = 0.0

    @property
    def fixed_range(self) -> bool:
        """Whether the specification, not calibration, sets the output's range."""
        return self.op in FIXED_RANGE

    @property
    def drop_db(self) -> float:
        """How much of the signal-to-noise ratio this layer loses; 0 where nothing sets a limit."""
        limit = min(self.input_sqnr_db, self.rounding_db)
        return 0.0 if math.isinf(limit) else limit - self.sqnr_db


def sqnr_db(signal: Array, noisy: Array) -> float:
    """Return the signal-to-quantization-noise ratio ``10 log10(sum s**2 / sum (s - n)**2)``.

    Parameters
    ----------
    signal : array of float, any shape
        The exact values.
    noisy : array of float, same shape
        What became of them.

    Returns
    -------
    float
        In decibels: 20 dB is an error of a tenth of the signal's root mean square; inf for
        equal arrays, -inf where the signal is all zero and the other is not.

    Examples
    --------
    >>> round(sqnr_db(np.ones(4), np.full(4, 0.9)), 6)
    20.0
    """
    signal, noisy = np.asarray(signal, np.float64), np.asarray(noisy, np.float64)
    noise = float(np.square(signal - noisy).sum())
    power = float(np.square(signal).sum())
    if noise == 0:
        return math.inf
    return 10 * math.log10(power / noise) if power else NO_SIGNAL_DB


def measure_layers(
    reference: Trace, quantized: Trace, matches: tuple[Match, ...], x: NDArray[np.float32]
) -> tuple[LayerHealth, ...]:
    """Return the measurements of the input and of each matched operator, in execution order.

    Parameters
    ----------
    reference, quantized : Trace
        Of the float file and of the quantized file, for the same samples.
    matches : tuple of Match
        Which operators belong together.
    x : (N, ...) float32
        The samples.
    """
    place = quantized.graph.inputs[0]
    found = [
        LayerHealth(
            layer="input", op="INPUT", number=-1,
            **_output_figures(x.astype(np.float64), place, quantized),
        )
    ]  # fmt: skip
    ratio = {place: found[0].sqnr_db}
    for op in quantized.graph.ops:  # a change of type passes the signal on
        found_in = next(active_inputs(quantized.graph, op), None)
        if op.name in ("QUANTIZE", "DEQUANTIZE") and found_in in ratio:
            ratio[op.outputs[0]] = ratio[found_in]
    for match in matches:
        health = _measure(match, reference, quantized, ratio)
        ratio[quantized.graph.ops[match.quantized].outputs[0]] = health.sqnr_db
        found.append(health)
    return tuple(found)


def _measure(
    match: Match, reference: Trace, quantized: Trace, ratio: dict[int, float]
) -> LayerHealth:
    op, float_op = quantized.graph.ops[match.quantized], reference.graph.ops[match.reference]
    exact = reference.real(float_op.outputs[0])
    figures = _output_figures(exact, op.outputs[0], quantized)
    if op.name in WEIGHTED:
        figures |= _dead_figures(op, exact, quantized)
        figures |= _weight_figures(op, float_op, exact, (reference, quantized))
        figures |= _bias_figures(op, float_op, (reference, quantized))
    inputs = [ratio[i] for i in active_inputs(quantized.graph, op) if i in ratio]
    return LayerHealth(
        layer=match.layer, op=op.name, number=match.quantized,
        input_sqnr_db=min(inputs, default=math.inf), **figures,
    )  # fmt: skip


def _output_figures(exact: Floats, tensor: int, quantized: Trace) -> dict[str, object]:
    """Return what the codes of one activation say beside its exact values."""
    info = quantized.graph.tensors[tensor]
    found: dict[str, object] = {
        "sqnr_db": sqnr_db(exact, quantized.real(tensor).reshape(exact.shape)),
        "float_low": float(exact.min()),
        "float_high": float(exact.max()),
        "channels": exact.shape[-1],
    }
    if info.scales and info.dtype in CODE_LIMITS:
        found |= _range_figures(exact, quantized.stored[tensor], info)
    return found


def _range_figures(exact: Floats, codes: Array, info: TensorInfo) -> dict[str, object]:
    step, zero = info.scales[0], info.zero_points[0] if info.zero_points else 0
    lowest, highest = CODE_LIMITS[info.dtype]
    low, high = step * (lowest - zero), step * (highest - zero)
    cut = np.maximum(np.maximum(exact - high, low - exact) - step / 2, 0.0)
    at_rail = ((codes == lowest) | (codes == highest)) & (codes != zero)
    need = max(float(exact.max()), 0.0) - min(float(exact.min()), 0.0)
    power = max(float(np.square(exact).mean()), SILENCE)
    return {
        "rounding_db": 10 * math.log10(power / (step**2 / 12)),
        "cut_db": sqnr_db(exact, exact - cut),
        "beyond_share": float((cut > 0).mean()),
        "rail_share": float(at_rail.mean()),
        "low": low,
        "high": high,
        "wasted_bits": max(math.log2((high - low) / need), 0.0) if need else math.inf,
    }


def _dead_figures(op: OpInfo, exact: Floats, quantized: Trace) -> dict[str, object]:
    dead = _constant_channels(quantized.stored[op.outputs[0]])
    source = next(active_inputs(quantized.graph, op))
    if op.name == "DEPTHWISE_CONV_2D":  # a channel without input is the layer before's fault
        without = _constant_channels(quantized.stored[source])
        dead &= ~np.repeat(without, len(dead) // len(without))
    step = (quantized.graph.tensors[op.outputs[0]].scales or (0.0,))[0]
    return {
        "dead": tuple(int(i) for i in np.flatnonzero(dead)),
        "dead_in_float": int((dead & _constant_channels(exact, within=step / 2)).sum()),
    }


def _constant_channels(values: Array, *, within: float = 0.0) -> NDArray[np.bool_]:
    """Return for each channel (last axis) whether no value varies over the samples by more."""
    still = values.max(axis=0) - values.min(axis=0).astype(np.float64) <= within
    return np.asarray(still.reshape(-1, still.shape[-1]).all(axis=0))


def _weight_figures(
    op: OpInfo, float_op: OpInfo, exact: Floats, traces: tuple[Trace, Trace]
) -> dict[str, object]:
    reference, quantized = traces
    info = quantized.graph.tensors[op.inputs[1]]
    wanted, kept = reference.real(float_op.inputs[1]), quantized.real(op.inputs[1])
    axis = OUTPUT_CHANNEL.get(op.name, 0)
    step = _along(np.asarray(info.scales or (1.0,)), axis, wanted.ndim)
    found: dict[str, object] = {
        "weight_sqnr_db": sqnr_db(wanted, kept),
        "weight_steps": float((np.abs(wanted - kept) / step).max()),
        "single_scale": len(info.scales) == 1,
    }
    spans = np.abs(np.moveaxis(wanted, axis, 0).reshape(wanted.shape[axis], -1)).max(axis=1)
    live = ~_constant_channels(exact) & (spans > 0)
    if len(info.scales) == 1 and live.any():
        codes = quantized.constants[op.inputs[1]].astype(np.int32)
        most = np.abs(np.moveaxis(codes, axis, 0).reshape(len(spans), -1)).max(axis=1)
        found["channel_span"] = float(spans[live].max() / spans[live].min())
        found["weak_channels"] = tuple(int(i) for i in np.flatnonzero(live & (most <= FEW_CODES)))
    return found


def _bias_figures(op: OpInfo, float_op: OpInfo, traces: tuple[Trace, Trace]) -> dict[str, object]:
    """Return which accumulators can leave int32, and the worst of them.

    The largest magnitude that channel ``c`` can reach is ``|b| + sum |w| * max |x - zero|``,
    each in codes; the runtime adds in int32 and wraps.
    """
    reference, quantized = traces
    if len(op.inputs) < 3 or op.inputs[2] < 0 or len(float_op.inputs) < 3:
        return {}
    bias = quantized.constants[op.inputs[2]].astype(np.int64)
    x = quantized.graph.tensors[op.inputs[0]]
    if x.dtype != "INT8" or not x.scales:
        return {}
    axis = OUTPUT_CHANNEL.get(op.name, 0)
    codes = quantized.constants[op.inputs[1]].astype(np.int64)
    weights = np.abs(np.moveaxis(codes, axis, 0).reshape(len(bias), -1)).sum(axis=1)
    reach = np.abs(bias) + weights * max(abs(c - x.zero_points[0]) for c in CODE_LIMITS["INT8"])
    worst = int(np.abs(bias).argmax())
    scales = np.broadcast_to(quantized.graph.tensors[op.inputs[1]].scales, bias.shape)
    return {
        "bias_channels": tuple(int(i) for i in np.flatnonzero(reach > 2**31 - 1)),
        "bias_code": int(np.abs(bias)[worst]),
        "bias_wanted": float(reference.real(float_op.inputs[2])[worst]),
        "bias_stored": float(bias[worst] * scales[worst] * x.scales[0]),
    }


def _along(values: Floats, axis: int, dimensions: int) -> Floats:
    """Return per-channel values shaped to broadcast along `axis`."""
    column = [1] * dimensions
    column[axis] = len(values)
    return values.reshape(column)
