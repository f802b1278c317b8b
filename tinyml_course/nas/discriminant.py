"""A last layer without training: the linear discriminant of given features, in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

SHRINKAGE = 0.1
"""Share of the covariance that is replaced by equal variances: samples are few."""


def fit_discriminant(
    features: ArrayLike, labels: ArrayLike, *, classes: int, shrinkage: float = SHRINKAGE
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weights and bias whose logits are the log densities of normal classes.

    Every class is taken for a normal distribution with a mean ``m_k`` of its own and a covariance
    ``S`` that all share. Up to a term equal for all classes, the logarithm of its density is
    ``x S^-1 m_k - m_k S^-1 m_k / 2``.

    Parameters
    ----------
    features : (N, F) float
        What the last layer reads.
    labels : (N,) int
        Classes, each at least once.
    classes : int
        K; all count as equally frequent.
    shrinkage : float
        In (0, 1]; ``S`` is ``(1 - s) S_within + s * mean(diagonal) * identity``.

    Returns
    -------
    weights : (F, K) float32
    bias : (K,) float32

    Raises
    ------
    ValueError
        If a class has no sample, or `shrinkage` is not in (0, 1].

    References
    ----------
    .. [1] Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2nd edition,
       section 4.3, equations 4.9 to 4.14.
    """
    x, y = np.asarray(features, np.float64), np.asarray(labels)
    if not 0 < shrinkage <= 1:
        raise ValueError(f"shrinkage must be in (0, 1], got {shrinkage}")
    counts = np.bincount(y, minlength=classes)
    if counts.min() == 0:
        raise ValueError(f"class {counts.argmin()} has no sample to fit the last layer to")
    means = np.stack([x[y == k].mean(axis=0) for k in range(classes)])
    residual = x - means[y]
    within = residual.T @ residual / len(x)
    even = max(float(np.mean(np.diag(within))), 1e-12)
    covariance = (1 - shrinkage) * within + shrinkage * even * np.eye(x.shape[1])
    weights = np.linalg.solve(covariance, means.T)
    bias = -0.5 * np.einsum("kf,fk->k", means, weights)
    return weights.astype(np.float32), bias.astype(np.float32)
