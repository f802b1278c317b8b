"""Pruning in steps."""

from __future__ import annotations

import numpy as np
import pytest

from tests.compression.graphs import randomise
from tinyml_course.compression.byte_limits import ByteLimits
from tinyml_course.compression.channel_choice import group_widths
from tinyml_course.compression.iterative import prune_iteratively
from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.environment import load_keras
from tinyml_course.data.synthetic import draw_gestures
from tinyml_course.training.build import build

pytestmark = pytest.mark.slow

SPEC = ArchSpec(
    classes=3,
    layers=(
        LayerSpec(op="conv", filters=8, stride=4, activation="relu"),
        LayerSpec(op="conv", filters=12, stride=2, activation="relu"),
    ),
)


@pytest.fixture(scope="module")
def gestures():
    """A few synthetic gestures of three classes."""
    return draw_gestures(samples_per_class=8, people=2, seed=0)


@pytest.fixture(scope="module")
def model():
    """A network with random weights."""
    return randomise(build(SPEC), np.random.default_rng(0))


def test_the_share_is_reached_in_equal_factors(model, gestures):
    """Three quarters of 20 channels in two steps: 10 are left, then 5; each step is trained on."""
    seeds = []

    run = prune_iteratively(
        model, gestures, target=0.75, steps=2, criterion="bn-scale", seed=5, progress=False,
        tune=lambda _, seed: seeds.append(seed), validation=gestures,
    )  # fmt: skip

    assert [10, 5] == [sum(step.widths.values()) for step in run.steps]
    assert [5, 6] == seeds
    assert run.spec is None
    assert run.steps[1].accuracy == run.steps[1].accuracy_cut  # nothing was trained
    assert 1 == run.steps[0].accuracy / run.steps[0].accuracy_cut
    assert 20 == sum(len(mask) for mask in run.steps[0].kept.values())
    widths = [w.shape[-1] for w in run.model.get_weights() if w.ndim == 4]
    assert list(run.steps[1].widths.values()) == widths


@pytest.mark.parametrize("criterion", ["taylor", "l1"])
def test_limits_in_bytes_are_met(model, gestures, criterion):
    """The last specification keeps within the limits and belongs to the model; so does training."""
    limits = ByteLimits(max_flash=2600, max_arena=3000)

    run = prune_iteratively(
        model, gestures, target=limits, spec=SPEC, steps=2, criterion=criterion, epochs=1,
        progress=False,
    )  # fmt: skip

    assert max(limits.loads(run.spec)) <= 1 < max(limits.loads(SPEC))
    loads = [max(limits.loads(step.spec)) for step in run.steps]
    assert loads[0] > loads[1]
    again = build(run.spec)
    again.set_weights(run.model.get_weights())
    assert np.allclose(again(gestures.images), run.model(gestures.images))
    assert run.steps[1].widths == group_widths(run.spec)
    assert {"c0": 8, "c1": 12} == group_widths(SPEC)
    assert 8 == model.get_layer("c0").filters


def test_the_default_training_moves_the_pruned_network(gestures):
    """Without a callable of one's own, `fit` trains after each removal, the same for a seed."""
    runs = [
        prune_iteratively(
            randomise(build(SPEC), np.random.default_rng(1)), gestures, target=0.5, steps=1,
            criterion="l1", epochs=1, seed=3, progress=False, tune=tune,
        ).model.get_weights()
        for tune in (None, None, lambda *_: None)
    ]  # fmt: skip

    trained, again, untrained = runs
    assert all(np.array_equal(a, b) for a, b in zip(trained, again, strict=True))
    assert not np.allclose(trained[0], untrained[0])


def test_unusable_targets_are_refused(model, gestures):
    """Limits without a specification, a share of one, and no steps."""
    for target, steps, message in (
        (ByteLimits(max_flash=3000), 1, "need the model's spec"),
        (1.0, 1, r"target must be in \[0, 1\)"),
        (0.5, 0, "steps must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            prune_iteratively(model, gestures, target=target, steps=steps, progress=False)


def test_groups_that_a_criterion_cannot_score_stay_whole(gestures):
    """Without a normalisation the scale says nothing: the hidden layer keeps its units."""
    layers = load_keras().layers
    model = load_keras().Sequential(
        [layers.Input((32, 32, 1)), layers.Conv2D(4, 3, strides=4, name="c"),
         layers.BatchNormalization(), layers.ReLU(), layers.GlobalAveragePooling2D(),
         layers.Dense(6, activation="relu", name="h"), layers.Dense(3, activation="softmax")]
    )  # fmt: skip

    run = prune_iteratively(
        model, gestures, target=0.5, steps=1, criterion="bn-scale", progress=False,
        tune=lambda *_: None,
    )  # fmt: skip

    assert ["c"] == list(run.steps[0].kept)
    assert 6 == run.model.get_layer("h").units
