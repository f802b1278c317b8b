"""Differentiable search as a strategy: one descent for each network that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np

from tinyml_course.core.types import GestureSet
from tinyml_course.nas.choices import Skeleton
from tinyml_course.nas.differentiable import DescentPlan, descend
from tinyml_course.nas.strategy import NoFeasibleNetwork, Problem, Proposals
from tinyml_course.nas.trial import Trial

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec

TRIES = 20
"""Descents in a row that may end in a network known already, before the search gives up."""

COST_WEIGHTS = (0.1, 0.3, 1.0)
"""Taken in turn, so that the networks found differ in size."""


class Descents:
    """Asks for what gradients find in random skeletons, under lighter and heavier costs.

    A gradient moves operations and widths; depth, downsampling and head come from a feasible
    network drawn at random.

    Parameters
    ----------
    problem : Problem
        A `SearchSpace` and limits.
    train, validation : GestureSet
        For the weights, and for the preferences.
    plan : DescentPlan, optional
        Of each descent; seed and weight of the cost change from one to the next.
    progress : bool, default True
        Show each descent's progress.
    """

    def __init__(
        self,
        problem: Problem,
        train: GestureSet,
        validation: GestureSet,
        *,
        plan: DescentPlan | None = None,
        progress: bool = True,
    ) -> None:
        self._problem, self._train, self._validation = problem, train, validation
        self._plan, self._progress = plan or DescentPlan(), progress
        self._rng = np.random.default_rng(self._plan.seed)
        self._skeletons, self._found = Proposals(problem), Proposals(problem)
        self._descents = 0

    def ask(self, n: int) -> list[ArchSpec]:
        """Return up to `n` networks that no descent has led to before.

        Raises
        ------
        NoFeasibleNetwork
            If hardly any network of the space meets the constraints.
        """
        asked: list[ArchSpec] = []
        while len(asked) < n:
            spec = self._found.fresh(self._descend, tries=TRIES)
            if spec is None:
                break
            asked.append(spec)
        return asked

    def tell(self, trials: Sequence[Trial]) -> None:
        """Learn nothing: each descent stands alone."""

    def describe(self) -> dict[str, object]:
        """Return name, seed and settings."""
        return {
            "strategy": "differentiable",
            **asdict(self._plan),
            "cost_weights": list(COST_WEIGHTS),
            "train": self._train.fingerprint,
            "validation": self._validation.fingerprint,
        }

    def _descend(self) -> ArchSpec:
        """Return what the next descent leads to."""
        drawn = self._skeletons.sample(1, self._rng)
        if not drawn:
            raise NoFeasibleNetwork(
                "every feasible network has been a skeleton; the search is over"
            )
        plan = replace(
            self._plan,
            seed=self._plan.seed + self._descents,
            cost_weight=COST_WEIGHTS[self._descents % len(COST_WEIGHTS)],
        )
        self._descents += 1
        found = descend(
            self._problem, Skeleton(self._problem.space, drawn[0]), self._train, self._validation,
            plan=plan, progress=self._progress,
        )  # fmt: skip
        return found.spec
