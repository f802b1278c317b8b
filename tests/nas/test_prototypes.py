"""The last layer in closed form against distances."""

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


def test_logits_are_distances_in_units_of_the_classes_spread():
    """Differences of logits are halved differences of squared distances over their mean."""
    features, labels = samples(2)
    weights, bias = fit_prototypes(features, labels, classes=3)
    means = np.stack([features[labels == k].mean(0) for k in range(3)])
    spread = np.mean(np.sum((features - means[labels]) ** 2, axis=1))
    x = np.random.default_rng(3).normal(size=(20, 4)) * 3
    logits, away = x @ weights + bias, -0.5 * cdist(x, means) ** 2 / spread
    assert np.diff(logits) == pytest.approx(np.diff(away), abs=1e-4)


def test_a_copied_feature_makes_no_layer_surer():
    """Features that say the same twice are no second witness."""
    features, labels = samples(5)
    once = features @ fit_prototypes(features, labels, classes=3)[0]
    twice = np.hstack([features] * 2)
    assert np.diff(twice @ fit_prototypes(twice, labels, classes=3)[0]) == pytest.approx(
        np.diff(once), abs=1e-4
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
