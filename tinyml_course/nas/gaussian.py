"""A Gaussian process in NumPy: predictions with an honest spread from a handful of points."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

LENGTHS = (0.5, 1.0, 2.0, 4.0)
"""Length scales that are tried, in units of the distance between two typical points."""
NOISES = (0.01, 0.05, 0.2, 0.5)
"""Shares of the variance that are noise, tried likewise."""


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """A process that has seen its data; made by `fit_process`.

    Attributes
    ----------
    points : (N, D) float64
        Standardised features.
    center, scale : (D,) float64
        That standardised them.
    mean : float
        Of the values, towards which predictions far from all points go.
    variance : float
        Of the values about the mean, noise included.
    length, noise : float
        Length scale, and the share of the variance that is noise.
    weights : (N,) float64
        Inverse kernel matrix times the centred values.
    factor : (N, N) float64
        Lower Cholesky factor of the kernel matrix, as shares of the variance.
    """

    points: NDArray[np.float64]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    mean: float
    variance: float
    length: float
    noise: float
    weights: NDArray[np.float64]
    factor: NDArray[np.float64]

    def predict(
        self, features: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and standard deviation of the function at each row, without its noise."""
        rows = (np.asarray(features, np.float64) - self.center) / self.scale
        cross = (1 - self.noise) * _kernel(rows, self.points, self.length)
        solved = np.linalg.solve(self.factor, cross.T)
        left = np.maximum(1 - self.noise - np.sum(solved**2, axis=0), 0.0)
        return self.mean + cross @ self.weights, np.sqrt(self.variance * left)


def fit_process(features: NDArray[np.float64], values: NDArray[np.float64]) -> GaussianProcess:
    """Return the process whose length scale and noise make the values most likely.

    Parameters
    ----------
    features : (N, D) float64
        One row a point, N at least 2; columns are standardised, constant ones count for nothing.
    values : (N,) float64
        What was measured there.

    Raises
    ------
    ValueError
        If the shapes don't match, there are fewer than two points, or a number is not finite.

    References
    ----------
    .. [1] Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, algorithm 2.1
       and equation 5.8 (the likelihood, here with the best variance inserted).
    """
    table, y = np.asarray(features, np.float64), np.asarray(values, np.float64)
    if table.ndim != 2 or y.shape != table.shape[:1] or len(y) < 2:
        raise ValueError(f"need (N, D) features and N >= 2 values, got {table.shape} and {y.shape}")
    if not (np.isfinite(table).all() and np.isfinite(y).all()):
        raise ValueError("features and values must be finite")
    center, spread = table.mean(axis=0), table.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0) * np.sqrt(table.shape[1])
    points = (table - center) / scale
    fits = [_fit(points, y, length, noise) for length, noise in product(LENGTHS, NOISES)]
    _, length, noise, mean, variance, weights, factor = max(fits, key=lambda fit: fit[0])
    return GaussianProcess(points, center, scale, mean, variance, length, noise, weights, factor)


def _fit(
    points: NDArray[np.float64], y: NDArray[np.float64], length: float, noise: float
) -> tuple[float, float, float, float, float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the log-likelihood, up to a constant, and what it was reached with."""
    count = len(y)
    matrix = (1 - noise) * _kernel(points, points, length) + noise * np.eye(count)
    factor = np.linalg.cholesky(matrix)
    ones = _solve(factor, np.ones(count))
    mean = float(ones @ y / ones.sum())
    weights = _solve(factor, y - mean)
    variance = max(float((y - mean) @ weights) / count, 1e-12)
    likelihood = -0.5 * count * np.log(variance) - np.log(np.diag(factor)).sum()
    return float(likelihood), length, noise, mean, variance, weights, factor


def _solve(factor: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.solve(factor.T, np.linalg.solve(factor, right)))


def _kernel(a: NDArray[np.float64], b: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """Return the squared exponential of the distances between two sets of rows."""
    squares = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    return np.asarray(np.exp(-0.5 * squares / length**2))
