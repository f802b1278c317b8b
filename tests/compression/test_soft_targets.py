import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinyml_course.compression.soft_targets import (
    distillation_gradient,
    distillation_loss,
    soften,
)

LOGITS = arrays(np.float64, (3, 4), elements=st.floats(-20, 20))
TEMPERATURE = st.floats(0.5, 50)


@given(LOGITS, TEMPERATURE)
def test_softened_outputs_are_probabilities_in_the_logits_order(logits, temperature):
    """Rows sum to one, and no temperature changes the ranking."""
    p = soften(logits, temperature)

    assert np.allclose(1, p.sum(axis=1))
    for row, z in zip(p, logits, strict=True):
        assert (np.diff(row[np.argsort(z)]) >= -1e-12).all()


def test_huge_logits_do_not_overflow():
    """Logits of 10,000 give finite probabilities."""
    assert [[0.0, 1.0]] == soften(np.array([[0.0, 1e4]])).tolist()


@given(LOGITS, LOGITS, TEMPERATURE)
def test_the_loss_is_zero_for_the_teacher_itself_and_positive_elsewhere(a, b, temperature):
    """Divergence is zero between equals and never negative."""
    assert distillation_loss(a, a, temperature=temperature) == pytest.approx(0, abs=1e-9)
    assert distillation_loss(a, b, temperature=temperature) >= -1e-9


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("soft_share", [1.0, 0.3, 0.0])
def test_the_gradient_is_the_derivative_of_the_mixed_loss(temperature, soft_share):
    """The formula equals central differences: kills a missing T² or a swapped share."""
    rng = np.random.default_rng(0)
    teacher, z = rng.normal(0, 3, (5, 3)), rng.normal(0, 3, (5, 3))
    targets = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 5)]

    def loss(student):
        hard = -(targets * np.log(soften(student))).sum(axis=1).mean()
        soft = distillation_loss(teacher, student, temperature=temperature)
        return soft_share * soft + (1 - soft_share) * hard

    numerical = np.zeros_like(z)
    for index in np.ndindex(z.shape):
        up, down = z.copy(), z.copy()
        up[index] += 1e-5
        down[index] -= 1e-5
        numerical[index] = (loss(up) - loss(down)) / 2e-5
    gradient = distillation_gradient(
        teacher, targets, temperature=temperature, soft_share=soft_share
    )

    assert np.allclose(numerical, gradient(z, np.arange(5)), atol=1e-6)


def test_at_high_temperature_distillation_matches_logits():
    """With T² and zero-mean logits, the gradient tends to (student - teacher) / K."""
    rng = np.random.default_rng(0)
    teacher, z = (x - x.mean(axis=1, keepdims=True) for x in rng.normal(0, 1, (2, 6, 4)))
    gradient = distillation_gradient(
        teacher, np.full((6, 4), 0.25, np.float32), temperature=1000.0, soft_share=1.0
    )

    assert np.allclose((z - teacher) / 4 / 6, gradient(z, np.arange(6)), atol=1e-3)


def test_bad_arguments_are_refused():
    """A temperature of zero, a share above one and unequal shapes are errors."""
    with pytest.raises(ValueError, match="temperature"):
        soften(np.zeros((1, 2)), 0.0)
    zeros = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match="soft_share"):
        distillation_gradient(zeros, zeros, temperature=1, soft_share=1.1)
    with pytest.raises(ValueError, match="teacher"):
        distillation_gradient(zeros[:1], zeros, temperature=1)
