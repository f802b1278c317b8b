"""How the error of quantized layers travels through a deep ReLU network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyml_course.quantization.affine import choose_qparams, roundtrip

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ErrorGrowth:
    """Errors after each of L layers; Euclidean norms, averaged over the samples.

    Attributes
    ----------
    signal : (L,) float64
        Size of the float network's activations.
    local : (L,) float64
        Error that the layer itself adds: quantized against float layer, on the same input.
    total : (L,) float64
        Distance between the quantized and the float network's activations.
    bound : (L,) float64
        What the triangle inequality and the layers' gains allow at most.
    """

    signal: Floats
    local: Floats
    total: Floats
    bound: Floats

    @property
    def summed(self) -> Floats:
        """Sum of the layers' own errors up to each layer."""
        return np.cumsum(self.local)


def random_network(
    depth: int, *, width: int = 64, gain: float = 1.0, rng: np.random.Generator
) -> tuple[Floats, ...]:
    """Return square Gaussian weight matrices that scale a ReLU network's signal by `gain` a layer.

    Parameters
    ----------
    depth : int
        L matrices.
    width : int, default 64
        D rows and columns of each.
    gain : float, default 1.0
        Growth of the activations' norm per layer, on average; 1.0 is He's initialisation.
    rng : numpy Generator
        Draws the weights.

    References
    ----------
    .. [1] He et al., arXiv:1502.01852, section 2.2.
    """
    deviation = gain * np.sqrt(2 / width)
    return tuple(rng.normal(0.0, deviation, (width, width)) for _ in range(depth))


def run_layers(weights: Sequence[Floats], x: Floats) -> list[Floats]:
    """Return the activations after each layer, ``max(h @ w, 0)``, for `x` (N, D)."""
    activations = []
    for w in weights:
        x = np.maximum(x @ w, 0.0)
        activations.append(x)
    return activations


def quantize_weights(weights: Sequence[Floats], bits: int) -> list[Floats]:
    """Return the matrices after a symmetric per-tensor round trip at `bits`."""
    return [
        roundtrip(w, choose_qparams(w.min(), w.max(), bits=bits, symmetric=True)) for w in weights
    ]


def measure_growth(weights: Sequence[Floats], x: Floats, *, bits: int) -> ErrorGrowth:
    """Return how far a network with quantized weights drifts from its float twin, by layer.

    With ``e`` the error that a layer adds itself and ``|W|`` its largest singular value,

        total[k] <= bound[k] = |W[k]| * bound[k - 1] + e[k]

    because ReLU moves no two points apart.

    Parameters
    ----------
    weights : sequence of (D, D) float64
        One matrix a layer; ReLU follows each.
    x : (N, D) float64
        Inputs.
    bits : int
        Width of the weights, 2 to 16.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> net = random_network(8, gain=1.0, rng=rng)
    >>> growth = measure_growth(net, rng.normal(size=(100, 64)), bits=8)
    >>> bool((growth.total <= growth.bound).all())
    True
    """
    coarse = quantize_weights(weights, bits)
    signals, drifted = run_layers(weights, x), run_layers(coarse, x)
    inputs = [x, *drifted[:-1]]
    local = [
        _norm(after - np.maximum(before @ w, 0.0))
        for w, before, after in zip(weights, inputs, drifted, strict=True)
    ]
    bound = [0.0]
    for w, own in zip(weights, local, strict=True):
        bound.append(float(np.linalg.norm(w, 2)) * bound[-1] + own)
    return ErrorGrowth(
        signal=np.array([_norm(signal) for signal in signals]),
        local=np.array(local),
        total=np.array([_norm(a - b) for a, b in zip(drifted, signals, strict=True)]),
        bound=np.array(bound[1:]),
    )


def split_error(weights: Sequence[Floats], x: Floats, *, bits: int) -> Floats:
    """Return each layer's share of the output's error, as vectors that sum to it exactly.

    Share ``k`` is the output with the first k layers quantized minus the output with the
    first k - 1 layers quantized; the sum telescopes.

    Parameters
    ----------
    weights : sequence of (D, D) float64
        L matrices; ReLU follows each.
    x : (N, D) float64
        Inputs.
    bits : int
        Width of the weights.

    Returns
    -------
    (L, N, D) float64
        One share per layer, sample and output.
    """
    coarse = quantize_weights(weights, bits)
    outputs = [run_layers([*coarse[:k], *weights[k:]], x)[-1] for k in range(len(weights) + 1)]
    return np.diff(np.array(outputs), axis=0)


def _norm(rows: Floats) -> float:
    """Return the mean Euclidean norm of the rows."""
    return float(np.linalg.norm(rows, axis=1).mean())
