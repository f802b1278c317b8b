"""Which networks a supernet trains on: feasible ones, from the narrowest to the widest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tinyml_course.nas.strategy import SAMPLE_TRIES, NoFeasibleNetwork, explain_infeasible

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec
    from tinyml_course.nas.space import SearchSpace
    from tinyml_course.nas.strategy import Problem


def draw_feasible(problem: Problem, rng: np.random.Generator) -> ArchSpec:
    """Return a random network of the space that meets the constraints.

    Raises
    ------
    NoFeasibleNetwork
        If none of many draws does.
    """
    for _ in range(SAMPLE_TRIES):
        spec = problem.space.sample(rng)
        if not problem.constraints.violations(problem.cost(spec)):
            return spec
    raise NoFeasibleNetwork(explain_infeasible(problem, rng))


def set_widths(space: SearchSpace, spec: ArchSpec, change: Callable[[int], int]) -> ArchSpec:
    """Return `spec` with `change` applied to the rank of each width among the space's.

    Ranks beyond the narrowest and the widest choice are taken as these.
    """
    widths = sorted(space.widths)
    layers = tuple(
        replace(
            layer,
            filters=widths[min(max(change(widths.index(layer.filters)), 0), len(widths) - 1)],
        )
        if layer.filters
        else layer
        for layer in spec.layers
    )
    return space.settle(layers, spec.hidden)


POOL = 400
"""Feasible networks that a sandwich draws once, to choose from in every step."""

FIRST, HOLD, OPEN = 8, 0.15, 0.7
"""Networks at the beginning, the share of the training that they are kept for, and the share after
which all are trained on; between the two, their number grows by equal factors."""


class Sandwich:
    """Draws the networks of one training step.

    The rule for networks that differ in width only: train the widest, the narrowest and a few
    between, so that the shared weights are good at both ends. Here the widest one of the whole
    space exceeds any chip; so a random feasible network is drawn, and its widest and narrowest
    feasible sisters stand for the ends.

    Networks that differ in kind pull shared filters apart, and among hundreds of them nothing is
    learnt for long; so the training begins with a few, and lets in more as it goes on.

    Parameters
    ----------
    problem : Problem
        Space and limits. The space is a `SearchSpace`.
    random : int
        Networks between the two ends, each from the pool.
    seed : int
        Of the pool of feasible networks that all are drawn from.
    pool : int
        Networks in it.

    Raises
    ------
    NoFeasibleNetwork
        If hardly any network meets the constraints.

    References
    ----------
    .. [1] Yu and Huang, Universally slimmable networks, arXiv:1903.05134, section 3.1.
    """

    def __init__(
        self, problem: Problem, *, random: int = 2, seed: int = 0, pool: int = POOL
    ) -> None:
        rng = np.random.default_rng([seed, 2])
        self.problem, self.random = problem, random
        self._pool = [draw_feasible(problem, rng) for _ in range(pool)]
        self._ends: dict[int, tuple[ArchSpec, ArchSpec]] = {}

    def admitted(self, share: float) -> int:
        """Return how many networks take part after a share of the training, in [0, 1]."""
        pool = len(self._pool)
        first = min(FIRST, pool)
        progress = min(max((share - HOLD) / (OPEN - HOLD), 0.0), 1.0)
        return round(first * (pool / first) ** progress)

    def draw(self, rng: np.random.Generator, share: float = 1.0) -> tuple[ArchSpec, ...]:
        """Return the widest, the narrowest, and the random networks of a step.

        Parameters
        ----------
        rng : numpy.random.Generator
            Chooses among the networks admitted.
        share : float, default 1.0
            Of the training that is over.
        """
        count = self.admitted(share)
        number, *between = (int(i) for i in rng.integers(count, size=1 + self.random))
        if number not in self._ends:
            spec = self._pool[number]
            self._ends[number] = (self.widest(spec), self.narrowest(spec))
        return (*self._ends[number], *(self._pool[i] for i in between))

    def widest(self, spec: ArchSpec) -> ArchSpec:
        """Return `spec` with all widths raised by as many choices as the constraints allow."""
        for steps in reversed(range(len(self.problem.space.widths))):
            wider = set_widths(self.problem.space, spec, lambda rank, n=steps: rank + n)
            if self._fits(wider):
                return wider
        return spec

    def narrowest(self, spec: ArchSpec) -> ArchSpec:
        """Return `spec` with the narrowest choice at every place, or `spec` if that is too large.

        It may be: a skip begins to act where widths become equal.
        """
        narrow = set_widths(self.problem.space, spec, lambda _: 0)
        return narrow if self._fits(narrow) else spec

    def _fits(self, spec: ArchSpec) -> bool:
        return not self.problem.constraints.violations(self.problem.cost(spec))
