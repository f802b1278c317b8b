"""One training loop for the whole course: stroke augmentation, cosine schedule, progress bar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from tinyml_course.core.environment import load_keras
from tinyml_course.core.types import GestureSet
from tinyml_course.training.batches import EpochImages
from tinyml_course.training.objective import LabelObjective, Objective


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a training run went through, one entry an epoch.

    Attributes
    ----------
    loss : tuple of float
        Mean loss on the (augmented) training samples; the cross-entropy in nats, unless another
        objective was given.
    accuracy : tuple of float
        Share of training samples classified right, as they were augmented.
    validation_accuracy : tuple of float
        Share of validation samples classified right; empty where none were given.
    """

    loss: tuple[float, ...]
    accuracy: tuple[float, ...]
    validation_accuracy: tuple[float, ...]


def fit(
    model: Any,
    train: GestureSet,
    *,
    epochs: int,
    seed: int = 0,
    validation: GestureSet | None = None,
    augment: bool = True,
    learning_rate: float = 2e-3,
    batch_size: int = 32,
    copies: int = 1,
    label_smoothing: float = 0.0,
    objective: Objective | None = None,
    callbacks: Sequence[Any] = (),
    progress: bool = True,
    description: str = "training",
) -> History:
    """Train `model` in place with Adam under a cosine schedule and return its history.

    Parameters
    ----------
    model : tf_keras model
        Input (N, 32, 32, 1), output (N, K) probabilities. Changed in place.
    train : GestureSet
        Training samples.
    epochs : int
        Passes over the training samples, at least 1.
    seed : int, default 0
        Draws the order of the samples and the augmentation.
    validation : GestureSet, optional
        Measured after each epoch; never trained on.
    augment : bool, default True
        Draw each stroke anew in every epoch, bent, turned and trimmed; images without
        strokes are shifted.
    learning_rate : float, default 2e-3
        Peak of the schedule: one epoch of warm-up, then a cosine down to zero.
    batch_size : int, default 32
        Samples a step.
    copies : int, default 1
        Augmented copies of each sample in one epoch.
    label_smoothing : float, default 0.0
        Share of each target spread over all classes; unused where an objective is given.
    objective : Objective, optional
        What is minimised instead of the labels' cross-entropy. It is asked for its targets once
        an epoch, after the images are drawn.
    callbacks : sequence of tf_keras callbacks
        Called with the running number of each epoch. Every epoch is a `model.fit` of its own,
        so `on_train_begin` comes before each; a whole epoch counts as one batch.
    progress : bool, default True
        Show a progress bar.
    description : str
        The bar's label.

    Raises
    ------
    ValueError
        If `epochs` is below 1 or the model's outputs do not match the classes.
    """
    _check(model, train, epochs)
    aim = objective or LabelObjective(
        class_count=len(train.class_names), label_smoothing=label_smoothing
    )
    steps = math.ceil(len(train) * copies / batch_size)
    trained = aim.attach(model)
    trained.compile(
        optimizer=load_keras().optimizers.Adam(warmup_cosine(learning_rate, steps, epochs)),
        loss=aim.loss(),
        metrics=[aim.accuracy()],
        steps_per_execution=steps,  # one call into TensorFlow an epoch: twice as fast
    )
    images = EpochImages(train, seed=seed, strength=1.0 if augment else 0.0)
    rng = np.random.default_rng([seed, 1])
    rows: list[tuple[float, float, float]] = []
    with tqdm(total=epochs, desc=description, unit="epoch", disable=not progress) as bar:
        for epoch in range(epochs):
            x = np.concatenate([images.draw() for _ in range(copies)])
            y = np.tile(train.labels, copies)
            order = rng.permutation(len(x))
            shuffled = x[order], aim.targets(x, y)[order]
            rows.append(
                _run_epoch(trained, shuffled, batch_size, epoch=epoch, callbacks=callbacks)
                + ((evaluate(model, validation),) if validation is not None else (math.nan,))
            )
            bar.set_postfix(loss=f"{rows[-1][0]:.3f}", accuracy=f"{rows[-1][1]:.1%}")
            bar.update()
    loss, accuracy, checked = zip(*rows, strict=True)
    return History(
        loss=loss, accuracy=accuracy, validation_accuracy=checked if validation is not None else ()
    )


def evaluate(model: Any, gestures: GestureSet) -> float:
    """Return the share of `gestures` that a `tf_keras` model classifies right, in [0, 1]."""
    return float(np.mean(predict(model, gestures.images).argmax(axis=1) == gestures.labels))


def predict(model: Any, images: NDArray[np.float32], *, batch_size: int = 256) -> NDArray[Any]:
    """Return the model's outputs (N, K) float32 for `images` (N, H, W, C)."""
    parts = [
        np.asarray(model(images[start : start + batch_size], training=False))
        for start in range(0, len(images), batch_size)
    ]
    return np.concatenate(parts)


def warmup_cosine(peak: float, steps: int, epochs: int) -> Any:
    """Return a Keras schedule: linear to `peak` over one epoch, then a cosine to zero."""
    keras = load_keras()
    total = steps * epochs
    warmup = min(steps, total // 2)
    return keras.optimizers.schedules.CosineDecay(
        peak / 10 if warmup else peak,
        max(total - warmup, 1),
        warmup_target=peak if warmup else None,
        warmup_steps=warmup,
    )


def _run_epoch(
    model: Any,
    data: tuple[NDArray[Any], NDArray[Any]],
    batch_size: int,
    *,
    epoch: int,
    callbacks: Sequence[Any],
) -> tuple[float, float]:
    """Train one pass over the images and targets in their order; return mean loss and accuracy."""
    log = model.fit(
        *data, batch_size=batch_size, shuffle=False, verbose=0, initial_epoch=epoch,
        epochs=epoch + 1, callbacks=list(callbacks),
    ).history  # fmt: skip
    return float(log["loss"][-1]), float(log["accuracy"][-1])


def _check(model: Any, train: GestureSet, epochs: int) -> None:
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    outputs = model.output_shape[-1]
    if outputs != len(train.class_names):
        raise ValueError(
            f"the model has {outputs} outputs for {len(train.class_names)} classes "
            f"({', '.join(train.class_names)}); build it with class_count={len(train.class_names)}"
        )
