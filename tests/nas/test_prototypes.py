"""The last layer in closed form against distances and round normal densities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tinyml_course.nas.prototypes import fit_prototypes


def samples(seed: int, count: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """Return three classes of normal features, (N, 4), and labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    return rng.normal(size=(3, 4))[labels] * 2 + rng.normal(size=(count, 4)), labels


def test_the_answer_is_the_class_whose_mean_is_nearest():
    """The largest logit is the smallest Euclidean distance, near the means and far from them."""
    features, labels = samples(0)
    weights, bias = fit_prototypes(features, labels, classes=3)
    means = np.stack([features[labels == k].mean(0) for k in range(3)])
    x = np.random.default_rng(1).normal(size=(200, 4)) * 4
    assert np.array_equal((x @ weights + bias).argmax(1), cdist(x, means).argmin(1))


def test_probabilities_are_bayes_rule_for_round_normal_classes():
    """Softmax of the logits is each class's density over the sum of all."""
    features, labels = samples(2)
    weights, bias = fit_prototypes(features, labels, classes=3)
    means = np.stack([features[labels == k].mean(0) for k in range(3)])
    variance = np.mean((features - means[labels]) ** 2)
    x = np.random.default_rng(3).normal(size=(20, 4)) * 3
    density = np.exp(-0.5 * cdist(x, means) ** 2 / variance)
    share = np.exp(x @ weights + bias)
    assert share / share.sum(1, keepdims=True) == pytest.approx(
        density / density.sum(1, keepdims=True), abs=1e-4
    )


def test_features_that_never_change_leave_finite_weights():
    """A network whose activations died gets equal logits, not a division by zero."""
    _, labels = samples(4)
    weights, bias = fit_prototypes(np.zeros((90, 3)), labels, classes=3)
    assert np.array_equal(weights, np.zeros((3, 3)))
    assert np.ptp(bias) == 0


def test_a_class_without_samples_is_named():
    """There is no mean of nothing."""
    with pytest.raises(ValueError, match="class 2 has no sample"):
        fit_prototypes(np.eye(2), [0, 1], classes=3)
