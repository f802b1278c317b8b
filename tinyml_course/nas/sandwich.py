"""Which networks a supernet trains on: feasible ones, from the narrowest to the widest."""

from __future__ import annotations

from bisect import bisect_left
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


POOL = 600
"""Feasible networks that a sandwich draws once, to choose from in every step."""


class Sandwich:
    """Draws the networks of one training step.

    The rule for networks that differ in width only: train the widest, the narrowest and a few
    between, so that the shared weights are good at both ends. Here the widest one of the whole
    space exceeds any chip; so a random feasible network is drawn, and its widest and narrowest
    feasible sisters stand for the ends.

    Deep networks are drawn more often, each depth in proportion to its square: few of them are
    feasible, and the weights of a late place are trained by those alone that reach it. Drawn as
    they come, they would learn too little, and shallow ones be ranked higher than they deserve.

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
        depths = np.array([len(spec.layers) for spec in self._pool])
        shares = depths**2 / np.bincount(depths)[depths]
        self._shares = shares / shares.sum()
        self._ends: dict[int, tuple[ArchSpec, ArchSpec]] = {}

    def draw(self, rng: np.random.Generator) -> tuple[ArchSpec, ...]:
        """Return the widest, the narrowest, and the random networks of a step."""
        drawn = rng.choice(len(self._pool), size=1 + self.random, p=self._shares)
        number, *between = (int(i) for i in drawn)
        if number not in self._ends:
            spec = self._pool[number]
            self._ends[number] = (self.widest(spec), self.narrowest(spec))
        return (*self._ends[number], *(self._pool[i] for i in between))

    def widest(self, spec: ArchSpec) -> ArchSpec:
        """Return `spec` with all widths raised by as many choices as the constraints allow."""
        space = self.problem.space
        wider = [
            set_widths(space, spec, lambda rank, n=n: rank + n) for n in range(len(space.widths))
        ]
        too_wide = bisect_left(wider[1:], True, key=lambda network: not self._fits(network))
        return wider[too_wide]

    def narrowest(self, spec: ArchSpec) -> ArchSpec:
        """Return `spec` with the narrowest choice at every place, or `spec` if that is too large.

        It may be: a skip begins to act where widths become equal.
        """
        narrow = set_widths(self.problem.space, spec, lambda _: 0)
        return narrow if self._fits(narrow) else spec

    def _fits(self, spec: ArchSpec) -> bool:
        return not self.problem.constraints.violations(self.problem.cost(spec))
