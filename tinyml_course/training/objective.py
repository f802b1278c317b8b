"""What a training run minimises: the labels' cross-entropy, or anything with the same three parts.

`fit` draws the images, sets the rates and runs the epochs; an objective says what is compared with
what. So distillation and cost penalties need no loop of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.environment import load_keras


class Objective(Protocol):
    """What `fit` minimises."""

    def attach(self, model: Any) -> Any:
        """Return the model that is trained in place of `model`, over the same weights."""

    def targets(
        self, images: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return what the attached model's outputs are compared with.

        Parameters
        ----------
        images : (N, H, W, C) float32
            One epoch of training images, as they were augmented.
        labels : (N,) int64
            Their classes.

        Returns
        -------
        (N, T) float32
            T need not be the number of outputs; the loss knows how to read it.
        """

    def loss(self) -> Any:
        """Return a Keras loss of targets and outputs."""

    def accuracy(self) -> Any:
        """Return a Keras metric of targets and outputs: the share of samples classified right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelObjective:
    """The cross-entropy between the labels and a model's probabilities.

    Attributes
    ----------
    class_count : int
        Classes, K.
    label_smoothing : float, default 0.0
        Share of each target spread over all classes.
    """

    class_count: int
    label_smoothing: float = 0.0

    def attach(self, model: Any) -> Any:
        """Return `model` itself."""
        return model

    def targets(
        self,
        images: NDArray[np.float32],  # noqa: ARG002
        labels: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Return the labels as one-hot rows, (N, K) float32."""
        return np.eye(self.class_count, dtype=np.float32)[labels]

    def loss(self) -> Any:
        """Return Keras' cross-entropy of probabilities."""
        return load_keras().losses.CategoricalCrossentropy(label_smoothing=self.label_smoothing)

    def accuracy(self) -> Any:
        """Return Keras' share of samples whose largest output is the label's."""
        return load_keras().metrics.CategoricalAccuracy(name="accuracy")
