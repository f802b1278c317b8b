"""Aging evolution: mutation only, and the oldest dies, however good it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinyml_course.nas.evolution import Fitness, by_accuracy, win_tournament
from tinyml_course.nas.strategy import Problem, Proposals
from tinyml_course.nas.trial import Trial

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec


class AgingEvolution:
    """A queue of networks: a tournament's winner is mutated, the child joins, the oldest leaves.

    A network that had luck in its one training can't stay for ever; only its descendants can, if
    they do well in trainings of their own. Hence the other name, regularised evolution.

    Parameters
    ----------
    problem : Problem
        Space and limits.
    seed : int, default 0
        Of all draws.
    population : int, default 20
        Length of the queue.
    tournament : int, default 5
        Entrants of each tournament.
    fitness : Fitness, default `by_accuracy`
        What to maximise.

    References
    ----------
    .. [1] Real et al., Regularized evolution for image classifier architecture search,
       arXiv:1802.01548, algorithm 1.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int = 0,
        population: int = 20,
        tournament: int = 5,
        fitness: Fitness = by_accuracy,
    ) -> None:
        if not 1 <= tournament <= population:
            raise ValueError(
                f"need 1 <= tournament <= population, got {tournament} and {population}"
            )
        self._problem, self._seed = problem, seed
        self._tournament, self._fitness = tournament, fitness
        self._rng = np.random.default_rng(seed)
        self._proposals = Proposals(problem)
        self._queue: deque[Trial] = deque(maxlen=population)

    def ask(self, n: int) -> list[ArchSpec]:
        """Return up to `n` new feasible networks: random ones until the queue is full."""
        missing = int(self._queue.maxlen or 0) - len(self._queue)
        founders = missing if self._queue else n
        return self._proposals.generation(n, self._child, self._rng, founders=founders)

    def tell(self, trials: Sequence[Trial]) -> None:
        """Let the trials that have an accuracy join; as many of the oldest leave."""
        self._queue.extend(trial for trial in trials if trial.accuracy is not None)

    @property
    def parents(self) -> tuple[Trial, ...]:
        """The present population: oldest first."""
        return tuple(self._queue)

    def describe(self) -> dict[str, object]:
        """Return name, seed and settings."""
        return {
            "strategy": "aging",
            "seed": self._seed,
            "population": self._queue.maxlen,
            "tournament": self._tournament,
            "fitness": getattr(self._fitness, "__name__", repr(self._fitness)),
        }

    def _child(self) -> ArchSpec:
        parent = win_tournament(self._queue, self._fitness, self._rng, size=self._tournament)
        return self._problem.space.mutate(parent.spec, self._rng)
