"""Scores by a supernet as an evaluator."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tests.nas.test_differentiable import SPACE, TRAIN, VALIDATION
from tinyml_course.core.arch import LayerSpec
from tinyml_course.nas.inherit import inherit
from tinyml_course.nas.recalibrate import (
    Scorer,
    SupernetEvaluator,
    calibration_images,
    fingerprint,
)
from tinyml_course.nas.supernet import Supernet
from tinyml_course.nas.weight_sharing import initial_weights

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
    changed["output/bias"][0, 1] += 1
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
def test_estimate_is_the_extracted_networks():
    """Accuracy and loss are those of the Keras model that inherits the same weights."""
    ours = evaluator()
    found = Scorer(Supernet(SPACE, ours.weights), TRAIN, VALIDATION, calibration=32)(SPEC)
    model = inherit(Supernet(SPACE, ours.weights), SPEC, calibration_images(TRAIN, 32))
    outputs = model(VALIDATION.images, training=False).numpy()
    right = outputs[np.arange(len(outputs)), VALIDATION.labels]
    assert found.accuracy == np.mean(outputs.argmax(1) == VALIDATION.labels)
    assert found.loss == pytest.approx(-np.log(right).mean(), rel=1e-4)


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
