"""One-shot search as a strategy: evolution on a supernet's estimates, then the best in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm.auto import tqdm

from tinyml_course.core.environment import THREADS
from tinyml_course.core.types import GestureSet
from tinyml_course.nas.front import objectives
from tinyml_course.nas.nsga2 import NSGA2, rank_fronts
from tinyml_course.nas.recalibrate import Estimate, Scorer
from tinyml_course.nas.strategy import Problem, Strategy
from tinyml_course.nas.supernet_training import Schedule, describe_training, train_supernet
from tinyml_course.nas.trial import Trial

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec

BATCH = 24
"""Networks that the inner search asks for at a time."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A trial by estimate, fidelity 0, and the estimate."""

    trial: Trial
    estimate: Estimate


def search_estimates(
    strategy: Strategy,
    problem: Problem,
    score: Callable[[ArchSpec], Estimate],
    count: int,
    *,
    progress: bool = True,
) -> list[Scored]:
    """Return up to `count` networks that `strategy` asks for, each with its estimate.

    Parameters
    ----------
    strategy : Strategy
        Fresh.
    problem : Problem
        The strategy's.
    score : callable
        Such as a `Scorer`; called for several networks at a time.
    count : int
        Networks; fewer where the space is exhausted.
    progress : bool, default True
        Show a progress bar.
    """
    found: list[Scored] = []
    with (
        ThreadPoolExecutor(THREADS) as threads,
        tqdm(total=count, desc="estimates", unit="net", disable=not progress) as bar,
    ):
        while len(found) < count and (specs := strategy.ask(min(BATCH, count - len(found)))):
            scores = threads.map(score, specs)
            batch = [_score(problem, *pair) for pair in zip(specs, scores, strict=True)]
            strategy.tell([scored.trial for scored in batch])
            found += batch
            bar.update(len(batch))
    return found


def _score(problem: Problem, spec: ArchSpec, estimate: Estimate) -> Scored:
    trial = Trial(
        spec=spec, hash=problem.identify(spec), cost=problem.cost(spec),
        accuracy=estimate.accuracy, fidelity=0.0,
    )  # fmt: skip
    return Scored(trial, estimate)


def order_by_promise(scored: Sequence[Scored]) -> list[Scored]:
    """Return the networks by front of estimated error and costs, in a front by accuracy.

    Networks of equal accuracy go by the loss, which sees more than right and wrong.
    """
    ranks = rank_fronts(objectives([s.trial for s in scored])) if scored else np.zeros(0)
    keys = [
        (int(rank), s.trial.error, s.estimate.loss) for rank, s in zip(ranks, scored, strict=True)
    ]
    return [scored[i] for i in sorted(range(len(scored)), key=keys.__getitem__)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneShotPlan:
    """How a one-shot search goes about it.

    Attributes
    ----------
    schedule : supernet_training.Schedule
        Of the supernet.
    networks : int
        That the inner search estimates.
    checkpoint : Path, optional
        Keeps the supernet's training, so that a search that is resumed doesn't repeat it.
    progress : bool
        Show progress bars.
    """

    schedule: Schedule = field(default_factory=Schedule)
    networks: int = 2000
    checkpoint: Path | None = None
    progress: bool = True


class OneShot:
    """Asks for the networks that a supernet promises most of, to be trained on their own.

    The supernet is trained, and the space searched by its estimates, when the first network is
    asked for. What the trainings then say changes nothing: the order stands.

    Parameters
    ----------
    problem : Problem
        A `SearchSpace` and limits.
    train, validation : GestureSet
        For the shared weights, and for the estimates.
    plan : OneShotPlan, optional
        Lengths.
    """

    def __init__(
        self,
        problem: Problem,
        train: GestureSet,
        validation: GestureSet,
        *,
        plan: OneShotPlan | None = None,
    ) -> None:
        self._problem, self._train, self._validation = problem, train, validation
        self._plan = plan or OneShotPlan()
        self._left: Iterator[ArchSpec] | None = None

    def ask(self, n: int) -> list[ArchSpec]:
        """Return the next `n` networks, the most promising first; fewer at the end."""
        if self._left is None:
            self._left = iter([s.trial.spec for s in order_by_promise(self.estimate())])
        return list(islice(self._left, n))

    def tell(self, trials: Sequence[Trial]) -> None:
        """Learn nothing: the supernet has spoken."""

    def estimate(self) -> list[Scored]:
        """Train the supernet and return every network that the inner search has estimated."""
        plan = self._plan
        trained = train_supernet(
            self._problem, self._train, plan.schedule, checkpoint=plan.checkpoint,
            progress=plan.progress,
        )  # fmt: skip
        scorer = Scorer(trained.supernet, self._train, self._validation)
        inner = NSGA2(self._problem, seed=plan.schedule.seed)
        return search_estimates(inner, self._problem, scorer, plan.networks, progress=plan.progress)

    def describe(self) -> dict[str, object]:
        """Return name, seed and settings."""
        supernet = describe_training(self._problem, self._train, self._plan.schedule)
        return {
            "strategy": "supernet",
            "seed": self._plan.schedule.seed,
            "networks": self._plan.networks,
            "validation": self._validation.fingerprint,
            "schedule": asdict(self._plan.schedule),
            "trains": supernet["train"],
        }
