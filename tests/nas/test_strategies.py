"""What every strategy promises: feasible, new, repeatable, and better than chance."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from tests.nas.toy import (
    REFERENCE,
    ToySpace,
    network,
    toy_accuracy,
    toy_cost,
    toy_plan,
    toy_problem,
    toy_trial,
    widths_of,
)
from tinyml_course.nas.aging import AgingEvolution
from tinyml_course.nas.budget import Budget
from tinyml_course.nas.costs import Constraints
from tinyml_course.nas.crew import Crew
from tinyml_course.nas.evolution import Evolution, WeightedFitness, by_accuracy, win_tournament
from tinyml_course.nas.front import measure_hypervolume
from tinyml_course.nas.nsga2 import NSGA2
from tinyml_course.nas.pool import SerialExecutor
from tinyml_course.nas.random_search import RandomSearch
from tinyml_course.nas.search import search
from tinyml_course.nas.space import canonical_hash
from tinyml_course.nas.strategy import NoFeasibleNetwork

EVERY = (RandomSearch, Evolution, AgingEvolution, NSGA2)
every_strategy = pytest.mark.parametrize("kind", EVERY)


def converse(strategy, batches: int, size: int = 8) -> list:
    """Ask and tell a few times; return all networks in order."""
    asked = []
    for _ in range(batches):
        specs = strategy.ask(size)
        strategy.tell([toy_trial(spec) for spec in specs])
        asked += specs
    return asked


def outcome(kind, seed: int, evaluations: int = 120):
    """Search the toy problem in this process."""
    plan = toy_plan(partial(kind, seed=seed))
    return search(plan, Budget(evaluations=evaluations), Crew(SerialExecutor(), jobs=1))


@every_strategy
def test_only_feasible_networks_are_proposed(kind):
    """Each proposal meets the constraints, children of parents at the limit included."""
    problem = toy_problem(max_arena=14_000, max_flash=4_000)
    costs = [toy_cost(spec) for spec in converse(kind(problem, seed=1), 12)]
    assert 96 == len(costs)
    assert [] == [cost for cost in costs if problem.constraints.violations(cost)]


@every_strategy
def test_no_network_is_proposed_twice(kind):
    """All proposals of a long search differ, in a space that is small enough to collide."""
    asked = converse(kind(toy_problem(most=5, depth=3), seed=2), 12)
    assert len(asked) == len({canonical_hash(spec) for spec in asked})


@every_strategy
def test_an_exhausted_space_gives_fewer_networks_then_none(kind):
    """From a space of 9 networks come 9, and no more, without an error."""
    strategy = kind(toy_problem(most=3, depth=2), seed=3)
    assert (9, 0) == (len(converse(strategy, 4)), len(strategy.ask(4)))


@every_strategy
def test_the_same_seed_and_answers_give_the_same_search(kind):
    """Asked and told alike, two strategies propose alike; another seed differs."""
    first, second, other = (converse(kind(toy_problem(), seed=s), 8) for s in (4, 4, 5))
    assert first == second
    assert first != other


@every_strategy
def test_answers_matter_to_all_but_random_search(kind):
    """Told other accuracies, a strategy that learns proposes other networks."""
    searches = []
    for accuracy in (lambda spec: toy_accuracy(spec), lambda spec: 1 - toy_accuracy(spec)):
        strategy = kind(toy_problem(), seed=6)
        for _ in range(6):
            specs = strategy.ask(8)
            strategy.tell([toy_trial(spec, accuracy=accuracy(spec)) for spec in specs])
        searches.append(strategy.ask(8))
    assert (kind is RandomSearch) == (searches[0] == searches[1])


@every_strategy
def test_failed_trials_have_no_children_and_stop_nothing(kind):
    """Where every second evaluation fails, proposals go on and no failure is a parent."""
    strategy = kind(toy_problem(), seed=7)
    for _ in range(8):
        specs = strategy.ask(8)
        trials = [toy_trial(spec) for spec in specs]
        trials[::2] = [toy_trial(spec, accuracy=None, fault="broke") for spec in specs[::2]]
        strategy.tell(trials)
    parents = getattr(strategy, "parents", ())
    assert 8 == len(strategy.ask(8))
    assert all(trial.accuracy is not None for trial in parents)


@every_strategy
def test_an_impossible_limit_is_named(kind):
    """Where nothing is feasible, the error names the tightest limit, the least need, the option."""
    strategy = kind(toy_problem(max_arena=1_500, most=3))
    with pytest.raises(NoFeasibleNetwork, match=r"max_arena = 1,500.*2,000 B.*--max-arena"):
        strategy.ask(4)


@pytest.mark.parametrize("kind", [Evolution, AgingEvolution])
def test_evolution_finds_better_networks_than_random_search(kind):
    """Over five seeds the best accuracy is higher than random search's on average."""
    best = {k: [outcome(k, s).front[0].accuracy for s in range(5)] for k in (kind, RandomSearch)}
    assert np.mean(best[kind]) > np.mean(best[RandomSearch])


def test_nsga2_finds_a_better_front_than_evolution_of_one_figure():
    """Over five seeds the hypervolume is larger than that of evolution towards accuracy alone."""
    volumes = {
        kind: [measure_hypervolume(outcome(kind, s).trials, REFERENCE) for s in range(5)]
        for kind in (NSGA2, Evolution)
    }
    assert min(volumes[NSGA2]) > max(volumes[Evolution])


def test_the_elite_survives_any_number_of_worse_generations():
    """The best network stays a parent of evolution's, whatever comes after it."""
    strategy = Evolution(toy_problem(), population=6, elite=1, seed=0)
    best = toy_trial(network(9, 9, 9, 9), accuracy=0.99)
    strategy.tell([best])
    converse(strategy, 5)
    assert best in strategy.parents
    assert 6 == len(strategy.parents)


def test_the_oldest_dies_in_aging_evolution_however_good():
    """A perfect network leaves the queue after as many births as there are places."""
    strategy = AgingEvolution(toy_problem(), population=6, tournament=3, seed=0)
    best = toy_trial(network(9, 9, 9, 9), accuracy=1.0)
    strategy.tell([best, *(toy_trial(network(1, 1, 1, w)) for w in range(1, 6))])
    assert best in strategy.parents
    strategy.tell([toy_trial(network(2, 1, 1, w)) for w in range(1, 7)])
    assert best not in strategy.parents


def test_aging_evolution_only_mutates():
    """Each child differs from one parent in exactly one block, which kills a crossover."""
    strategy = AgingEvolution(toy_problem(), population=8, tournament=3, seed=1)
    converse(strategy, 1)
    parents = [np.array(widths_of(t.spec)) for t in strategy.parents]
    for child in strategy.ask(8):
        assert 1 == min(int((widths_of(child) != parent).sum()) for parent in parents)


def test_a_tournament_of_all_is_won_by_the_fittest_and_of_one_by_anyone():
    """The size sets the selection pressure."""
    entrants = [toy_trial(network(w, w)) for w in range(1, 9)]
    rng = np.random.default_rng(0)
    assert entrants[-1] is win_tournament(entrants, by_accuracy, rng, size=8)
    winners = {win_tournament(entrants, by_accuracy, rng, size=1).hash for _ in range(200)}
    assert 8 == len(winners)


def test_the_weakest_two_never_win_a_tournament_of_three():
    """Three different entrants are drawn, as theory says: ranks 1 and 2 from below can't win."""
    entrants = [toy_trial(network(w, w)) for w in range(1, 9)]
    rng = np.random.default_rng(1)
    winners = {win_tournament(entrants, by_accuracy, rng).hash for _ in range(500)}
    assert {t.hash for t in entrants[2:]} == winners


def test_weighted_fitness_is_the_tutorials_sum():
    """0.7 of the accuracy and 0.3 of the mean share of the budget that is left."""
    trial = toy_trial(network(3, 3), accuracy=0.9)  # arena 6,000 B, flash 740 B
    fitness = WeightedFitness(Constraints(max_arena=12_000, max_flash=1_480))
    assert 0.7 * 0.9 + 0.3 * 0.5 == pytest.approx(fitness(trial))


def test_children_come_from_the_space_where_mutation_finds_nothing_new():
    """A space whose mutation returns its argument still gives new networks."""

    class Still(ToySpace):
        def mutate(self, spec, rng):  # noqa: ARG002
            return spec

    problem = toy_problem()
    still = AgingEvolution(
        type(problem)(
            space=Still(), constraints=problem.constraints, cost=problem.cost,
            identify=problem.identify,
        ),
        population=4, tournament=2,
    )  # fmt: skip
    assert 24 == len({canonical_hash(spec) for spec in converse(still, 3)})


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (lambda p: Evolution(p, population=2, elite=2), "elite < population"),
        (lambda p: AgingEvolution(p, population=2, tournament=3), "tournament <= population"),
        (lambda p: NSGA2(p, population=1), "at least 2"),
        (lambda p: WeightedFitness(p.constraints, 1.5), r"in \[0, 1\]"),
        (lambda _: WeightedFitness(Constraints()), "limits on arena and flash"),
    ],
)
def test_impossible_settings_are_refused(call, fault):
    """Settings that can't work raise at once, with the values."""
    with pytest.raises(ValueError, match=fault):
        call(toy_problem())
