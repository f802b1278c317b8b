"""Scores by a supernet as an evaluator."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from tests.nas.test_differentiable import SPACE, draw_pairs
from tinyml_course.core.arch import LayerSpec
from tinyml_course.core.types import GestureSet
from tinyml_course.nas.inherit import inherit
from tinyml_course.nas.recalibrate import (
    Scorer,
    SupernetEvaluator,
    calibration_images,
    calibration_samples,
    fingerprint,
)
from tinyml_course.nas.supernet import Supernet
from tinyml_course.nas.weight_sharing import initial_weights


def blur(seed: int) -> GestureSet:
    """Return pairs of dots under so much noise that no network is always right."""
    pairs, rng = draw_pairs(128, seed), np.random.default_rng([seed, 1])
    noise = rng.normal(0, 0.5, pairs.images.shape).astype(np.float32)
    return replace(pairs, images=pairs.images + noise)


TRAIN, VALIDATION = blur(0), blur(1)
SPEC = SPACE.network((LayerSpec(op="conv", filters=4, kernel=5),))


def evaluator(seed: int = 0, **changes: object) -> SupernetEvaluator:
    """Return an evaluator with untrained weights."""
    values = {"train": TRAIN, "validation": VALIDATION, "calibration": 32, **changes}
    return SupernetEvaluator(space=SPACE, weights=initial_weights(SPACE, seed), **values)


def test_description_tells_weights_and_samples_apart():
    """Evaluators that may disagree describe themselves differently; equal ones alike."""
    base = evaluator().describe()
    assert evaluator().describe() == base
    others = [
        evaluator(1), evaluator(calibration=64), evaluator(validation=TRAIN),
        evaluator(train=VALIDATION),
    ]  # fmt: skip
    assert all(other.describe() != base for other in others)
    assert evaluator().fidelity == 0.0


def test_fingerprint_sees_every_weight():
    """One changed number in one array changes the fingerprint; the order of names does not."""
    weights = initial_weights(SPACE, 0)
    changed = {name: value.copy() for name, value in weights.items()}
    changed["output/bias"][1] += 1
    assert fingerprint(changed) != fingerprint(weights)
    assert fingerprint(dict(reversed(list(weights.items())))) == fingerprint(weights)


def test_calibration_images_are_training_images():
    """As many of each class, all from the training set, the same ones every time."""
    images = calibration_images(TRAIN, 40)
    known = {
        image.tobytes(): label for image, label in zip(TRAIN.images, TRAIN.labels, strict=True)
    }
    labels = [known[image.tobytes()] for image in images]
    assert np.bincount(labels).tolist() == [20, 20]
    assert np.array_equal(images, calibration_images(TRAIN, 40))
    assert len(calibration_images(TRAIN, 10_000)) <= len(TRAIN)


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [0, 6])
def test_estimate_is_the_extracted_networks(hidden):
    """Accuracy and loss are those of the Keras model that inherits weights and last layer."""
    space = replace(SPACE, hidden=(hidden,))
    spec, supernet = replace(SPEC, hidden=hidden), Supernet(space, initial_weights(space, 0))
    found = Scorer(supernet, TRAIN, VALIDATION, calibration=32)(spec)
    chosen = calibration_samples(TRAIN, 32)
    model = inherit(supernet, spec, chosen.images, labels=chosen.labels)
    outputs = model(VALIDATION.images, training=False).numpy()
    right = outputs[np.arange(len(outputs)), VALIDATION.labels]
    assert found.accuracy == np.mean(outputs.argmax(1) == VALIDATION.labels)
    assert found.loss == pytest.approx(-np.log(right).mean(), rel=1e-3)


@pytest.mark.slow
def test_hidden_layers_are_left_out_of_the_estimate():
    """Where the space allows it, a network with a hidden layer is judged by its blocks alone."""
    space = replace(SPACE, hidden=(0, 6))
    supernet = Supernet(space, initial_weights(space, 0))
    scorer = Scorer(supernet, TRAIN, VALIDATION, calibration=32)
    assert scorer(replace(SPEC, hidden=6)) == scorer(SPEC)


@pytest.mark.slow
def test_evaluator_travels_and_agrees():
    """A pickled copy gives the same accuracy, whatever the seed; other weights another one."""
    here, away = evaluator(), pickle.loads(pickle.dumps(evaluator()))
    first = here(SPEC, 0)
    assert away(SPEC, 5).accuracy == first.accuracy
    scores = [evaluator(seed)(SPEC, 0).accuracy for seed in range(3)]
    assert scores[0] == first.accuracy
    assert len(set(scores)) > 1
    assert first.fidelity == 0.0
