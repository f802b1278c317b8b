"""Distillation: a small network learns from the logits of a strong one, and from where it looks.

Both networks see the same augmented images; so the teacher answers for every epoch anew, all its
images at once, and `training.fit` does the rest. Student may be a float network or one that
simulates integers (`quantization.qat`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.compression.attention import (
    Attention,
    attention_distance,
    check_sizes,
    map_outputs,
)
from tinyml_course.compression.logits import logits_twin
from tinyml_course.core.environment import load_keras, load_tensorflow
from tinyml_course.core.types import GestureSet
from tinyml_course.training.fit import History, fit, predict


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillationLoss:
    """Softened targets from a teacher and hard ones from the labels, each with its share.

    ``hard_weight * CE(labels, student) + (1 - hard_weight) * T^2 * KL(teacher_T || student_T)``
    where the index T means softmax of logits / T. The factor T^2 keeps the second gradient's size
    when T changes; as T grows it tends to that of ``|student - teacher|^2 / 2K`` between logits
    of mean zero.

    Attributes
    ----------
    temperature : float, default 4.0
        T, positive.
    hard_weight : float, default 0.1
        Share of the labels, in [0, 1].

    References
    ----------
    .. [1] Hinton, Vinyals and Dean, arXiv:1503.02531, sections 2 and 2.1.
    """

    temperature: float = 4.0
    hard_weight: float = 0.1

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"temperature must be positive, got {self.temperature}")
        if not 0 <= self.hard_weight <= 1:
            raise ValueError(f"hard_weight must be in [0, 1], got {self.hard_weight}")

    def __call__(self, labels: Any, teacher: Any, student: Any) -> Any:
        """Return the loss of each sample, (N,), in nats.

        Parameters
        ----------
        labels : (N, K) tensor
            One-hot.
        teacher, student : (N, K) tensor
            Logits.
        """
        tf = load_tensorflow()
        cross_entropy = tf.nn.softmax_cross_entropy_with_logits
        soft = tf.nn.softmax(teacher / self.temperature)
        entropy = cross_entropy(labels=soft, logits=teacher / self.temperature)
        divergence = cross_entropy(labels=soft, logits=student / self.temperature) - entropy
        hard = cross_entropy(labels=labels, logits=student)
        from_teacher = self.temperature**2 * divergence
        return self.hard_weight * hard + (1 - self.hard_weight) * from_teacher


@dataclass(frozen=True, kw_only=True)
class DistillationObjective:
    """What `training.fit` minimises when a teacher helps.

    A target row holds the label, the teacher's logits and its attention maps side by side; the
    attached model returns the student's logits and maps in the same order.

    Attributes
    ----------
    teacher : tf_keras model
        Trained; never changed.
    mixture : DistillationLoss
        Temperature and shares.
    attention : Attention or None
        Layers whose attention is transferred too.
    """

    teacher: Any
    mixture: DistillationLoss
    attention: Attention | None = None

    @property
    def class_count(self) -> int:
        """Number of classes, K."""
        return int(self.teacher.output_shape[-1])

    def attach(self, model: Any) -> Any:
        """Return a twin of the student `model` with logits and attention maps as outputs.

        Raises
        ------
        ValueError
            If student and teacher have other inputs, classes, or sizes of paired images.
        """
        ours, theirs = ((x.input_shape[1:], x.output_shape[-1]) for x in (model, self.teacher))
        if ours != theirs:
            raise ValueError(
                f"the student maps {ours[0]} to {ours[1]} classes, the teacher {theirs[0]} to "
                f"{theirs[1]}; build both for the same data"
            )
        pairs = self.attention.pairs if self.attention else ()
        check_sizes(model, self.teacher, pairs)
        return _expose(model, [name for name, _ in pairs])

    def targets(
        self, images: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return labels, teacher's logits and maps, (N, 2K + P) float32."""
        hard = np.eye(self.class_count, dtype=np.float32)[labels]
        return np.concatenate([hard, predict(self._answers, images)], axis=1)

    def loss(self) -> Any:
        """Return the Keras loss that reads these rows."""
        count, mixture, attention = self.class_count, self.mixture, self.attention

        def distillation(targets: Any, outputs: Any) -> Any:
            loss = mixture(targets[:, :count], targets[:, count : 2 * count], outputs[:, :count])
            if attention is None:
                return loss
            distance = attention_distance(targets[:, 2 * count :], outputs[:, count:])
            return loss + attention.weight * distance

        return distillation

    def accuracy(self) -> Any:
        """Return the Keras metric: the student's largest logit against the label."""
        tf, count = load_tensorflow(), self.class_count

        def accuracy(targets: Any, outputs: Any) -> Any:
            said, right = (tf.argmax(x[:, :count], axis=1) for x in (outputs, targets))
            return tf.cast(said == right, tf.float32)

        return accuracy

    @cached_property
    def _answers(self) -> Any:
        """The teacher's twin, whose outputs are logits and maps."""
        pairs = self.attention.pairs if self.attention else ()
        return _expose(self.teacher, [name for _, name in pairs])


def distill(
    student: Any,
    teacher: Any,
    train: GestureSet,
    *,
    epochs: int,
    temperature: float = 4.0,
    hard_weight: float = 0.1,
    attention: Attention | None = None,
    seed: int = 0,
    **options: Any,
) -> History:
    """Train `student` in place on the labels and on what `teacher` says, and return its history.

    Parameters
    ----------
    student : tf_keras model
        Ends in softmax; untrained, trained, or what `quantization.qat.quantize_aware` returns.
    teacher : tf_keras model
        Trained and stronger: what it gets wrong, it teaches. For the same inputs and classes.
    train : GestureSet
        Training samples. The teacher answers for them as they are augmented.
    epochs : int
        Passes over the training samples.
    temperature, hard_weight
        As in `DistillationLoss`.
    attention : Attention, optional
        Layers whose attention is transferred; `pair_layers` finds candidates.
    seed : int, default 0
        Draws the order of the samples and the augmentation, the same as without a teacher.
    **options
        The other options of `training.fit.fit`: `learning_rate`, `copies`, `validation`, ...

    Raises
    ------
    ValueError
        If a number is out of range, or the models do not fit together.

    References
    ----------
    .. [1] Hinton, Vinyals and Dean, arXiv:1503.02531.
    .. [2] Zagoruyko and Komodakis, arXiv:1612.03928.
    """
    mixture = DistillationLoss(temperature=temperature, hard_weight=hard_weight)
    objective = DistillationObjective(teacher=teacher, mixture=mixture, attention=attention)
    options = {"description": "distillation"} | options
    return fit(student, train, epochs=epochs, seed=seed, objective=objective, **options)


def _expose(model: Any, names: list[str]) -> Any:
    """Return a model over the same weights: logits and the named layers' maps, side by side."""
    keras, twin = load_keras(), logits_twin(model)
    if not names:
        return twin
    parts = [twin.outputs[0], *map_outputs(model, names)]
    joined = keras.layers.Concatenate(name="answers")(parts)
    return keras.Model(model.inputs, joined, name="answers")
