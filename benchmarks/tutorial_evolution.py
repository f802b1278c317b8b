"""The tutorial's evolutionary search, repaired only enough to run under hard limits.

Kept as it is there: twenty random networks; each candidate trained ten epochs in turn, on the
samples as they are, stopped early after three epochs without progress; the best epoch's
validation accuracy counts; fitness 0.7 accuracy + 0.3 efficiency; tournaments of three; an elite
of two; one-point crossover; one network in ten mutated, in the filters of one block; every
member of a generation trained anew, the elite too.

Repaired: networks come from the course's space, as in every method of the comparison; limits and
efficiency come from exact costs; a limit counts what costs, not layers; no parent is edited; a
generation that finds no feasible child takes a random network; time may end in its middle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.nas.catalog import Samples
from tinyml_course.nas.evolution import WeightedFitness, win_tournament
from tinyml_course.nas.sandwich import draw_feasible
from tinyml_course.nas.strategy import Problem
from tinyml_course.nas.trial import Trial
from tinyml_course.training.build import build

POPULATION, ELITE, PARENTS = 20, 2, 10
MUTATION_RATE = 0.1
EPOCHS, PATIENCE, BATCH_SIZE = 10, 3, 32
BREED_TRIES = 50


@dataclass(frozen=True, slots=True)
class TutorialEvolution:
    """The search as one object.

    Attributes
    ----------
    problem : Problem
        Space and limits; arena and flash must be limited, the efficiency is measured by them.
    samples : Samples
        Training and validation samples.
    seed : int
        Of draws and initial weights.
    """

    problem: Problem
    samples: Samples
    seed: int

    def run(self, goes_on: Callable[[], bool]) -> list[Trial]:
        """Return every evaluation until `goes_on` says no, those of the same network too."""
        rng = np.random.default_rng(self.seed)
        fitness = WeightedFitness(self.problem.constraints)
        population = [draw_feasible(self.problem, rng) for _ in range(POPULATION)]
        found: list[Trial] = []
        while True:
            generation: list[Trial] = []
            for spec in population:
                if not goes_on():
                    return found
                generation.append(self.evaluate(spec))
                found.append(generation[-1])
            parents = [win_tournament(generation, fitness, rng).spec for _ in range(PARENTS)]
            best = sorted(generation, key=fitness)[-ELITE:]
            children = [self.breed(parents, rng) for _ in range(POPULATION - ELITE)]
            population = [trial.spec for trial in best] + children

    def evaluate(self, spec: ArchSpec) -> Trial:
        """Return `spec` with the accuracy of its best epoch."""
        keras = load_keras()
        keras.backend.clear_session()
        seed_everything(self.seed)
        model = build(spec)
        model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
        train, held = self.samples.train, self.samples.validation
        hot = np.eye(len(train.class_names), dtype=np.float32)
        log = model.fit(
            train.images, hot[train.labels], validation_data=(held.images, hot[held.labels]),
            batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0,
            callbacks=[keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)],
        ).history  # fmt: skip
        return Trial(
            spec=spec, hash=self.problem.identify(spec), cost=self.problem.cost(spec),
            accuracy=float(max(log["val_accuracy"])), seed=self.seed,
        )  # fmt: skip

    def breed(self, parents: list[ArchSpec], rng: np.random.Generator) -> ArchSpec:
        """Return a feasible child of two of `parents`."""
        for _ in range(BREED_TRIES):
            mother, father = (parents[int(rng.integers(len(parents)))] for _ in range(2))
            child = self.mutate(self.cross(mother, father, rng), rng)
            if not self.problem.constraints.violations(self.problem.cost(child)):
                return child
        return draw_feasible(self.problem, rng)

    def cross(self, mother: ArchSpec, father: ArchSpec, rng: np.random.Generator) -> ArchSpec:
        """Return the first blocks of `mother` and the rest of `father`, cut at the same place."""
        shorter = min(len(mother.layers), len(father.layers))
        cut = int(rng.integers(1, shorter)) if shorter > 1 else 1
        layers = (*mother.layers[:cut], *father.layers[cut:])
        return self.problem.space.settle(layers, father.hidden)

    def mutate(self, spec: ArchSpec, rng: np.random.Generator) -> ArchSpec:
        """Return `spec`, one time in ten with other filters in one of its convolutions."""
        places = [place for place, layer in enumerate(spec.layers) if layer.filters]
        if rng.random() > MUTATION_RATE or not places:
            return spec
        place, space = places[int(rng.integers(len(places)))], self.problem.space
        others = [width for width in space.widths if width != spec.layers[place].filters]
        changed = replace(spec.layers[place], filters=others[int(rng.integers(len(others)))])
        layers = (*spec.layers[:place], changed, *spec.layers[place + 1 :])
        return space.settle(layers, spec.hidden)
