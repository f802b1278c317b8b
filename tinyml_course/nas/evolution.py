"""Evolution: tournaments choose parents, crossover and mutation make children, the best stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinyml_course.nas.strategy import Problem, Proposals
from tinyml_course.nas.trial import Trial

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec
    from tinyml_course.nas.costs import Constraints

Fitness = Callable[[Trial], float]
"""What evolution maximises; asked only about trials that have an accuracy."""


def by_accuracy(trial: Trial) -> float:
    """Return the accuracy: enough where hard limits rule out what is too large."""
    return 1.0 - trial.error


@dataclass(frozen=True, slots=True)
class WeightedFitness:
    """The accuracy and the share of the budget that is left over, weighted.

    Attributes
    ----------
    constraints : Constraints
        The budget; both arena and flash must be limited.
    accuracy_weight : float
        In [0, 1]; the rest goes to the mean share of arena and flash that is left.
    """

    constraints: Constraints
    accuracy_weight: float = 0.7

    def __post_init__(self) -> None:
        if not 0 <= self.accuracy_weight <= 1:
            raise ValueError(f"accuracy_weight must be in [0, 1], got {self.accuracy_weight}")
        if not (self.constraints.max_arena and self.constraints.max_flash):
            raise ValueError(f"needs limits on arena and flash, got {self.constraints}")

    def __call__(self, trial: Trial) -> float:
        """Return the fitness of `trial`, at most 1."""
        used_arena = trial.cost.arena_bytes / float(self.constraints.max_arena or 0)
        used_flash = trial.cost.model_bytes / float(self.constraints.max_flash or 0)
        left = 1.0 - (used_arena + used_flash) / 2
        return self.accuracy_weight * by_accuracy(trial) + (1 - self.accuracy_weight) * left


def win_tournament(
    entrants: Sequence[Trial], fitness: Fitness, rng: np.random.Generator, *, size: int = 3
) -> Trial:
    """Return the fittest of `size` different entrants drawn at random; of all, if fewer.

    The larger the tournament, the harder the selection: the weakest ``size - 1`` never win.
    """
    drawn = rng.choice(len(entrants), size=min(size, len(entrants)), replace=False)
    return max((entrants[int(index)] for index in drawn), key=fitness)


class Evolution:
    """A generation of networks, its children by crossover and mutation, and an elite that stays.

    Parameters
    ----------
    problem : Problem
        Space and limits.
    seed : int, default 0
        Of all draws.
    population : int, default 20
        Networks that may become parents: the elite, and the newest ones.
    elite : int, default 2
        Best networks of all generations, which stay.
    tournament : int, default 3
        Entrants of each tournament.
    mutation_rate : float, default 0.5
        Share of the children that are changed after the crossover.
    fitness : Fitness, default `by_accuracy`
        What to maximise.

    References
    ----------
    .. [1] Goldberg and Deb, A comparative analysis of selection schemes used in genetic
       algorithms, Foundations of Genetic Algorithms 1, 1991, section 4 (tournaments).
    """

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int = 0,
        population: int = 20,
        elite: int = 2,
        tournament: int = 3,
        mutation_rate: float = 0.5,
        fitness: Fitness = by_accuracy,
    ) -> None:
        if not 0 <= elite < population:
            raise ValueError(f"need 0 <= elite < population, got {elite} and {population}")
        self._problem, self._seed = problem, seed
        self._population, self._elite, self._tournament = population, elite, tournament
        self._mutation_rate, self._fitness = mutation_rate, fitness
        self._rng = np.random.default_rng(seed)
        self._proposals = Proposals(problem)
        self._told: list[Trial] = []

    def ask(self, n: int) -> list[ArchSpec]:
        """Return up to `n` new feasible networks: random ones until a population is complete."""
        missing = self._population - len(self._told)
        founders = missing if len(self._told) >= 2 else n
        return self._proposals.generation(n, self._child, self._rng, founders=founders)

    def tell(self, trials: Sequence[Trial]) -> None:
        """Add the trials that have an accuracy."""
        self._told += [trial for trial in trials if trial.accuracy is not None]

    @property
    def parents(self) -> tuple[Trial, ...]:
        """The present population: elite first."""
        ranked = sorted(self._told, key=self._fitness, reverse=True)
        elite = ranked[: self._elite]
        newest = [t for t in reversed(self._told) if all(t is not best for best in elite)]
        return tuple(elite + newest[: self._population - len(elite)])

    def describe(self) -> dict[str, object]:
        """Return name, seed and settings."""
        return {
            "strategy": "evolution",
            "seed": self._seed,
            "population": self._population,
            "elite": self._elite,
            "tournament": self._tournament,
            "mutation_rate": self._mutation_rate,
            "fitness": getattr(self._fitness, "__name__", repr(self._fitness)),
        }

    def _child(self) -> ArchSpec:
        parents, space = self.parents, self._problem.space
        mother, father = (
            win_tournament(parents, self._fitness, self._rng, size=self._tournament).spec
            for _ in range(2)
        )
        child = space.crossover(mother, father, self._rng)
        return space.mutate(child, self._rng) if self._rng.random() < self._mutation_rate else child
