"""What every search strategy is: asked for networks, told how they did.

A strategy holds no files and starts no training. The search (`nas.search`) asks it for a batch,
has the batch evaluated, and tells it the trials in the order in which it asked for them. All
that a strategy does follows from its seed and from what it was told; so a search that was killed
is rebuilt by asking and telling again, with the answers from the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tinyml_course.core.errors import CourseError
from tinyml_course.nas.trial import Trial

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec
    from tinyml_course.nas.costs import Constraints, SpecCost

SAMPLE_TRIES = 2000
"""Networks drawn from the whole space before it counts as hardly feasible; seconds at most."""
BREED_TRIES = 50
"""Children of given parents that are tried before a network from the whole space replaces them."""

LIMITS = (
    ("arena_bytes", "max_arena", "B of arena"),
    ("model_bytes", "max_flash", "B of flash"),
    ("latency_ms", "max_latency", "ms"),
)
"""What a network costs, the limit on it, and its unit."""


class NoFeasibleNetwork(CourseError, ValueError):
    """Hardly any network of the space meets the constraints; names the tightest one."""


class Space(Protocol):
    """What a strategy needs of a search space; `nas.space.SearchSpace` is one."""

    def sample(self, rng: np.random.Generator) -> ArchSpec:
        """Return a random member."""

    def mutate(self, spec: ArchSpec, rng: np.random.Generator) -> ArchSpec:
        """Return a member one random change away from `spec`."""

    def crossover(self, a: ArchSpec, b: ArchSpec, rng: np.random.Generator) -> ArchSpec:
        """Return a member that begins as `a` and goes on as `b`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is searched: a space, hard limits, and the two functions that judge before training.

    Attributes
    ----------
    space : Space
        Where networks come from.
    constraints : Constraints
        A network that violates them is never trained.
    cost : callable
        ArchSpec -> SpecCost, exact and quick.
    identify : callable
        ArchSpec -> str, equal for equal networks.
    target : str
        What the costs are for, such as 'esp32, esp-nn'; a journal keeps it.
    """

    space: Space
    constraints: Constraints
    cost: Callable[[ArchSpec], SpecCost]
    identify: Callable[[ArchSpec], str]
    target: str = ""


class Strategy(Protocol):
    """A way to choose the next networks."""

    def ask(self, n: int) -> list[ArchSpec]:
        """Return up to `n` feasible networks that were never asked for before.

        Fewer, or none, where the space seems exhausted.

        Raises
        ------
        NoFeasibleNetwork
            If hardly any member of the space meets the constraints.
        """

    def tell(self, trials: Sequence[Trial]) -> None:
        """Learn from finished trials, in the order in which they were asked for."""

    def describe(self) -> dict[str, object]:
        """Return name, seed and settings as plain values: equal ones search alike."""


class Proposals:
    """Draws networks that are feasible and new; every strategy has one.

    Parameters
    ----------
    problem : Problem
        Space and limits.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._proposed: set[str] = set()

    def fresh(self, make: Callable[[], ArchSpec], *, tries: int = BREED_TRIES) -> ArchSpec | None:
        """Return the first network from `make` that is feasible and new, or None after `tries`."""
        for _ in range(tries):
            spec = make()
            key = self._problem.identify(spec)
            if key in self._proposed:
                continue
            if not self._problem.constraints.violations(self._problem.cost(spec)):
                self._proposed.add(key)
                return spec
        return None

    def sample(self, n: int, rng: np.random.Generator) -> list[ArchSpec]:
        """Return up to `n` networks drawn from the whole space.

        Raises
        ------
        NoFeasibleNetwork
            If none of many draws is feasible.
        """
        drawn: list[ArchSpec] = []
        while len(drawn) < n:
            spec = self.fresh(lambda: self._problem.space.sample(rng), tries=SAMPLE_TRIES)
            if spec is None:
                break
            drawn.append(spec)
        if not self._proposed:
            raise NoFeasibleNetwork(explain_infeasible(self._problem, rng))
        return drawn

    def breed(
        self, n: int, make: Callable[[], ArchSpec], rng: np.random.Generator
    ) -> list[ArchSpec]:
        """Return up to `n` networks from `make`, from the whole space where that runs dry."""
        children: list[ArchSpec] = []
        while len(children) < n:
            child = self.fresh(make)
            found = [child] if child is not None else self.sample(1, rng)
            if not found:
                break
            children += found
        return children

    def generation(
        self, n: int, make: Callable[[], ArchSpec], rng: np.random.Generator, *, founders: int
    ) -> list[ArchSpec]:
        """Return up to `n` networks: `founders` from the whole space, the rest from `make`.

        Parameters
        ----------
        n : int
            How many are asked for.
        make : callable
            Returns a child of the present parents.
        rng : numpy.random.Generator
            Source of randomness.
        founders : int
            Places of the population that nobody has taken; without parents, at least `n`.
        """
        if founders >= n:
            return self.sample(n, rng)
        drawn = self.sample(max(founders, 0), rng)
        return drawn + self.breed(n - len(drawn), make, rng)


def explain_infeasible(
    problem: Problem, rng: np.random.Generator, *, samples: int = SAMPLE_TRIES // 4
) -> str:
    """Return which limit excludes most networks, what the cheapest one needs, and the remedy."""
    costs = [problem.cost(problem.space.sample(rng)) for _ in range(samples)]
    found = []
    for attribute, name, unit in LIMITS:
        limit = getattr(problem.constraints, name)
        if limit is not None:
            values = [getattr(cost, attribute) for cost in costs]
            found.append((sum(value > limit for value in values), name, limit, min(values), unit))
    excluded, name, limit, least, unit = max(found)
    option = name.replace("_", "-")
    return (
        f"no network in {SAMPLE_TRIES:,} draws meets the constraints; the tightest is {name} = "
        f"{limit:,}: {excluded / samples:.0%} of the space needs more, the cheapest seen "
        f"{least:,.6g} {unit}; raise --{option}, or search a space of smaller networks"
    )
