"""Pruning in steps: score, remove, train again, until the target is met."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tqdm.auto import tqdm

from tinyml_course.compression.byte_limits import ByteLimits
from tinyml_course.compression.channel_choice import (
    Masks,
    balance,
    choose_channels,
    choose_within,
    pruned_spec,
)
from tinyml_course.compression.importance import Criterion, Scores, score_channels
from tinyml_course.compression.pruning import prune_channels
from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.types import GestureSet
from tinyml_course.training.fit import evaluate, fit

Tune = Callable[[Any, int], object]
"""Trains a model in place; the second argument is the step's seed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PruningStep:
    """What one step did; accuracies on the validation samples, in [0, 1].

    Attributes
    ----------
    kept : mapping of group name to (C,) bool
        Channels that stayed, of those that the step before had left.
    spec : ArchSpec or None
        The network after the step, where the first one's specification was given.
    accuracy_cut, accuracy : float or None
        Right after the removal, and after training again; None without validation samples.
    """

    kept: Masks
    spec: ArchSpec | None
    accuracy_cut: float | None
    accuracy: float | None

    @property
    def widths(self) -> dict[str, int]:
        """Channels that each group has left."""
        return {name: int(mask.sum()) for name, mask in self.kept.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PruningRun:
    """A pruned model and how it came about.

    Attributes
    ----------
    model : tf_keras model
        Trained after the last step.
    spec : ArchSpec or None
        Its specification, where the first one's was given.
    steps : tuple of PruningStep
        In order.
    """

    model: Any
    spec: ArchSpec | None
    steps: tuple[PruningStep, ...]


def prune_iteratively(
    model: Any,
    train: GestureSet,
    *,
    target: float | ByteLimits,
    spec: ArchSpec | None = None,
    steps: int = 3,
    criterion: Criterion = "taylor",
    epochs: int = 10,
    seed: int = 0,
    at_least: int = 2,
    validation: GestureSet | None = None,
    tune: Tune | None = None,
    progress: bool = True,
) -> PruningRun:
    """Return `model` pruned to `target` in several steps, with training after each.

    Every step takes about the same factor off: of the channels, or of each cost that is above
    its limit.

    Parameters
    ----------
    model : tf_keras Sequential or Functional model
        Trained; stays as it is.
    train : GestureSet
        Samples to train on, and to measure Taylor importance on.
    target : float or ByteLimits
        Share of the channels to remove, in [0, 1), or what the network may cost at the end.
    spec : ArchSpec, optional
        What `model` was built from; limits in bytes need it.
    steps : int, default 3
        How often to prune.
    criterion : {'taylor', 'bn-scale', 'l1'}
        How channels are scored. Taylor importance is in nats and compares between groups; of
        the other two, limits in bytes weigh a channel's share of its group, and 'l1' scores are
        balanced before a share of all channels is chosen.
    epochs : int, default 10
        Of each training.
    seed : int, default 0
        Of the first training; each step adds one.
    at_least : int, default 2
        Channels that every group keeps.
    validation : GestureSet, optional
        Measured before and after each training; never trained on.
    tune : callable, optional
        Trains a model in place, given it and the step's seed; `training.fit.fit` by default.
    progress : bool, default True
        Show a progress bar.

    Raises
    ------
    ValueError
        If an argument is out of range, limits come without `spec`, or can't be met.

    References
    ----------
    .. [1] Molchanov et al., arXiv:1611.06440, section 2: iterative pruning with fine-tuning.
    """
    _check(target, spec, steps)
    retrain = tune or _fitter(train, epochs)
    choose = _chooser(target, spec, steps, at_least=at_least, relative=criterion != "taylor")
    done: list[PruningStep] = []
    for step in tqdm(range(steps), desc="pruning", unit="step", disable=not progress):
        scores = _comparable(score_channels(model, criterion, train), criterion)
        kept = choose(scores, spec, step)
        model = prune_channels(model, kept)
        spec = pruned_spec(spec, kept) if spec else None
        cut = evaluate(model, validation) if validation else None
        retrain(model, seed + step)
        accuracy = evaluate(model, validation) if validation else None
        done.append(PruningStep(kept=kept, spec=spec, accuracy_cut=cut, accuracy=accuracy))
    return PruningRun(model=model, spec=spec, steps=tuple(done))


def _chooser(
    target: float | ByteLimits,
    first: ArchSpec | None,
    steps: int,
    *,
    at_least: int,
    relative: bool,
) -> Callable[[Scores, ArchSpec | None, int], Masks]:
    """Return what tells from scores, the present specification and a step's number what stays."""
    begun: list[int] = []

    def within(scores: Scores, now: ArchSpec | None, step: int) -> Masks:
        limits = target.approach(first, (step + 1) / steps)
        return choose_within(now, scores, limits, at_least=at_least, relative=relative)

    def share(scores: Scores, _: ArchSpec | None, step: int) -> Masks:
        count = sum(map(len, scores.values()))
        begun.append(count)
        left = math.ceil(begun[0] * (1 - target) ** ((step + 1) / steps) - 1e-9)
        return choose_channels(scores, fraction=max(0.0, 1 - left / count), at_least=at_least)

    return within if isinstance(target, ByteLimits) else share


def _comparable(scores: Scores, criterion: Criterion) -> Scores:
    return balance(scores) if criterion == "l1" else scores


def _fitter(train: GestureSet, epochs: int) -> Tune:
    return lambda model, seed: fit(model, train, epochs=epochs, seed=seed, progress=False)


def _check(target: float | ByteLimits, spec: ArchSpec | None, steps: int) -> None:
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if isinstance(target, ByteLimits):
        if spec is None:
            raise ValueError("limits in bytes need the model's spec: only it can be costed exactly")
    elif not 0 <= target < 1:
        raise ValueError(f"target must be in [0, 1), got {target}; it is the share to remove")
