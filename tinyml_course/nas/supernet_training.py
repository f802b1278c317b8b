"""Training a supernet: a sandwich of networks on each batch, one step of Adam for all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm.auto import tqdm

from tinyml_course.core.environment import load_tensorflow
from tinyml_course.core.types import GestureSet
from tinyml_course.nas.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from tinyml_course.nas.sandwich import Sandwich
from tinyml_course.nas.supernet import Supernet
from tinyml_course.training.batches import EpochImages

if TYPE_CHECKING:
    from tinyml_course.nas.strategy import Problem

DECAYS = (0.9, 0.999)
"""Adam's, of the mean and of the square."""

TINY = 1e-7
"""Adam's epsilon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How a supernet is trained.

    Attributes
    ----------
    epochs : int
        Passes over the augmented training samples.
    batch_size : int
        Samples a step.
    random : int
        Random networks a step, besides the widest and the narrowest.
    learning_rate : float
        Peak: one epoch of warm-up, then a cosine down to zero.
    seed : int
        Of the weights, the samples' order, the augmentation and the networks.
    """

    epochs: int = 200
    batch_size: int = 32
    random: int = 2
    learning_rate: float = 2e-2
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size) < 1 or self.random < 0:
            raise ValueError(
                f"epochs and batch_size must be at least 1, random at least 0, got {self}"
            )

    def rate(self, epoch: float) -> float:
        """Return the learning rate at an epoch and its fraction."""
        warm = min(1.0, self.epochs / 2)
        if epoch < warm:
            return self.learning_rate * (0.1 + 0.9 * epoch / warm)
        share = (epoch - warm) / max(self.epochs - warm, 1e-9)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


@dataclass(frozen=True, slots=True)
class TrainedSupernet:
    """A supernet and the mean loss of each epoch, in nats."""

    supernet: Supernet
    losses: tuple[float, ...]


def train_supernet(
    problem: Problem,
    train: GestureSet,
    schedule: Schedule | None = None,
    *,
    checkpoint: Path | None = None,
    progress: bool = True,
) -> TrainedSupernet:
    """Return a supernet trained on `train`, for the networks that meet the constraints.

    Parameters
    ----------
    problem : Problem
        A `SearchSpace`, and the limits that its networks must meet to be trained.
    train : GestureSet
        Training samples; strokes are drawn anew in each epoch.
    schedule : supernet_training.Schedule, optional
        Length, rate and seed.
    checkpoint : Path, optional
        File (.npz) that keeps the training after every epoch. If it exists, the training goes on
        from there, and ends with the very weights that it would have had without a break.
    progress : bool, default True
        Show a progress bar.

    Raises
    ------
    InvalidData
        If the checkpoint is damaged or belongs to another training.
    NoFeasibleNetwork
        If hardly any network meets the constraints.
    """
    schedule = schedule or Schedule()
    supernet = Supernet(problem.space, seed=schedule.seed)
    sandwich = Sandwich(problem, random=schedule.random, seed=schedule.seed)
    run = _Training(supernet, sandwich, train, schedule)
    identity = describe_training(problem, train, schedule)
    if checkpoint is not None and checkpoint.exists():
        run.restore(load_checkpoint(checkpoint, identity))
    with tqdm(
        total=schedule.epochs, initial=len(run.losses), desc="supernet", unit="epoch",
        disable=not progress,
    ) as bar:  # fmt: skip
        while len(run.losses) < schedule.epochs:
            bar.set_postfix(loss=f"{run.epoch():.3f}")
            bar.update()
            if checkpoint is not None:
                save_checkpoint(checkpoint, run.state(), identity)
    return TrainedSupernet(supernet, tuple(run.losses))


def describe_training(problem: Problem, train: GestureSet, schedule: Schedule) -> dict[str, object]:
    """Return what the weights depend on, as plain values."""
    return {
        "space": repr(problem.space),
        "constraints": asdict(problem.constraints),
        "target": problem.target,
        "train": train.fingerprint,
        **asdict(schedule),
    }


class _Training:
    """Weights, Adam's averages and the epochs done."""

    def __init__(
        self, supernet: Supernet, sandwich: Sandwich, train: GestureSet, schedule: Schedule
    ) -> None:
        tf = load_tensorflow()
        self._supernet, self._sandwich = supernet, sandwich
        self._train, self._schedule = train, schedule
        self._moments = [
            [tf.Variable(tf.zeros_like(v), trainable=False) for v in supernet.variables]
            for _ in DECAYS
        ]
        self._step = 0
        self.losses: list[float] = []
        self._update = tf.function(self._adam, autograph=False)

    def epoch(self) -> float:
        """Train one pass over the samples and return the mean loss."""
        done, schedule = len(self.losses), self._schedule
        rng = np.random.default_rng([schedule.seed, done])
        images = EpochImages(self._train, seed=int(rng.integers(2**31)), strength=1.0).draw()
        order, size = rng.permutation(len(images)), schedule.batch_size
        starts = range(0, len(order), size)
        found = []
        for start in starts:
            chosen = order[start : start + size]
            now = done + start / len(order)
            networks = self._sandwich.draw(rng)
            gradients, loss = self._supernet.gradients(
                images[chosen], self._train.labels[chosen], networks
            )
            self._apply(gradients, schedule.rate(now))
            found.append(loss)
        self.losses.append(float(np.mean(found)))
        return self.losses[-1]

    def state(self) -> Checkpoint:
        """Return all that the rest of the training depends on."""
        means, squares = ([v.numpy() for v in part] for part in self._moments)
        names = tuple(self._supernet.weights)
        return Checkpoint(
            weights=self._supernet.weights,
            means=dict(zip(names, means, strict=True)),
            squares=dict(zip(names, squares, strict=True)),
            step=self._step,
            losses=tuple(self.losses),
        )

    def restore(self, state: Checkpoint) -> None:
        """Go on from `state`."""
        for part, values in zip(
            (self._supernet.variables, *self._moments),
            (state.weights, state.means, state.squares),
            strict=True,
        ):
            for variable, name in zip(part, self._supernet.weights, strict=True):
                variable.assign(values[name])
        self._step, self.losses = state.step, list(state.losses)

    def _apply(self, gradients: Sequence[Any], rate: float) -> None:
        tf = load_tensorflow()
        self._step += 1
        powers = [decay**self._step for decay in DECAYS]
        self._update(gradients, tf.constant(rate, tf.float32), tf.constant(powers, tf.float32))

    def _adam(self, gradients: Sequence[Any], rate: Any, powers: Any) -> None:
        """Move each weight; Kingma and Ba, arXiv:1412.6980, section 2, last paragraph."""
        tf = load_tensorflow()
        for variable, gradient, mean, square in zip(
            self._supernet.variables, gradients, *self._moments, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle, m=mean.handle, v=square.handle, grad=gradient, lr=rate,
                beta1=DECAYS[0], beta2=DECAYS[1], beta1_power=powers[0], beta2_power=powers[1],
                epsilon=TINY,
            )  # fmt: skip
