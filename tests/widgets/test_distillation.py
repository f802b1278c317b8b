"""Temperature and soft labels: the pushes are gradients, and the words hold the figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from tinyml_course.compression.soft_targets import distillation_gradient, soften
from tinyml_course.widgets.distillation import (
    SOFT_TEMPERATURES,
    compare_softened,
    soft_label_experiment,
)

TEACHER = np.array([[6.0, 2.0, -1.0], [0.5, 0.4, 0.3]])
STUDENT = np.array([[1.0, 2.0, 0.0], [0.0, 3.0, 0.0]])
LABELS = np.array([0, 2])


def temperature_loss(teacher, student, temperature, *, twice):
    """Return T² KL of the softened answers, of logits or (twice) of probabilities."""
    if twice:
        teacher, student = soften(teacher), soften(student)
    p, q = soften(teacher, temperature), soften(student, temperature)
    return temperature**2 * float(np.sum(p * np.log(p / q)))


@pytest.mark.parametrize("softened", ["logits", "probabilities"])
@given(st.integers(0, 2**31), st.sampled_from(SOFT_TEMPERATURES))
def test_the_teachers_push_is_minus_the_gradient_of_its_term(softened, seed, temperature):
    """Central differences of T² KL agree, for divided logits and for divided probabilities."""
    teacher, student = np.random.default_rng(seed).normal(0, 2, (2, 4))
    found = compare_softened(teacher, student, 0, temperature=temperature, softened=softened)
    slopes = []
    for step in 1e-5 * np.eye(4):
        up, down = (
            temperature_loss(teacher, student + s, temperature, twice=softened != "logits")
            for s in (step, -step)
        )
        slopes.append((up - down) / 2e-5)
    np.testing.assert_allclose(found.from_teacher, -np.array(slopes), atol=1e-6)


def test_both_pushes_are_those_of_the_mixed_loss():
    """The oracle of the loss gives the same two gradients at its two ends."""
    for share, name in ((1.0, "from_teacher"), (0.0, "from_label")):
        gradient = distillation_gradient(
            TEACHER[:1], np.eye(3, dtype=np.float32)[LABELS[:1]], temperature=4, soft_share=share
        )
        found = compare_softened(TEACHER[0], STUDENT[0], 0, temperature=4, softened="logits")
        oracle = -gradient(STUDENT[:1].astype(np.float32), np.array([0]))[0]
        np.testing.assert_allclose(getattr(found, name), oracle, atol=1e-6)


def test_divided_probabilities_say_next_to_nothing():
    """A probability is at most 1, so that no class gets more than e times another one's share."""
    for temperature in SOFT_TEMPERATURES:
        found = compare_softened(
            TEACHER[0], STUDENT[0], 0, temperature=temperature, softened="probabilities"
        )
        assert found.teacher.max() / found.teacher.min() <= np.e + 1e-12


def test_another_word_for_what_is_divided_is_refused():
    """The message names both words."""
    with pytest.raises(ValueError, match="logits or probabilities, got 'labels'"):
        compare_softened(TEACHER[0], STUDENT[0], 0, temperature=2, softened="labels")


def test_states_draw_and_say_entropy_and_answers():
    """Each gesture, temperature and mistake draws; the words hold the state's own figures."""
    images = np.zeros((2, 32, 32, 1), np.float32)
    experiment = soft_label_experiment(images, (TEACHER, STUDENT), LABELS, ["zero", "one", "two"])
    assert 2 * 8 * 2 == len(list(experiment.states()))
    for state in list(experiment.states())[::7]:
        assert isinstance(experiment.draw(**state), Figure)
    said = experiment.describe(sample=1, temperature=4.0, softened="logits")
    p = soften(TEACHER[0], 4)
    assert f"{-(p * np.log2(p)).sum():.2f} bits" in said
    assert "A zero, softened logits. T = 4: the teacher's" in said
    assert f"zero {p[0]:.3f}, then one {p[1]:.3g}" in said
