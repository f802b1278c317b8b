"""What a training run minimises."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.training.test_fit import bars
from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.training.build import dense_net
from tinyml_course.training.fit import evaluate, fit
from tinyml_course.training.objective import LabelObjective


def test_label_targets_are_one_hot_rows():
    """Each label becomes a row with a single one."""
    rows = LabelObjective(class_count=3).targets(np.zeros((2, 1), np.float32), np.array([2, 0]))

    assert [[0, 0, 1], [1, 0, 0]] == rows.tolist()
    assert np.float32 == rows.dtype


@pytest.mark.slow
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_without_an_objective_labels_are_learnt(smoothing):
    """The default is the labels' cross-entropy with its smoothing, to the last bit."""
    trained = []
    for options in (
        {"label_smoothing": smoothing},
        {"objective": LabelObjective(class_count=2, label_smoothing=smoothing)},
    ):
        seed_everything(1)
        model = dense_net(2, hidden=(4,))
        trained.append((fit(model, bars(), epochs=2, progress=False, **options), model))

    (history, model), (other, twin) = trained
    assert history == other
    assert all(map(np.array_equal, model.get_weights(), twin.get_weights()))


@dataclass
class Swapped:
    """Learns the labels the wrong way round, through a model around the given one."""

    seen: list[Any]

    def attach(self, model: Any) -> Any:
        """Return the model with its outputs swapped."""
        keras = load_keras()
        swapped = keras.layers.Lambda(lambda p: p[:, ::-1])(model.outputs[0])
        return keras.Model(model.inputs, swapped)

    def targets(self, images: Any, labels: Any) -> Any:
        """Return one-hot labels, and note the images."""
        self.seen.append((images, labels))
        return np.eye(2, dtype=np.float32)[labels]

    def loss(self) -> Any:
        """Return the cross-entropy."""
        return load_keras().losses.CategoricalCrossentropy()

    def accuracy(self) -> Any:
        """Return the share classified right."""
        return load_keras().metrics.CategoricalAccuracy(name="accuracy")


@pytest.mark.slow
def test_an_objective_is_trained_through_the_model_that_it_attaches():
    """Targets are asked for once an epoch, with its images; validation sees the model itself."""
    seed_everything(0)
    model, aim = dense_net(2, hidden=(8,)), Swapped([])

    history = fit(
        model, bars(), epochs=4, copies=2, objective=aim, validation=bars(8), progress=False
    )

    assert [len(images) for images, _ in aim.seen] == [48] * 4
    assert not np.array_equal(aim.seen[0][0], aim.seen[1][0])
    np.testing.assert_array_equal(np.tile(bars().labels, 2), aim.seen[0][1])
    assert history.accuracy[-1] > 0.9
    assert evaluate(model, bars()) < 0.1
    assert history.validation_accuracy[-1] == evaluate(model, bars(8))
