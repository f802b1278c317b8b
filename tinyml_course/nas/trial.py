"""What a search learns about one network: its exact cost, and the accuracy it was given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec
    from tinyml_course.nas.costs import SpecCost


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What an evaluator returns for one network.

    Attributes
    ----------
    accuracy : float
        Share of the validation samples classified right, in [0, 1].
    seconds : float
        Time that it took on the machine that did it.
    fidelity : float
        How far the figure can be trusted, in [0, 1]: the share of the full training that stands
        behind it; 1 for a full training, 0 where the weights are shared with other networks.
    """

    accuracy: float
    seconds: float
    fidelity: float


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an evaluation gave no accuracy, and the time that it took, in seconds."""

    reason: str
    seconds: float = 0.0


Outcome = Evaluation | Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One network that a search has evaluated, or is about to.

    Attributes
    ----------
    spec : ArchSpec
        The network.
    hash : str
        `nas.space.canonical_hash` of it: the same for every spelling of the same network.
    cost : SpecCost
        Parameters, MACs, arena and file bytes, latency; known before any training.
    accuracy : float or None
        On the validation samples, in [0, 1]; None before the evaluation, or where it failed.
    fault : str or None
        Why it failed; None otherwise.
    seconds : float
        Time of the evaluation.
    fidelity : float
        As in `Evaluation`.
    seed : int
        That the evaluation was given.
    """

    spec: ArchSpec
    hash: str
    cost: SpecCost
    accuracy: float | None = None
    fault: str | None = None
    seconds: float = 0.0
    fidelity: float = 1.0
    seed: int = 0

    @property
    def error(self) -> float:
        """Share of the validation samples classified wrong; infinite where it is not known."""
        return float("inf") if self.accuracy is None else 1.0 - self.accuracy

    def finished(self, outcome: Outcome) -> Trial:
        """Return this trial with its outcome."""
        if isinstance(outcome, Failure):
            return replace(self, fault=outcome.reason, seconds=outcome.seconds)
        return replace(self, accuracy=outcome.accuracy, seconds=outcome.seconds)
