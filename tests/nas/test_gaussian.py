"""The Gaussian process: held to the textbook's formula, written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.nas.gaussian import GaussianProcess, fit_process


def draw(seed: int, count: int = 12, dimensions: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return features and values of a smooth function with a little noise."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, dimensions)) * [1.0, 10.0, 0.1][:dimensions]
    return features, np.sin(features[:, 0]) + 0.1 * features[:, 1] + 0.05 * rng.normal(size=count)


def condition(
    process: GaussianProcess, values: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of a joint normal distribution, given the values."""
    asked = (rows - process.center) / process.scale
    every = np.vstack([process.points, asked])
    distance = np.linalg.norm(every[:, None] - every[None], axis=2)
    signal = process.variance * (1 - process.noise)
    joint = signal * np.exp(-0.5 * (distance / process.length) ** 2)
    n = len(values)
    seen = joint[:n, :n] + process.variance * process.noise * np.eye(n)
    gain = joint[n:, :n] @ np.linalg.inv(seen)
    spread = np.diag(joint[n:, n:] - gain @ joint[:n, n:])
    return process.mean + gain @ (values - process.mean), np.sqrt(np.maximum(spread, 0))


@given(seed=st.integers(0, 1000))
def test_prediction_is_the_conditional_distribution(seed: int) -> None:
    """Mean and spread are those of the joint normal distribution, given what was seen."""
    features, values = draw(seed)
    process = fit_process(features, values)
    rows, _ = draw(seed + 5000, 4)
    expected_mean, expected_spread = condition(process, values, rows)
    mean, spread = process.predict(rows)
    np.testing.assert_allclose(mean, expected_mean, atol=1e-7)
    np.testing.assert_allclose(spread, expected_spread, atol=1e-5)


@given(seed=st.integers(0, 1000), factor=st.floats(0.01, 100), shift=st.floats(-50, 50))
def test_units_do_not_matter(seed: int, factor: float, shift: float) -> None:
    """Values in another unit give predictions in that unit; features' units don't matter."""
    features, values = draw(seed)
    rows, _ = draw(seed + 5000, 4)
    mean, spread = fit_process(features, values).predict(rows)
    other = fit_process(features * factor + shift, values * factor + shift)
    moved, widened = other.predict(rows * factor + shift)
    np.testing.assert_allclose(moved, mean * factor + shift, rtol=1e-4, atol=1e-4 * factor)
    np.testing.assert_allclose(widened, spread * factor, rtol=1e-3, atol=1e-4 * factor)


def test_far_points_are_unknown() -> None:
    """Far from all points the process says its mean, with all of its spread."""
    features, values = draw(0)
    process = fit_process(features, values)
    mean, spread = process.predict(features[:1] + 1e6)
    np.testing.assert_allclose(mean, process.mean)
    np.testing.assert_allclose(spread, np.sqrt(process.variance * (1 - process.noise)))


def test_noise_is_told_from_signal() -> None:
    """A smooth function is given less noise than numbers without any order."""
    rng = np.random.default_rng(1)
    features = np.linspace(0, 6, 40)[:, None]
    smooth = fit_process(features, np.sin(features[:, 0]))
    noisy = fit_process(features, rng.normal(size=40))
    assert smooth.noise < noisy.noise


def test_intervals_cover() -> None:
    """Nine values in ten of functions drawn from the model lie within 1.64 deviations."""
    rng, inside, asked = np.random.default_rng(2), 0, 0
    for _ in range(60):
        points = rng.normal(size=(30, 2))
        distance = np.linalg.norm(points[:, None] - points[None], axis=2)
        values = rng.multivariate_normal(
            np.zeros(30), np.exp(-0.5 * distance**2) + 1e-6 * np.eye(30)
        )
        mean, spread = fit_process(points[:20], values[:20]).predict(points[20:])
        inside += int(np.sum(np.abs(mean - values[20:]) <= 1.645 * spread))
        asked += 10
    assert 0.85 < inside / asked < 0.97


def test_constant_values_and_features_are_no_obstacle() -> None:
    """Equal values are predicted everywhere, even from features that never differ."""
    process = fit_process(np.ones((3, 2)), np.full(3, 7.0))
    mean, _ = process.predict(np.array([[1.0, 1.0], [5.0, 0.0]]))
    np.testing.assert_allclose(mean, 7.0)


def test_wrong_shapes_and_numbers_are_refused() -> None:
    """Too few points, shapes that differ and numbers that are none are refused."""
    for features, values in (
        (np.ones((1, 2)), np.ones(1)),
        (np.ones((3, 2)), np.ones(2)),
        (np.ones(3), np.ones(3)),
        (np.full((3, 2), np.nan), np.ones(3)),
    ):
        with pytest.raises(ValueError, match=r"need|finite"):
            fit_process(features, values)
