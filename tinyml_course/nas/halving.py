"""Successive halving: train all a little, the better ones longer, the best ones fully."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tinyml_course.nas.evaluate import Evaluator, FullTraining
from tinyml_course.nas.trial import Evaluation, Trial

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessiveHalving:
    """An evaluator in rungs: a search evaluates a whole batch on each, and promotes the best.

    Every rung trains from scratch under a schedule that ends at zero: an accuracy in the middle of
    a long schedule ranks networks worse. Each training is a row in the journal of its own, known by
    network and fidelity, and never repeated.

    Attributes
    ----------
    rungs : tuple of Evaluator
        From the cheapest to the full one, with rising fidelity.
    keep : float
        Share of a batch that is promoted to the next rung, rounded up.

    References
    ----------
    .. [1] Jamieson and Talwalkar, Non-stochastic best arm identification and hyperparameter
       optimization, arXiv:1502.07943, algorithm 1.
    """

    rungs: tuple[Evaluator, ...]
    keep: float = 1 / 3

    def __post_init__(self) -> None:
        levels = [rung.fidelity for rung in self.rungs]
        if not levels or levels != sorted(set(levels)):
            raise ValueError(f"rungs need rising fidelity, got {levels}")
        if not 0 < self.keep < 1:
            raise ValueError(f"keep must be in (0, 1), got {self.keep}")

    @property
    def fidelity(self) -> float:
        """Of the last rung."""
        return self.rungs[-1].fidelity

    def __call__(self, spec: ArchSpec, seed: int) -> Evaluation:
        """Return the evaluation of a single network, which nothing competes with: the last rung's.

        A search evaluates rung by rung instead.
        """
        return self.rungs[-1](spec, seed)

    def promote(self, trials: Sequence[Trial]) -> list[Trial]:
        """Return the most accurate share of one rung's trials, in their order."""
        usable = [trial for trial in trials if trial.accuracy is not None]
        count = min(len(usable), math.ceil(self.keep * len(trials)))
        best = sorted(usable, key=lambda trial: trial.error)[:count]
        return [trial for trial in usable if any(trial is kept for kept in best)]

    def describe(self) -> dict[str, object]:
        """Return the rungs and the share that is kept."""
        return {
            "evaluator": "successive halving",
            "keep": self.keep,
            "rungs": [rung.describe() for rung in self.rungs],
        }


def halve_training(full: FullTraining, *, rungs: int = 3, keep: float = 1 / 3) -> SuccessiveHalving:
    """Return successive halving up to `full`: each rung below trains `keep` times as long.

    Parameters
    ----------
    full : FullTraining
        The last rung.
    rungs : int, default 3
        Rungs, at most as many as give different numbers of epochs.
    keep : float, default 1/3
        Share promoted, and ratio of the epochs of neighbouring rungs.

    Raises
    ------
    ValueError
        If there are not so many different numbers of epochs.
    """
    epochs = [max(1, round(full.epochs * keep**step)) for step in reversed(range(rungs))]
    if len(set(epochs)) != len(epochs):
        raise ValueError(
            f"{full.epochs} epochs are too few for {rungs} rungs, got {epochs}; train longer"
        )
    longest = full.full_epochs or full.epochs
    return SuccessiveHalving(
        rungs=tuple(replace(full, epochs=count, full_epochs=longest) for count in epochs),
        keep=keep,
    )


def rungs_of(evaluator: Evaluator) -> tuple[Evaluator, ...]:
    """Return the rungs of an evaluator; itself where it has none."""
    return evaluator.rungs if isinstance(evaluator, SuccessiveHalving) else (evaluator,)
