"""A dense network in plain NumPy: small enough for many seeds, open enough for masks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Gradient = Callable[[Floats, NDArray[np.intp]], Floats]
"""From logits (B, K) and the rows they belong to (B,) to the loss's gradient (B, K)."""


@dataclass(frozen=True, slots=True, eq=False)
class Mlp:
    """Weights of a dense network with ReLU between its layers and logits at its end.

    Attributes
    ----------
    weights : tuple of (D_in, D_out) float32
        One matrix a layer.
    biases : tuple of (D_out,) float32
        One vector a layer.
    """

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]

    @property
    def parameters(self) -> int:
        """Trained numbers, biases included."""
        return sum(array.size for array in (*self.weights, *self.biases))

    def masked(self, masks: tuple[NDArray[np.bool_], ...]) -> Mlp:
        """Return a copy whose weights are zero where `masks` are False; biases stay."""
        kept = (w * mask for w, mask in zip(self.weights, masks, strict=True))
        return Mlp(tuple(kept), self.biases)


def init_mlp(sizes: tuple[int, ...], rng: np.random.Generator) -> Mlp:
    """Return an untrained network: Gaussian weights of variance 2 / inputs, biases zero.

    Parameters
    ----------
    sizes : tuple of int
        Inputs, hidden units of each layer, outputs.
    rng : numpy Generator
        Draws the weights.

    Raises
    ------
    ValueError
        If there are fewer than two sizes, or one is below 1.

    References
    ----------
    .. [1] He et al., arXiv:1502.01852, section 2.2.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes need at least inputs and outputs, each >= 1, got {sizes}")
    pairs = tuple(itertools.pairwise(sizes))
    return Mlp(
        tuple((rng.standard_normal((n, m)) * np.sqrt(2 / n)).astype(np.float32) for n, m in pairs),
        tuple(np.zeros(m, np.float32) for _, m in pairs),
    )


def compute_logits(mlp: Mlp, x: Floats) -> Floats:
    """Return the outputs (N, K) float32 before softmax for `x` (N, D) float32."""
    return _forward(mlp.weights, mlp.biases, x)[-1]


def score(mlp: Mlp, x: Floats, labels: NDArray[np.int64]) -> float:
    """Return the share of `x` (N, D) that the network assigns to `labels` (N,), in [0, 1]."""
    return float(np.mean(compute_logits(mlp, x).argmax(axis=1) == labels))


def cross_entropy_gradient(targets: Floats) -> Gradient:
    """Return the gradient of the mean cross-entropy to `targets` (N, K), rows summing to 1."""

    def gradient(z: Floats, rows: NDArray[np.intp]) -> Floats:
        shifted = np.exp(z - z.max(axis=1, keepdims=True))
        probabilities = shifted / shifted.sum(axis=1, keepdims=True)
        return np.asarray((probabilities - targets[rows]) / len(z), np.float32)

    return gradient


def train_mlp(
    mlp: Mlp,
    x: Floats,
    gradient: Gradient,
    *,
    epochs: int,
    rng: np.random.Generator,
    masks: tuple[NDArray[np.bool_], ...] | None = None,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
) -> Mlp:
    """Return `mlp` trained on `x` with Adam under a linear decay; the argument stays as it is.

    Parameters
    ----------
    mlp : Mlp
        Where to start.
    x : (N, D) float32
        Training samples.
    gradient : Gradient
        Of the loss by the logits, e.g. `cross_entropy_gradient(one_hot)`.
    epochs : int
        Passes over `x`, at least 1.
    rng : numpy Generator
        Draws the order of the samples.
    masks : tuple of (D_in, D_out) bool, optional
        Weights that exist; the others start at zero and stay there.
    batch_size, learning_rate
        Of Adam; the rate falls linearly to zero.

    Raises
    ------
    ValueError
        If `epochs` is below 1 or the shapes of masks and weights differ.
    """
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    if masks is not None and [m.shape for m in masks] != [w.shape for w in mlp.weights]:
        raise ValueError("masks need one boolean matrix per layer, of the weights' shapes")
    start = mlp if masks is None else mlp.masked(masks)
    values = [array.copy() for array in (*start.weights, *start.biases)]
    allowed: list[Any] = [*(masks or [1.0] * len(mlp.weights)), *([1.0] * len(mlp.biases))]
    depth, adam = len(mlp.weights), _Adam(values)
    steps = epochs * -(-len(x) // batch_size)
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for first in range(0, len(x), batch_size):
            rows = order[first : first + batch_size]
            slopes = _backward(values[:depth], values[depth:], x[rows], gradient, rows)
            rate = learning_rate * (1 - adam.steps / steps)
            adam.step(values, [g * m for g, m in zip(slopes, allowed, strict=True)], rate)
    return Mlp(tuple(values[:depth]), tuple(values[depth:]))


class _Adam:
    """Adam with its usual constants; edits the arrays that it is given."""

    def __init__(self, values: list[Floats]) -> None:
        self.steps = 0
        self._mean = [np.zeros_like(v) for v in values]
        self._square = [np.zeros_like(v) for v in values]

    def step(self, values: list[Floats], slopes: list[Floats], rate: float) -> None:
        self.steps += 1
        rate *= np.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps)
        for value, slope, mean, square in zip(
            values, slopes, self._mean, self._square, strict=True
        ):
            mean += 0.1 * (slope - mean)
            square += 0.001 * (slope * slope - square)
            value -= np.float32(rate) * mean / (np.sqrt(square) + np.float32(1e-8))


def _forward(weights: Any, biases: Any, x: Floats) -> list[Floats]:
    layers = [x]
    for depth, (w, b) in enumerate(zip(weights, biases, strict=True), start=1):
        z = layers[-1] @ w + b
        layers.append(np.maximum(z, 0) if depth < len(weights) else z)
    return layers


def _backward(
    weights: list[Floats],
    biases: list[Floats],
    x: Floats,
    gradient: Gradient,
    rows: NDArray[np.intp],
) -> list[Floats]:
    layers = _forward(weights, biases, x)
    slope = gradient(layers[-1], rows)
    by_weight: list[Floats] = []
    by_bias: list[Floats] = []
    for depth in reversed(range(len(weights))):
        by_weight.insert(0, layers[depth].T @ slope)
        by_bias.insert(0, slope.sum(axis=0))
        if depth:
            slope = (slope @ weights[depth].T) * (layers[depth] > 0)
    return [*by_weight, *by_bias]
