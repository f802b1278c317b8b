"""Model-based search: costs are exact, so a model has to guess nothing but the error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.arch import place_blocks
from tinyml_course.nas.front import Reference, find_front, objectives
from tinyml_course.nas.gaussian import GaussianProcess, fit_process
from tinyml_course.nas.strategy import Problem, Proposals
from tinyml_course.nas.trial import Trial

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec
    from tinyml_course.nas.costs import SpecCost

QUANTILES = (-1.2816, -0.5244, 0.0, 0.5244, 1.2816)
"""Of the standard normal distribution at 10, 30, 50, 70 and 90 %: their mean stands for it."""
SURE = 0.01
"""Errors nearer to 0 or 1 count as this near: a few hundred samples show no finer difference."""


def describe_network(spec: ArchSpec, cost: SpecCost) -> NDArray[np.float64]:
    """Return (14,) float64: what can be told of a network before it is trained.

    Its costs on a logarithmic scale, depth, side and channels of the last map, how much of the
    image one of its pixels sees, and how many blocks there are of each kind.
    """
    blocks = place_blocks(spec)
    sizes = (cost.parameters, cost.macs, cost.arena_bytes, cost.model_bytes, cost.latency_ms)
    field, step = 1, 1
    for block in blocks:
        field += (block.layer.kernel - 1) * step
        step *= block.layer.stride
        field += (block.layer.pool - 1) * step
        step *= block.layer.pool
    height, _, channels = blocks[-1].output_shape
    layers = [block.layer for block in blocks]
    return np.array([
        *np.log2(sizes), len(layers), np.log2(height), np.log2(channels), np.log2(field),
        *(sum(layer.op == op for layer in layers) for op in ("conv", "separable", "depthwise")),
        sum(layer.skip for layer in layers), np.log2(1 + spec.hidden),
    ])  # fmt: skip


def to_log_odds(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log(e / (1 - e)), with errors kept `SURE` away from 0 and 1."""
    kept = np.clip(errors, SURE, 1 - SURE)
    return np.asarray(np.log(kept / (1 - kept)))


def expected_gain(
    errors: NDArray[np.float64], costs: NDArray[np.float64], front: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how much hypervolume each candidate is expected to add to a front, (N,) float64.

    Parameters
    ----------
    errors : (N, Q) float64
        Equally likely errors of each candidate, as shares of the corner's.
    costs : (N, M) float64
        Its other objectives, as shares of the corner's.
    front : (F, 1 + M) float64
        Objectives of the front, error first, as shares of the corner's.
    """
    from moocore import hypervolume

    ones = np.ones(1 + costs.shape[1])
    before = hypervolume(front, ref=ones) if len(front) else 0.0
    gains = np.zeros(len(costs))
    for row, (likely, cost) in enumerate(zip(errors, costs, strict=True)):
        if np.any(cost >= 1):
            continue
        for error in likely:
            point = np.concatenate([[error], cost])
            gains[row] += hypervolume(np.vstack([front, point]), ref=ones) - before
    return gains / errors.shape[1]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A feasible network with its place in the model's space and its costs below the corner."""

    spec: ArchSpec
    key: str
    features: NDArray[np.float64]
    costs: NDArray[np.float64]


class Surrogate:
    """Ask for the networks that promise to add most hypervolume, by a model of the error.

    A Gaussian process learns the error, in log-odds, from the networks trained so far. Candidates
    are random members of the space and relatives of the present front; each is judged by the
    mean gain over five likely errors, at its exact costs. Of a batch, the first counts at its
    median when the second is chosen, and so on.

    Parameters
    ----------
    problem : Problem
        Space and limits.
    reference : Reference
        The corner up to which hypervolume counts: what is worth something to the searcher.
    seed : int, default 0
        Of all draws.
    first : int, default 4
        Random networks before the model is asked.
    candidates : int, default 200
        Random networks that are considered; the front's relatives add half as many each time.

    References
    ----------
    .. [1] Emmerich, Giannakoglou and Naujoks, Single- and multiobjective evolutionary
       optimization assisted by Gaussian random field metamodels, IEEE Trans. Evolutionary
       Computation 10(4), 2006, section IV (expected improvement of the hypervolume).
    .. [2] White, Neiswanger and Savani, BANANAS: Bayesian optimization with neural architectures
       for neural architecture search, arXiv:1910.11858.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        reference: Reference,
        seed: int = 0,
        first: int = 4,
        candidates: int = 200,
    ) -> None:
        if first < 2:
            raise ValueError(f"a model needs at least 2 networks to begin with, got {first}")
        self._problem, self._reference, self._seed = problem, reference, seed
        self._first, self._candidates = first, candidates
        self._rng = np.random.default_rng(seed)
        self._proposals = Proposals(problem)
        self._asked: set[str] = set()
        self._pool: list[_Candidate] = []
        self._told: list[Trial] = []

    def ask(self, n: int) -> list[ArchSpec]:
        """Return up to `n` new feasible networks, the most promising first."""
        if len(self._told) < self._first:
            specs = self._proposals.sample(n, self._rng)
            self._asked |= {self._problem.identify(spec) for spec in specs}
            return specs
        self._refresh()
        process = self._learn()
        front = objectives(find_front(self._told)) / self._reference.corner
        chosen: list[ArchSpec] = []
        while self._pool and len(chosen) < n:
            best, median = self._pick(process, front)
            self._pool = [other for other in self._pool if other.key != best.key]
            self._asked.add(best.key)
            front = np.vstack([front, [median, *best.costs]])
            chosen.append(best.spec)
        return chosen

    def tell(self, trials: Sequence[Trial]) -> None:
        """Add the trials that have an accuracy."""
        self._told += [trial for trial in trials if trial.accuracy is not None]

    def describe(self) -> dict[str, object]:
        """Return name, seed and settings."""
        return {
            "strategy": "surrogate",
            "seed": self._seed,
            "first": self._first,
            "candidates": self._candidates,
            "corner": self._reference.corner.tolist(),
        }

    def _learn(self) -> GaussianProcess:
        features = np.array([describe_network(t.spec, t.cost) for t in self._told])
        return fit_process(features, to_log_odds(np.array([t.error for t in self._told])))

    def _pick(
        self, process: GaussianProcess, front: NDArray[np.float64]
    ) -> tuple[_Candidate, float]:
        """Return the candidate that promises most, and its median error as the corner's share."""
        mean, spread = process.predict(np.array([c.features for c in self._pool]))
        odds = mean[:, None] + spread[:, None] * np.array(QUANTILES)
        errors = 1 / (1 + np.exp(-odds)) / self._reference.error
        gains = expected_gain(errors, np.array([c.costs for c in self._pool]), front)
        best = int(np.argmax(gains))
        return self._pool[best], float(errors[best, len(QUANTILES) // 2])

    def _refresh(self) -> None:
        """Fill the pool with random networks, and add relatives of the front."""
        parents = [trial.spec for trial in find_front(self._told)]
        known = self._asked | {candidate.key for candidate in self._pool}
        missing = self._candidates - len(self._pool)
        self._add(lambda: self._problem.space.sample(self._rng), missing, known)
        self._add(lambda: self._relative(parents), self._candidates // 2, known)

    def _add(self, make: Callable[[], ArchSpec], count: int, known: set[str]) -> None:
        """Add up to `count` feasible networks that are new; fewer after many draws in vain."""
        found = 0
        for _ in range(20 * max(count, 0)):
            if found == count:
                return
            spec = make()
            key, cost = self._problem.identify(spec), self._problem.cost(spec)
            if key in known or self._problem.constraints.violations(cost):
                continue
            known.add(key)
            found += 1
            shares = np.array([cost.arena_bytes, cost.model_bytes, cost.latency_ms])
            costs = shares / self._reference.corner[1:]
            self._pool.append(_Candidate(spec, key, describe_network(spec, cost), costs))

    def _relative(self, parents: Sequence[ArchSpec]) -> ArchSpec:
        space = self._problem.space
        mother, father = (parents[int(self._rng.integers(len(parents)))] for _ in range(2))
        child = space.crossover(mother, father, self._rng) if self._rng.random() < 0.5 else mother
        return space.mutate(child, self._rng)
