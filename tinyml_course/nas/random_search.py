"""Random search: the baseline that every other strategy has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinyml_course.nas.strategy import Problem, Proposals
from tinyml_course.nas.trial import Trial

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec


class RandomSearch:
    """Draw feasible networks from the whole space, whatever came out before.

    Parameters
    ----------
    problem : Problem
        Space and limits.
    seed : int, default 0
        Of the draws.

    References
    ----------
    .. [1] Li and Talwalkar, Random search and reproducibility for NAS, arXiv:1902.07638: a
       baseline that many published methods do not clearly beat.
    """

    def __init__(self, problem: Problem, *, seed: int = 0) -> None:
        self._seed = seed
        self._rng = np.random.default_rng(seed)
        self._proposals = Proposals(problem)

    def ask(self, n: int) -> list[ArchSpec]:
        """Return up to `n` new feasible networks."""
        return self._proposals.sample(n, self._rng)

    def tell(self, trials: Sequence[Trial]) -> None:
        """Learn nothing."""

    def describe(self) -> dict[str, object]:
        """Return name and seed."""
        return {"strategy": "random", "seed": self._seed}
