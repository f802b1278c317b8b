"""Gradient descent through rounding, on a problem so small that its best grid point is known."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.types import QParams
from tinyml_course.quantization.affine import dequantize, quantize
from tinyml_course.quantization.ste import lsq_gradients, ste_gradient

Floats = NDArray[np.float64]
Estimator = Literal["true slope", "straight-through", "learned step"]
ESTIMATORS: tuple[Estimator, ...] = ("true slope", "straight-through", "learned step")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearTask:
    """Outputs that a linear unit must reproduce with quantized weights.

    Attributes
    ----------
    x : (N, D) float64
        Inputs, correlated, so that the errors of two weights can cancel.
    y : (N,) float64
        Outputs of the float unit.
    w : (D,) float64
        The float weights, which reproduce them exactly.
    """

    x: Floats
    y: Floats
    w: Floats

    def loss(self, w: Floats) -> float:
        """Return the mean squared error of weights `w`, as a share of the mean square of `y`."""
        return float(np.mean((self.x @ w - self.y) ** 2) / np.mean(self.y**2))

    def gradient(self, w: Floats) -> Floats:
        """Return the gradient of the loss by the weights that computed the outputs."""
        residual = self.x @ w - self.y
        return 2.0 * self.x.T @ residual / len(self.y) / float(np.mean(self.y**2))


def make_task(seed: int, *, weights: int = 6, samples: int = 64) -> LinearTask:
    """Return a task with Gaussian weights and inputs that share a common part.

    Parameters
    ----------
    seed : int
        Draws inputs and weights.
    weights : int, default 6
        D of them.
    samples : int, default 64
        N of them.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, weights)) + 2.0 * rng.normal(size=(samples, 1))
    w = rng.normal(size=weights)
    return LinearTask(x=x, y=x @ w, w=w)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Descent:
    """What a descent went through; entry 0 is the start.

    Attributes
    ----------
    loss : (T + 1,) float64
        Loss of the quantized weights.
    latent : (T + 1, D) float64
        The float weights that the steps move.
    values : (T + 1, D) float64
        The quantized weights.
    scale : (T + 1,) float64
        The step of the grid; constant unless it is learned.
    """

    loss: Floats
    latent: Floats
    values: Floats
    scale: Floats


def start_grid(task: LinearTask, *, bits: int, cover: float = 1.0) -> QParams:
    """Return the symmetric grid that covers a share of the range of the float weights."""
    highest = 2 ** (bits - 1) - 1
    return QParams(cover * float(np.abs(task.w).max()) / highest, 0, bits, narrow=True)


def descend(
    task: LinearTask,
    *,
    bits: int,
    estimator: Estimator,
    cover: float = 1.0,
    steps: int = 150,
    rate: float = 0.1,
) -> Descent:
    """Return the descent that starts from the float weights, rounded at every step.

    Parameters
    ----------
    task : LinearTask
        What to reproduce.
    bits : int
        Width of the weights, 2 to 16.
    estimator : {'true slope', 'straight-through', 'learned step'}
        Derivative that stands in for the rounding's.
    cover : float, default 1.0
        Share of the weights' range that the first grid covers; below 1, some saturate.
    steps : int, default 150
        T of them.
    rate : float, default 0.1
        Step length in units of the loss's inverse curvature; it falls to zero linearly.

    Raises
    ------
    ValueError
        If the estimator is unknown.
    """
    if estimator not in ESTIMATORS:
        raise ValueError(f"estimator must be one of {ESTIMATORS}, got {estimator!r}")
    q, w = start_grid(task, bits=bits, cover=cover), task.w.copy()
    curvature = 2.0 * np.linalg.norm(task.x, 2) ** 2 / len(task.y) / float(np.mean(task.y**2))
    rows = []
    for step in range(steps + 1):
        values = dequantize(quantize(w, q), q)
        rows.append((task.loss(values), w.copy(), values, q.scale))
        by_w, by_scale = _gradients(w, q, task.gradient(values), estimator)
        pace = rate * (1 - step / steps) / curvature
        w = w - pace * by_w
        q = QParams(max(q.scale - pace * by_scale, 1e-3), 0, bits, narrow=True)
    loss, latent, values, scale = (np.array(column) for column in zip(*rows, strict=True))
    return Descent(loss=loss, latent=latent, values=values, scale=scale)


def best_on_grid(task: LinearTask, q: QParams) -> tuple[float, Floats]:
    """Return the lowest loss of all weights on a grid, and these weights, by trying them all.

    Raises
    ------
    ValueError
        If there are more than two million of them.
    """
    codes = np.arange(q.limits[0], q.limits[1] + 1)
    if len(codes) ** len(task.w) > 2_000_000:
        raise ValueError(f"{len(codes)} codes for {len(task.w)} weights are too many to try")
    square = task.x.T @ task.x / len(task.y) / float(np.mean(task.y**2))
    errors = np.array(list(itertools.product(q.scale * codes, repeat=len(task.w)))) - task.w
    losses = np.einsum("nd,de,ne->n", errors, square, errors, optimize=True)
    best = int(np.argmin(losses))
    return float(losses[best]), errors[best] + task.w


def _gradients(
    w: Floats, q: QParams, upstream: Floats, estimator: Estimator
) -> tuple[Floats, float]:
    if estimator == "true slope":
        return np.zeros_like(w), 0.0
    if estimator == "straight-through":
        return ste_gradient(w, q, upstream), 0.0
    return lsq_gradients(w, q.scale, upstream, bits=q.bits)
