"""NSGA-II: selection by fronts, and among equals by room around them; no weights to choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyml_course.nas.front import objectives
from tinyml_course.nas.strategy import Problem, Proposals
from tinyml_course.nas.trial import Trial

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec


def rank_fronts(costs: ArrayLike) -> NDArray[np.int64]:
    """Return the number of each candidate's front: 0 for the undominated, 1 for the next, ...

    Parameters
    ----------
    costs : (N, M) float
        One row a candidate; smaller is better in every column.

    Returns
    -------
    (N,) int64
        A candidate's rank is one more than the largest rank among those that dominate it.

    References
    ----------
    .. [1] Deb et al., A fast and elitist multiobjective genetic algorithm: NSGA-II, IEEE Trans.
       Evolutionary Computation 6(2), 2002, section III-A.

    Examples
    --------
    >>> rank_fronts([[1, 4], [2, 2], [3, 3], [4, 4]]).tolist()
    [0, 0, 1, 2]
    """
    table = np.asarray(costs, dtype=np.float64)
    nowhere_worse = np.all(table[:, None] <= table[None], axis=2)
    somewhere_better = np.any(table[:, None] < table[None], axis=2)
    dominates = nowhere_worse & somewhere_better  # [i, j]: i dominates j
    ranks = np.full(len(table), -1, dtype=np.int64)
    dominators = dominates.sum(axis=0)
    rank = 0
    while np.any(ranks < 0):
        front = (ranks < 0) & (dominators == 0)
        ranks[front] = rank
        dominators = dominators - dominates[front].sum(axis=0)
        rank += 1
    return ranks


def crowding_distance(costs: ArrayLike) -> NDArray[np.float64]:
    """Return how much room each candidate of one front has: (N,) float64, more is better.

    In each objective the gap between its two neighbours, as a share of the front's range, summed
    over the objectives; infinite for the best and the worst in any objective that differs.

    Parameters
    ----------
    costs : (N, M) float
        The candidates of one front.

    References
    ----------
    .. [1] Deb et al., 2002, section III-B.

    Examples
    --------
    >>> crowding_distance([[0, 4], [1, 2], [4, 0]]).tolist()
    [inf, 2.0, inf]
    """
    table = np.asarray(costs, dtype=np.float64)
    distance = np.zeros(len(table))
    for column in table.T:
        order = np.argsort(column, kind="stable")
        spread = column[order[-1]] - column[order[0]]
        if spread == 0:
            continue
        distance[order[[0, -1]]] = np.inf
        distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / spread
    return distance


def order_candidates(costs: ArrayLike) -> NDArray[np.intp]:
    """Return the candidates' indices, best first: by front, within a front by crowding.

    Parameters
    ----------
    costs : (N, M) float
        One row a candidate.
    """
    table = np.asarray(costs, dtype=np.float64)
    ranks, room = rank_fronts(table), np.zeros(len(table))
    for rank in np.unique(ranks):
        members = ranks == rank
        room[members] = crowding_distance(table[members])
    return np.lexsort((-room, ranks))


class NSGA2:
    """Evolve a whole front of error, arena, flash and latency.

    Parents and children compete for the places of the population; `order_candidates` decides.
    Parents are winners of tournaments of two under the same order.

    Parameters
    ----------
    problem : Problem
        Space and limits.
    seed : int, default 0
        Of all draws.
    population : int, default 24
        Places.
    mutation_rate : float, default 0.8
        Share of the children that are changed after the crossover.

    References
    ----------
    .. [1] Deb et al., 2002, section III-C.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int = 0,
        population: int = 24,
        mutation_rate: float = 0.8,
    ) -> None:
        if population < 2:
            raise ValueError(f"population must be at least 2, got {population}")
        self._problem, self._seed = problem, seed
        self._population, self._mutation_rate = population, mutation_rate
        self._rng = np.random.default_rng(seed)
        self._proposals = Proposals(problem)
        self._survivors: list[Trial] = []

    def ask(self, n: int) -> list[ArchSpec]:
        """Return up to `n` new feasible networks: random ones until all places are taken."""
        missing = self._population - len(self._survivors)
        founders = missing if len(self._survivors) >= 2 else n
        return self._proposals.generation(n, self._child, self._rng, founders=founders)

    def tell(self, trials: Sequence[Trial]) -> None:
        """Let the trials that have an accuracy compete with the survivors for the places."""
        pool = self._survivors + [trial for trial in trials if trial.accuracy is not None]
        if pool:
            best = order_candidates(objectives(pool))[: self._population]
            self._survivors = [pool[int(index)] for index in best]

    @property
    def parents(self) -> tuple[Trial, ...]:
        """The present population: best first."""
        return tuple(self._survivors)

    def describe(self) -> dict[str, object]:
        """Return name, seed and settings."""
        return {
            "strategy": "nsga2",
            "seed": self._seed,
            "population": self._population,
            "mutation_rate": self._mutation_rate,
        }

    def _child(self) -> ArchSpec:
        space = self._problem.space
        mother, father = (self._survivors[self._win()].spec for _ in range(2))
        child = space.crossover(mother, father, self._rng)
        return space.mutate(child, self._rng) if self._rng.random() < self._mutation_rate else child

    def _win(self) -> int:
        """Return the place of the better of two drawn survivors; they stand best first."""
        drawn = self._rng.choice(len(self._survivors), size=2, replace=False)
        return int(drawn.min())
