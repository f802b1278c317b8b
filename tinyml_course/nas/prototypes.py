"""A last layer without training: the nearest class mean of given features, as a dense layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FLOOR = 1e-12
"""Least variance: features that never change tell nothing, and divide nothing."""


def fit_prototypes(
    features: ArrayLike, labels: ArrayLike, *, classes: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weights and bias of a layer that answers with the class whose mean is nearest.

    A mean ``m_k`` stands for its class. The squared distance to it, ``|x|^2 - 2 x m_k + |m_k|^2``,
    is linear in ``x`` up to a term that all classes have in common; divided by twice the variance
    around the means it is the logarithm of a round normal density. A discriminant with the whole
    covariance would find classes that the features hardly separate, which a training of the
    network's own length does not: it flatters shallow networks.

    Parameters
    ----------
    features : (N, F) float
        What the last layer reads.
    labels : (N,) int
        Classes, each at least once.
    classes : int
        K; all count as equally frequent.

    Returns
    -------
    weights : (F, K) float32
    bias : (K,) float32

    Raises
    ------
    ValueError
        If a class has no sample.

    References
    ----------
    .. [1] Mensink et al., Distance-based image classification: generalizing to new classes at
       near-zero cost, IEEE TPAMI 35(11), 2013, section 3.
    .. [2] Snell, Swersky and Zemel, Prototypical networks for few-shot learning,
       arXiv:1703.05175, section 2.5, equations 7 and 8.
    """
    x, y = np.asarray(features, np.float64), np.asarray(labels)
    counts = np.bincount(y, minlength=classes)
    if counts.min() == 0:
        raise ValueError(f"class {counts.argmin()} has no sample to take the mean of")
    means = np.stack([x[y == k].mean(axis=0) for k in range(classes)])
    variance = max(float(np.mean((x - means[y]) ** 2)), FLOOR)
    weights = means.T / variance
    bias = -0.5 * np.sum(means**2, axis=1) / variance
    return weights.astype(np.float32), bias.astype(np.float32)
