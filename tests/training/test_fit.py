"""The training loop."""

import math

import numpy as np
import pytest

from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.core.types import GestureSet
from tinyml_course.training.build import dense_net
from tinyml_course.training.fit import evaluate, fit, predict, warmup_cosine

pytestmark = pytest.mark.slow


def bars(count: int = 24, *, strokes: tuple = ()) -> GestureSet:
    """Return images with a vertical or a horizontal bar: two classes told apart easily."""
    images = np.zeros((count, 32, 32, 1), np.float32)
    labels = np.arange(count) % 2
    images[labels == 0, :, 14:18] = 1.0
    images[labels == 1, 14:18, :] = 1.0
    return GestureSet(
        images=images, labels=labels, class_names=("upright", "level"),
        persons=("nobody",) * count, strokes=strokes,
    )  # fmt: skip


def train(seed: int = 3, **options):
    """Return a small network trained on bars, and its history."""
    seed_everything(seed)
    model = dense_net(2, hidden=(8,))
    return model, fit(model, bars(), epochs=4, seed=seed, progress=False, **options)


def test_training_learns_to_tell_bars_apart():
    """The loss falls and every bar is classified right."""
    model, history = train()
    assert history.loss[-1] < history.loss[0]
    assert evaluate(model, bars()) == 1.0


def test_the_same_seed_trains_the_same_weights():
    """Order, augmentation and initial weights all follow the seed."""
    first, second, other = (train(seed)[0].get_weights() for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_history_has_an_entry_for_each_epoch():
    """Four epochs leave four entries; validation appears only where it was given."""
    assert [len(part) for part in vars_of(train()[1])] == [4, 4, 0]
    assert [len(part) for part in vars_of(train(validation=bars(6))[1])] == [4, 4, 4]


def test_callbacks_see_the_running_epoch():
    """Keras callbacks get the numbers of the epochs in order, with their losses."""
    keras = load_keras()
    seen = []
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append((epoch, logs["loss"]))
    )
    history = train(callbacks=[note])[1]
    assert list(enumerate(history.loss)) == seen


def vars_of(history):
    """Return the history's three columns."""
    return history.loss, history.accuracy, history.validation_accuracy


def test_prediction_does_not_depend_on_the_batch_size():
    """The last, smaller batch is not lost."""
    model, _ = train()
    images = bars(7).images
    np.testing.assert_allclose(
        predict(model, images, batch_size=3), predict(model, images), rtol=1e-5, atol=1e-7
    )


def test_schedule_rises_for_one_epoch_and_ends_at_zero():
    """The rate peaks after the warm-up, is half-way down in the middle, and zero at the end."""
    schedule = warmup_cosine(0.4, 10, 5)
    rates = [float(schedule(step)) for step in (0, 10, 30, 50)]
    np.testing.assert_allclose(rates, [0.04, 0.4, 0.2, 0.0], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "fault"), [({"epochs": 0}, "at least 1, got 0"), ({"epochs": 1}, "class_count=2")]
)
def test_impossible_trainings_are_refused(options, fault):
    """No epochs, or a model with other classes, raise ValueError with the remedy."""
    with pytest.raises(ValueError, match=fault):
        fit(dense_net(3), bars(), **options)


def test_unshuffled_order_would_be_noticed():
    """Each epoch visits the samples in another order, so histories with two seeds differ."""
    assert train(3)[1].loss != train(4)[1].loss
    assert not any(math.isnan(loss) for loss in train(3)[1].loss)
