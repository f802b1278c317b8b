"""Evaluators: from a network to its accuracy on samples that it was not trained on."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tinyml_course.core.types import GestureSet
from tinyml_course.nas.trial import Evaluation

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec


class Evaluator(Protocol):
    """A picklable callable; it is sent to another process, or machine, with each network.

    Equal arguments give equal accuracies, and `describe` says all that they depend on: a journal
    refuses to go on with another evaluator. One with ``in_process = True`` is so quick that the
    search job calls it in its own process.
    """

    @property
    def fidelity(self) -> float:
        """Of the evaluations that it returns, as in `Evaluation`."""

    def __call__(self, spec: ArchSpec, seed: int) -> Evaluation:
        """Return the accuracy of `spec` on the validation samples."""

    def describe(self) -> dict[str, object]:
        """Return what distinguishes this evaluator from others, as plain values."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FullTraining:
    """Train a network from scratch and measure it on the validation samples.

    Attributes
    ----------
    train, validation : GestureSet
        Two parts of the training data. The test set is no part of a search.
    epochs : int
        Passes over the augmented training samples.
    full_epochs : int, optional
        Of a training that counts as full; `epochs` by default. More make this one a sketch.
    copies : int
        Augmented copies of each sample in one epoch.
    learning_rate : float
        Peak of the schedule, which ends at zero whatever `epochs` is.
    batch_size : int
        Samples a step.

    Raises
    ------
    ValueError
        If `epochs` is not in 1..`full_epochs`, or the two parts have different classes.
    """

    train: GestureSet
    validation: GestureSet
    epochs: int = 20
    full_epochs: int | None = None
    copies: int = 1
    learning_rate: float = 4e-3
    batch_size: int = 32

    def __post_init__(self) -> None:
        if not 1 <= self.epochs <= (self.full_epochs or self.epochs):
            raise ValueError(
                f"epochs must be in 1..{self.full_epochs or 'full_epochs'}, got {self.epochs}"
            )
        if self.train.class_names != self.validation.class_names:
            raise ValueError(
                f"training and validation samples have different classes: "
                f"{', '.join(self.train.class_names)} and {', '.join(self.validation.class_names)}"
            )

    @property
    def fidelity(self) -> float:
        """Share of the full training."""
        return self.epochs / (self.full_epochs or self.epochs)

    def __call__(self, spec: ArchSpec, seed: int) -> Evaluation:
        """Return the accuracy of `spec` after its training, from the weights that `seed` gives."""
        from tinyml_course.core.environment import load_keras, seed_everything
        from tinyml_course.training.build import build
        from tinyml_course.training.fit import evaluate, fit

        began = time.perf_counter()
        load_keras().backend.clear_session()
        gc.collect()  # the network before is a ring of references, 20 MB of it
        seed_everything(seed)
        model = build(spec)
        fit(
            model, self.train, epochs=self.epochs, seed=seed, copies=self.copies,
            learning_rate=self.learning_rate, batch_size=self.batch_size, progress=False,
        )  # fmt: skip
        return Evaluation(
            accuracy=evaluate(model, self.validation),
            seconds=time.perf_counter() - began,
            fidelity=self.fidelity,
        )

    def describe(self) -> dict[str, object]:
        """Return the schedule and the fingerprints of the samples."""
        return {
            "evaluator": "full training",
            "train": self.train.fingerprint,
            "validation": self.validation.fingerprint,
            "epochs": self.epochs,
            "full_epochs": self.full_epochs or self.epochs,
            "copies": self.copies,
            "learning_rate": self.learning_rate,
            "batch_size": self.batch_size,
        }
