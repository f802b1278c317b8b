"""The searches that `study_search.py` compares: each spends the same seconds of one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tutorial_evolution import TutorialEvolution

from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.nas.catalog import Samples
from tinyml_course.nas.evaluate import Evaluator, FullTraining
from tinyml_course.nas.front import Reference
from tinyml_course.nas.halving import halve_training
from tinyml_course.nas.moves import DOWN
from tinyml_course.nas.nsga2 import NSGA2
from tinyml_course.nas.one_shot import search_estimates
from tinyml_course.nas.random_search import RandomSearch
from tinyml_course.nas.recalibrate import Scorer
from tinyml_course.nas.space import SearchSpace
from tinyml_course.nas.strategy import LIMITS, Problem, Strategy
from tinyml_course.nas.supernet_training import Schedule, train_supernet
from tinyml_course.nas.surrogate import Surrogate
from tinyml_course.nas.trial import Trial

CORNER = Reference(arena_bytes=16 * 1024, model_bytes=12 * 1024, latency_ms=100.0, error=0.5)
"""Of the hypervolume of record; what the model-based search is told to want."""
EPOCHS = 20
"""Of an evaluation by training, as `tinyml search` has it."""
POPULATION = 24
"""Of NSGA-II, ours and Optuna's."""
HALVING_BATCH = 9
"""Networks that begin on the lowest of two rungs; a third of them reach the second."""
SUPERNET_SHARE = 0.8
"""Of the budget, that the supernet's training is planned to take."""
SUPERNET_START_SECONDS, SUPERNET_EPOCH_SECONDS = 14.0, 1.2
"""Of one core, to compile the supernet and for an epoch; measured on seed 0 before the study."""
SUPERNET_RATE = 2e-2
"""Learning rate; of five, the one with the lowest loss after 20 epochs on seed 0."""


class Clock:
    """Counts the seconds that this process has computed, whatever else the machine does."""

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self._began = time.process_time()

    @property
    def spent(self) -> float:
        """Seconds of one core since the clock was made."""
        return time.process_time() - self._began

    def goes_on(self) -> bool:
        """Whether another evaluation may begin; one that has begun is finished."""
        return self.spent < self.budget


@dataclass(frozen=True, slots=True)
class Run:
    """One search: what it may see, its seed and its clock."""

    problem: Problem
    samples: Samples
    seed: int
    clock: Clock

    @property
    def training(self) -> FullTraining:
        """An evaluation by training."""
        return FullTraining(
            train=self.samples.train, validation=self.samples.validation, epochs=EPOCHS
        )

    def judge(self, spec: ArchSpec, evaluator: Evaluator) -> Trial:
        """Return `spec` with the accuracy that `evaluator` finds."""
        trial = Trial(
            spec=spec, hash=self.problem.identify(spec), cost=self.problem.cost(spec),
            fidelity=evaluator.fidelity, seed=self.seed,
        )  # fmt: skip
        return trial.finished(evaluator(spec, self.seed))

    def judge_all(self, specs: list[ArchSpec], evaluator: Evaluator) -> list[Trial]:
        """Return the trials of `specs`; fewer if time runs out."""
        return [self.judge(spec, evaluator) for spec in specs if self.clock.goes_on()]


def search_random(run: Run) -> list[Trial]:
    """Train random feasible networks."""
    return _ask_and_tell(RandomSearch(run.problem, seed=run.seed), run)


def search_surrogate(run: Run) -> list[Trial]:
    """Train what a model of the error promises most of."""
    return _ask_and_tell(Surrogate(run.problem, reference=CORNER, seed=run.seed), run)


def _ask_and_tell(strategy: Strategy, run: Run) -> list[Trial]:
    found: list[Trial] = []
    while run.clock.goes_on():
        trials = run.judge_all(strategy.ask(1), run.training)
        strategy.tell(trials)
        found += trials
    return found


def search_halving(run: Run) -> list[Trial]:
    """Let NSGA-II ask, and train by successive halving on two rungs."""
    halving = halve_training(run.training, rungs=2)
    strategy = NSGA2(run.problem, seed=run.seed, population=POPULATION)
    found: list[Trial] = []
    while run.clock.goes_on():
        first = run.judge_all(strategy.ask(HALVING_BATCH), halving.rungs[0])
        second = run.judge_all([t.spec for t in halving.promote(first)], halving.rungs[1])
        promoted = {trial.hash: trial for trial in second}
        strategy.tell([promoted.get(trial.hash, trial) for trial in first])
        found += first + second
    return found


def search_supernet(run: Run) -> list[Trial]:
    """Train a supernet, then let NSGA-II ask it until time runs out."""
    left = SUPERNET_SHARE * run.clock.budget - SUPERNET_START_SECONDS
    epochs = max(1, round(left / SUPERNET_EPOCH_SECONDS))
    schedule = Schedule(epochs=epochs, learning_rate=SUPERNET_RATE, seed=run.seed)
    trained = train_supernet(run.problem, run.samples.train, schedule, progress=False)
    scorer = Scorer(trained.supernet, run.samples.train, run.samples.validation)
    strategy = NSGA2(run.problem, seed=run.seed, population=POPULATION)
    found: list[Trial] = []
    while run.clock.goes_on():
        scored = search_estimates(strategy, run.problem, scorer, POPULATION, progress=False)
        found += [item.trial for item in scored]
    return found


def search_tutorial(run: Run) -> list[Trial]:
    """Evolve as the tutorial does."""
    return TutorialEvolution(run.problem, run.samples, run.seed).run(run.clock.goes_on)


def search_optuna(run: Run) -> list[Trial]:
    """Let Optuna's NSGA-II choose; it is told how far a network exceeds the limits."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=run.seed)
    study = optuna.create_study(directions=["minimize"] * 4, sampler=sampler)
    found: dict[str, Trial] = {}
    while run.clock.goes_on():
        asked = study.ask()
        spec = suggest(asked, run.problem.space)
        key, cost = run.problem.identify(spec), run.problem.cost(spec)
        for attribute, name, _ in LIMITS:
            limit = getattr(run.problem.constraints, name)
            if limit is not None:
                asked.set_constraint(name, getattr(cost, attribute) / limit - 1)
        feasible = not run.problem.constraints.violations(cost)
        if feasible and key not in found:
            found[key] = run.judge(spec, run.training)
        error = found[key].error if feasible else 1.0
        study.tell(asked, [error, cost.arena_bytes, cost.model_bytes, cost.latency_ms])
    return list(found.values())


def suggest(asked: Any, space: SearchSpace) -> ArchSpec:
    """Return the network of `space` that an Optuna trial chooses, block by block."""
    depth = asked.suggest_int("depth", space.min_depth, space.max_depth)
    layers = []
    for place in range(depth):
        choose = _chooser(asked, place)
        op = choose("op", space.operations if place else space.stem)
        width = choose("width", space.widths) if op != "depthwise" else 0
        stride, pool = DOWN[choose("down", space.downsampling)]
        layers.append(LayerSpec(
            op=op, filters=width, kernel=choose("kernel", space.kernels), stride=stride, pool=pool,
            activation=choose("activation", space.activations),
            skip=space.skips and choose("skip", (False, True)),
        ))  # fmt: skip
    return space.settle(tuple(layers), asked.suggest_categorical("hidden", space.hidden))


def _chooser(asked: Any, place: int) -> Callable[[str, tuple[Any, ...]], Any]:
    def choose(name: str, options: tuple[Any, ...]) -> Any:
        return asked.suggest_categorical(f"{place}/{name}", options)

    return choose


METHODS: dict[str, Callable[[Run], list[Trial]]] = {
    "surrogate": search_surrogate,
    "supernet": search_supernet,
    "random": search_random,
    "tutorial": search_tutorial,
    "optuna": search_optuna,
    "halving": search_halving,
}
"""By name."""
DEFAULT = ["supernet", "random", "tutorial", "optuna"]
"""The course's search that scales, and what it is compared with; the others on request."""
OURS = ("surrogate", "supernet")
"""What the others are compared with."""
