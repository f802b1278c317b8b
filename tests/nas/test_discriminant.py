"""The last layer in closed form against normal densities."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_course.nas.discriminant import fit_discriminant


def samples(seed: int, count: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """Return three classes of correlated normal features, (N, 4), and labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    spread = rng.normal(size=(4, 4))
    return rng.normal(size=(3, 4))[labels] * 2 + rng.normal(size=(count, 4)) @ spread, labels


def test_probabilities_are_bayes_rule_for_normal_classes():
    """Softmax of the logits is each class's normal density over the sum of all."""
    features, labels = samples(0)
    weights, bias = fit_discriminant(features, labels, classes=3, shrinkage=0.2)
    means = np.stack([features[labels == k].mean(0) for k in range(3)])
    residual = features - means[labels]
    within = residual.T @ residual / len(features)
    covariance = 0.8 * within + 0.2 * np.trace(within) / 4 * np.eye(4)
    x = np.random.default_rng(1).normal(size=(20, 4)) * 3
    away = x[:, None] - means
    density = np.exp(-0.5 * np.einsum("nkf,fg,nkg->nk", away, np.linalg.inv(covariance), away))
    logits = x @ weights + bias
    share = np.exp(logits - logits.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    assert share == pytest.approx(density / density.sum(1, keepdims=True), abs=1e-4)


def test_dead_and_copied_features_do_no_harm():
    """Features that are always zero, or equal to others, leave finite weights and the answers."""
    features, labels = samples(2)
    padded = np.concatenate([features, np.zeros((90, 2)), features[:, :1]], axis=1)
    weights, bias = fit_discriminant(padded, labels, classes=3)
    assert np.isfinite(weights).all()
    assert np.isfinite(bias).all()
    plain = features @ fit_discriminant(features, labels, classes=3)[0]
    assert np.mean((padded @ weights + bias).argmax(1) == labels) >= 0.9 * np.mean(
        (plain + fit_discriminant(features, labels, classes=3)[1]).argmax(1) == labels
    )
    still, _ = fit_discriminant(np.zeros((90, 3)), labels, classes=3)
    assert np.array_equal(still, np.zeros((3, 3)))


def test_what_cannot_be_fitted_is_refused():
    """A class without samples is named; so is a shrinkage that leaves nothing or all."""
    with pytest.raises(ValueError, match="class 2 has no sample"):
        fit_discriminant(np.eye(2), [0, 1], classes=3)
    with pytest.raises(ValueError, match="shrinkage"):
        fit_discriminant(np.eye(2), [0, 1], classes=2, shrinkage=0.0)
