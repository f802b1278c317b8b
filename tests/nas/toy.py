"""A toy search problem: networks with costs and accuracies by formula, so that searches are quick.

Evaluators are top-level classes: spawned workers and clusters import them by name.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.nas.costs import Constraints, SpecCost
from tinyml_course.nas.front import Reference
from tinyml_course.nas.search import Plan
from tinyml_course.nas.space import canonical_hash
from tinyml_course.nas.strategy import Problem
from tinyml_course.nas.trial import Evaluation, Trial

WIDTHS = tuple(range(1, 21))
REFERENCE = Reference(arena_bytes=40_000, model_bytes=40_000)


def network(*widths: int) -> ArchSpec:
    """Return a network of convolutions of these widths."""
    layers = tuple(LayerSpec(op="conv", filters=width) for width in widths)
    return ArchSpec(layers=layers, classes=3)


def widths_of(spec: ArchSpec) -> list[int]:
    """Return the widths of a network's blocks."""
    return [layer.filters for layer in spec.layers]


@dataclass(frozen=True)
class ToySpace:
    """Four convolutions of 1 to `most` channels."""

    most: int = 20
    depth: int = 4

    def sample(self, rng: np.random.Generator) -> ArchSpec:
        """Draw every width alike."""
        return network(*(int(w) for w in rng.integers(1, self.most + 1, self.depth)))

    def mutate(self, spec: ArchSpec, rng: np.random.Generator) -> ArchSpec:
        """Change one width by one."""
        widths, place = widths_of(spec), int(rng.integers(self.depth))
        step = 1 if rng.random() < 0.5 else -1
        widths[place] = min(self.most, max(1, widths[place] + step))
        return network(*widths)

    def crossover(self, a: ArchSpec, b: ArchSpec, rng: np.random.Generator) -> ArchSpec:
        """Cut both at one point."""
        point = int(rng.integers(1, self.depth)) if self.depth > 1 else 0
        return network(*widths_of(a)[:point], *widths_of(b)[point:])


def toy_cost(spec: ArchSpec) -> SpecCost:
    """Return costs by formula: flash grows with products, arena with the widest pair."""
    widths = [1, *widths_of(spec)]
    products = [a * b for a, b in itertools.pairwise(widths)]
    pair = max(map(sum, itertools.pairwise(widths)))
    return SpecCost(
        parameters=sum(products), macs=100 * sum(products), arena_bytes=1000 * pair,
        model_bytes=500 + 20 * sum(products), latency_ms=0.05 * sum(products),
    )  # fmt: skip


def toy_accuracy(spec: ArchSpec) -> float:
    """Return an accuracy that rises with each width, the later blocks counting more."""
    terms = [(1 - 0.8**width) * (place + 1) for place, width in enumerate(widths_of(spec))]
    return sum(terms) / sum(range(1, len(spec.layers) + 1))


@dataclass(frozen=True)
class ToyEvaluator:
    """Returns `toy_accuracy`, after a pause; a lower fidelity is a lower figure."""

    pause: float = 0.0
    fidelity: float = 1.0

    def __call__(self, spec: ArchSpec, seed: int) -> Evaluation:  # noqa: ARG002
        """Return the accuracy by formula."""
        time.sleep(self.pause)
        accuracy = toy_accuracy(spec) * (0.5 + 0.5 * self.fidelity)
        return Evaluation(accuracy=accuracy, seconds=self.pause, fidelity=self.fidelity)

    def describe(self) -> dict[str, object]:
        """Return the fidelity; the pause changes nothing."""
        return {"evaluator": "toy", "fidelity": self.fidelity}


@dataclass(frozen=True)
class LoggingEvaluator(ToyEvaluator):
    """Also writes each call into a folder, one file each, which no crash takes back."""

    folder: str = ""

    def __call__(self, spec: ArchSpec, seed: int) -> Evaluation:
        """Note the beginning, and the end."""
        name = f"{canonical_hash(spec)}-{self.fidelity:g}-{os.getpid()}-{time.monotonic_ns()}"
        Path(self.folder, f"begun-{name}").touch()
        tqdm((), disable=True)  # as the real training does; it makes a lock
        found = ToyEvaluator.__call__(self, spec, seed)
        Path(self.folder, f"ended-{name}").touch()
        return found


@dataclass(frozen=True)
class FaultyEvaluator(ToyEvaluator):
    """Fails on networks whose first width is in a list: raises, answers NaN, or dies."""

    raises: tuple[int, ...] = ()
    answers_nan: tuple[int, ...] = ()
    dies: tuple[int, ...] = ()

    def __call__(self, spec: ArchSpec, seed: int) -> Evaluation:
        """Fail as told."""
        first = widths_of(spec)[0]
        if first in self.raises:
            raise MemoryError(f"no room for width {first}")
        if first in self.answers_nan:
            return Evaluation(accuracy=float("nan"), seconds=0.0, fidelity=1.0)
        if first in self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return ToyEvaluator.__call__(self, spec, seed)


def toy_problem(
    *,
    max_arena: int | None = 30_000,
    max_flash: int | None = 12_000,
    most: int = 20,
    depth: int = 4,
) -> Problem:
    """Return the toy problem under limits."""
    return Problem(
        space=ToySpace(most, depth), cost=toy_cost, identify=canonical_hash, target="toy",
        constraints=Constraints(max_arena=max_arena, max_flash=max_flash),
    )  # fmt: skip


def toy_trial(spec: ArchSpec, **changes: object) -> Trial:
    """Return the finished trial of a network."""
    values = {"accuracy": toy_accuracy(spec), **changes}
    return Trial(spec=spec, hash=canonical_hash(spec), cost=toy_cost(spec), **values)


def toy_plan(strategy, evaluator=None, *, problem: Problem | None = None, **options) -> Plan:
    """Return a plan with a strategy made by `strategy(problem)`."""
    problem = problem or toy_problem()
    return Plan(
        problem=problem, strategy=strategy(problem), evaluator=evaluator or ToyEvaluator(),
        reference=REFERENCE, **options,
    )  # fmt: skip
