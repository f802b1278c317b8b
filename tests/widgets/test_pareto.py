"""The search notebook's experiments: every state describes itself, and the choices are right."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure

from tinyml_course.nas.pareto import normalise
from tinyml_course.widgets.pareto import (
    WEIGHTS,
    choose,
    count_architectures,
    equal_score,
    reachable_mask,
    scalarisation_experiment,
    space_experiment,
)

KILOBYTES = np.array([0.2, 0.5, 1.0, 3.0, 9.0, 4.0])
ERRORS = np.array([60.0, 40.0, 38.0, 12.0, 3.0, 50.0])
NAMES = tuple("abcdef")
EXPERIMENTS = (scalarisation_experiment(NAMES, KILOBYTES, ERRORS), space_experiment(2.0))


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda e: e.name)
def test_every_state_describes_itself_and_a_sample_draws(experiment):
    """No combination of the controls fails; every ninth one is drawn."""
    for number, state in enumerate(experiment.states()):
        assert experiment.describe(**state)
        if number % 9 == 0:
            assert isinstance(experiment.draw(**state), Figure)


def test_more_weight_on_size_never_chooses_a_larger_network():
    """Along the weights the choice's size falls or stays, which kills swapped weights."""
    scaled = normalise(np.column_stack([KILOBYTES, ERRORS]))
    sizes = [KILOBYTES[choose(scaled, weight, "weighted sum")] for weight in WEIGHTS]
    assert sorted(sizes, reverse=True) == sizes
    assert (9.0, 0.2) == (sizes[0], sizes[-1])


@pytest.mark.parametrize("method", ["weighted sum", "weighted max"])
def test_reachable_candidates_are_those_that_swept_weights_choose(method):
    """The theory's answer equals a sweep of 9,999 weights, for sums and for maxima."""
    scaled = normalise(np.column_stack([KILOBYTES, ERRORS]))
    swept = {choose(scaled, weight, method) for weight in np.linspace(1e-4, 1 - 1e-4, 9999)}
    assert sorted(swept) == np.flatnonzero(reachable_mask(scaled, method)).tolist()


@pytest.mark.parametrize("method", ["weighted sum", "weighted max"])
def test_equal_score_passes_through_the_choice(method):
    """Some point of the contour has no larger coordinates than the choice's own."""
    scaled = normalise(np.column_stack([KILOBYTES, ERRORS]))
    best = choose(scaled, 0.3, method)
    x, y = equal_score(scaled, best, 0.3, method).T
    if method == "weighted max":
        assert max(scaled[best] * [0.3, 0.7]) == pytest.approx(0.3 * x[1])
    else:
        assert scaled[best, 1] == pytest.approx(np.interp(scaled[best, 0], x, y))


def test_architectures_counted_by_enumeration():
    """Free choices in each layer multiply: the count equals listing them all."""
    choices = list(itertools.product(range(3), range(2), range(2)))
    assert len(list(itertools.product(choices, repeat=3))) == count_architectures(3, 3, 2, 2)
