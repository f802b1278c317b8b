"""Distillation's loss in NumPy: softened outputs, their divergence, and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.training.mlp import Gradient


def soften(logits: NDArray[Any], temperature: float = 1.0) -> NDArray[np.float64]:
    """Return softmax(logits / temperature): probabilities (N, K), rows summing to 1.

    Parameters
    ----------
    logits : (N, K) float
        A network's outputs before softmax.
    temperature : float, default 1
        Above 1 it evens the probabilities out, below 1 it sharpens them.

    Raises
    ------
    ValueError
        If the temperature is not positive.

    References
    ----------
    .. [1] Hinton, Vinyals and Dean, arXiv:1503.02531, equation 1.

    Examples
    --------
    >>> soften(np.array([[0.0, 2.0]]), temperature=2).round(3)
    array([[0.269, 0.731]])
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    z = np.asarray(logits, np.float64) / temperature
    z = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(z / z.sum(axis=-1, keepdims=True))


def distillation_loss(teacher: NDArray[Any], student: NDArray[Any], *, temperature: float) -> float:
    """Return T² KL(teacher || student) at `temperature`, mean over the samples, in nats.

    Parameters
    ----------
    teacher, student : (N, K) float
        Logits.
    temperature : float
        Softens both.

    References
    ----------
    .. [1] Hinton, Vinyals and Dean, arXiv:1503.02531, section 2: the factor T².
    """
    p, q = soften(teacher, temperature), soften(student, temperature)
    divergence = np.sum(p * (np.log(p + 1e-300) - np.log(q + 1e-300)), axis=1)
    return float(temperature**2 * divergence.mean())


def distillation_gradient(
    teacher: NDArray[Any],
    targets: NDArray[np.float32],
    *,
    temperature: float,
    soft_share: float = 0.9,
) -> Gradient:
    """Return the gradient, by the student's logits, of the mixed loss.

    The loss is soft_share * T² KL(teacher || student) + (1 - soft_share) * cross-entropy.

    Parameters
    ----------
    teacher : (N, K) float
        Logits for every training sample.
    targets : (N, K) float32
        One-hot labels.
    temperature : float
        Softens both networks in the first term.
    soft_share : float, default 0.9
        Weight of the teacher against the labels, in [0, 1].

    Raises
    ------
    ValueError
        If `soft_share` is not in [0, 1] or the shapes differ.
    """
    if not 0 <= soft_share <= 1:
        raise ValueError(f"soft_share must be in [0, 1], got {soft_share}")
    if teacher.shape != targets.shape:
        raise ValueError(f"one row of teacher logits per target row: {teacher.shape} against "
                         f"{targets.shape}")  # fmt: skip
    soft = soften(teacher, temperature)

    def gradient(z: NDArray[np.float32], rows: NDArray[np.intp]) -> NDArray[np.float32]:
        from_teacher = temperature * (soften(z, temperature) - soft[rows])
        from_labels = soften(z) - targets[rows]
        mixed = soft_share * from_teacher + (1 - soft_share) * from_labels
        return np.asarray(mixed / len(z), np.float32)

    return gradient
