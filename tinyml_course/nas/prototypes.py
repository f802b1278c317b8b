"""A last layer without training: the nearest class mean of given features, as a dense layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FLOOR = 1e-12
"""Least spread: features that never change tell nothing, and divide nothing."""


def fit_prototypes(
    features: ArrayLike, labels: ArrayLike, *, classes: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weights and bias of a layer that answers with the class whose mean is nearest.

    A mean ``m_k`` stands for its class. The squared distance to it, ``|x|^2 - 2 x m_k + |m_k|^2``,
    is linear in ``x`` up to a term that all classes have in common. It is divided by twice the mean
    squared distance of the samples to their own class. For a round normal density one would divide
    by the variance of a single feature; but features move together, and counting each as a witness
    of its own makes the layer far too sure of itself. A discriminant with the whole covariance
    would see that, and find classes that the features hardly separate, which a training does not:
    it flatters shallow networks.

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
    spread = max(float(np.mean(np.sum((x - means[y]) ** 2, axis=1))), FLOOR)
    weights = means.T / spread
    bias = -0.5 * np.sum(means**2, axis=1) / spread
    return weights.astype(np.float32), bias.astype(np.float32)
