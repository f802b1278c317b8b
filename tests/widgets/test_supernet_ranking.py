"""Estimates against own trainings: order, agreement, and what the favourites cost."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from tinyml_course.nas.estimates import OwnTraining
from tinyml_course.nas.ranking import kendall_tau
from tinyml_course.widgets.supernet_ranking import compare, places, ranking_experiment


def training(number, seed, estimate, accuracy):
    return OwnTraining(
        network=f"c{number + 1}k3", seed=seed, estimate_accuracy=estimate, macs=1000 * number,
        estimate_loss=2 - estimate, accuracy=accuracy, loss=1 - accuracy, cpu_seconds=1.0,
    )  # fmt: skip


ESTIMATES = (0.2, 0.3, 0.25, 0.5, 0.4, 0.6, 0.55, 0.7, 0.65)
OWN = (0.5, 0.7, 0.6, 0.75, 0.8, 0.85, 0.95, 0.9, 0.88)
ROWS = [
    training(number, seed, *pair)
    for seed in (0, 1)
    for number, pair in enumerate(
        (e, own + 0.01 * seed * (-1) ** number)
        for number, (e, own) in enumerate(zip(ESTIMATES, OWN, strict=True))
    )
]


@pytest.fixture(scope="module")
def experiment():
    return ranking_experiment(ROWS)


def test_places_are_a_permutation_with_the_largest_first():
    """Every place is taken once, ties in their order."""
    assert [3, 1, 4, 2] == places(np.array([2.0, 5.0, 1.0, 5.0])).tolist()


def test_the_mean_of_the_seeds_is_compared_and_a_lone_seed_only_where_asked():
    """Own results are averaged over seeds, network by network, in percent."""
    mean = compare(ROWS, "accuracy", "mean of the seeds", "all")
    first = compare(ROWS, "accuracy", "seed 0", "all")
    assert [100 * own for own in OWN] == pytest.approx(first.own.tolist())
    assert 0.5 == pytest.approx(mean.own[0] - first.own[0])
    assert kendall_tau(ESTIMATES, OWN) == pytest.approx(first.agreement.tau)


def test_regret_is_what_the_best_favourite_lacks():
    """The best by estimate has 90 %, the best of all 95 %; among three favourites it is 88 to 90,
    among four the best is there.
    """
    found = compare(ROWS, "accuracy", "seed 0", "all")
    assert 5.0 == pytest.approx(found.regret(1))
    assert 5.0 == pytest.approx(found.regret(3))
    assert 0.0 == pytest.approx(found.regret(4))


def test_thirds_are_cut_by_macs():
    """The dearest third holds the last three networks."""
    found = compare(ROWS, "accuracy", "seed 0", "dearest third")
    assert [95.0, 90.0, 88.0] == pytest.approx(found.own.tolist())


def test_by_cross_entropy_a_smaller_loss_is_better():
    """Scores are minus the nats, so that the best place has the least loss."""
    found = compare(ROWS, "cross-entropy", "seed 0", "all")
    assert -0.05 == pytest.approx(found.own.max())


def test_networks_that_a_seed_lacks_are_left_out():
    """A study under way compares what all seeds have trained."""
    assert 8 == len(compare(ROWS[:-1], "accuracy", "mean of the seeds", "all").own)


def test_every_state_draws_and_says_tau_and_regret(experiment):
    """Across the grid figures appear, and the words hold the state's own figures."""
    states = list(experiment.states())
    assert 2 * 3 * 4 * 6 == len(states)
    for state in states[::37]:
        assert isinstance(experiment.draw(**state), Figure)
    said = experiment.describe(**experiment.defaults | {"training": "seed 0"})
    assert "Kendall's tau 0.78" in said
    assert "lies 5 points behind the best of all, which has place 4 by estimate" in said
