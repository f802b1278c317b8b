"""The strategies by name, each with the evaluator that goes with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from tinyml_course.core.boards import find_board
from tinyml_course.core.types import GestureSet, KernelTier
from tinyml_course.data import split
from tinyml_course.nas.aging import AgingEvolution
from tinyml_course.nas.costs import Constraints, FileForm, measure_cost
from tinyml_course.nas.descents import Descents
from tinyml_course.nas.differentiable import DescentPlan
from tinyml_course.nas.evaluate import Evaluator, FullTraining
from tinyml_course.nas.evolution import Evolution
from tinyml_course.nas.halving import halve_training
from tinyml_course.nas.nsga2 import NSGA2
from tinyml_course.nas.one_shot import OneShot, OneShotPlan
from tinyml_course.nas.random_search import RandomSearch
from tinyml_course.nas.space import DEFAULT_SPACE, SearchSpace, canonical_hash
from tinyml_course.nas.strategy import Problem, Strategy
from tinyml_course.nas.supernet_training import Schedule

SUPERNET_EPOCHS, SUPERNET_NETWORKS = 10, 100
"""Epochs of a supernet, and networks that it judges, for each epoch of a full evaluation."""

VALIDATION_FRACTION = 0.25
"""Share of the training samples that selection sees: a fifth of all where a fifth tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What a search may see: two parts of the training samples.

    Attributes
    ----------
    train, validation : GestureSet
        For weights, and for selection.
    """

    train: GestureSet
    validation: GestureSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a search goes about it.

    Attributes
    ----------
    seed : int
        Of strategy, initial weights and augmentation.
    epochs : int
        Of a full evaluation.
    halving : bool
        Evaluate by successive halving up to these epochs, instead of fully.
    checkpoint : Path, optional
        File that keeps a supernet's training.
    """

    seed: int = 0
    epochs: int = 20
    halving: bool = False
    checkpoint: Path | None = None


Searcher = tuple[Strategy, Evaluator]
Maker = Callable[[Problem, Samples, Settings], Searcher]


def _trained(kind: Callable[..., Strategy]) -> Maker:
    """Return the maker of a strategy that has each network trained from scratch."""
    return partial(_make_trained, kind)


def _make_trained(
    kind: Callable[..., Strategy], problem: Problem, samples: Samples, settings: Settings
) -> Searcher:
    return kind(problem, seed=settings.seed), _training(samples, settings)


def _training(samples: Samples, settings: Settings) -> Evaluator:
    full = FullTraining(train=samples.train, validation=samples.validation, epochs=settings.epochs)
    return halve_training(full) if settings.halving else full


def _make_one_shot(problem: Problem, samples: Samples, settings: Settings) -> Searcher:
    """Return the strategy that trains what a supernet promises most of."""
    plan = OneShotPlan(
        schedule=Schedule(epochs=SUPERNET_EPOCHS * settings.epochs, seed=settings.seed),
        networks=SUPERNET_NETWORKS * settings.epochs,
        checkpoint=settings.checkpoint,
    )
    strategy = OneShot(problem, samples.train, samples.validation, plan=plan)
    return strategy, _training(samples, settings)


def _make_descents(problem: Problem, samples: Samples, settings: Settings) -> Searcher:
    """Return the strategy that trains what gradients lead to."""
    plan = DescentPlan(epochs=settings.epochs, seed=settings.seed)
    strategy = Descents(problem, samples.train, samples.validation, plan=plan)
    return strategy, _training(samples, settings)


STRATEGIES: MappingProxyType[str, Maker] = MappingProxyType(
    {
        "random": _trained(RandomSearch),
        "evolution": _trained(Evolution),
        "aging": _trained(AgingEvolution),
        "nsga2": _trained(NSGA2),
        "supernet": _make_one_shot,
        "differentiable": _make_descents,
    }
)


def make_searcher(name: str, problem: Problem, samples: Samples, settings: Settings) -> Searcher:
    """Return the strategy called `name` and its evaluator.

    Raises
    ------
    ValueError
        If there is no such strategy; lists those there are.
    """
    if name not in STRATEGIES:
        raise ValueError(f"no strategy {name!r}; choose one of {', '.join(STRATEGIES)}")
    return STRATEGIES[name](problem, samples, settings)


def split_samples(train: GestureSet, *, seed: int) -> Samples:
    """Return the two parts of the training samples, by person where they are known.

    Parameters
    ----------
    train : GestureSet
        All but the test set.
    seed : int
        Of the split.

    Raises
    ------
    InvalidData
        If a class has too few samples for both parts.
    """
    fitted, checked = split(train, test_fraction=VALIDATION_FRACTION, seed=seed)
    return Samples(train=fitted, validation=checked)


def make_problem(
    constraints: Constraints,
    *,
    classes: int,
    board: str = "esp32",
    kernels: KernelTier | None = None,
    form: FileForm = "slim",
    space: SearchSpace = DEFAULT_SPACE,
) -> Problem:
    """Return the problem of finding networks for a task on a board.

    Parameters
    ----------
    constraints : Constraints
        Hard limits.
    classes : int
        Of the task; the space is adapted to it.
    board : str, default 'esp32'
        Name in `core.boards.BOARDS`.
    kernels : KernelTier, optional
        Kernels that the firmware links; the board's own by default.
    form : {'slim', 'aware', 'calibrated'}
        The file whose bytes count, as in `measure_cost`.
    space : SearchSpace, default `DEFAULT_SPACE`
        Networks.

    Raises
    ------
    ValueError
        If the board is unknown.
    """
    tier = kernels or find_board(board).kernels
    return Problem(
        space=replace(space, classes=classes),
        constraints=constraints,
        cost=partial(measure_cost, board=board, kernels=tier, form=form),
        identify=canonical_hash,
        target=f"{board}, {tier}, {form} file",
    )
