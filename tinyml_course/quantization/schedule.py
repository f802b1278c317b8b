"""Schedules that lower the width of the weights during training, stage by stage.

A schedule is a pure function from the losses so far to the width of the next epoch.
`lower_bits` makes it a Keras callback that assigns the width to the variables of a simulated
model (`simulate`): the graph that was traced for the first epoch runs to the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tinyml_course.core.environment import load_keras
from tinyml_course.quantization.fake_quant import IDENTITY_BITS
from tinyml_course.quantization.simulate import kernel_layers, quantized_weights, set_weight_bits

WIDTHS = (32, 16, 8, 6, 4)
"""The usual stages; 16 and 8 have kernels on the chip, and 4 bits can be stored."""


class BitSchedule(Protocol):
    """Anything that says how wide the weights are in the next epoch."""

    def width(self, losses: Sequence[float]) -> int:
        """Return the bits for the epoch that follows those with these training losses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByEpoch:
    """Each width for a fixed number of epochs, the last one until the end.

    Attributes
    ----------
    epochs : tuple of int
        Length of each stage but the last, at least 1.
    widths : tuple of int
        Bits of the stages, falling; one more than `epochs`.

    Examples
    --------
    >>> plan = ByEpoch(epochs=(2, 1), widths=(32, 8, 4))
    >>> [plan.width([0.0] * done) for done in range(5)]
    [32, 32, 8, 4, 4]
    """

    epochs: tuple[int, ...]
    widths: tuple[int, ...] = WIDTHS

    def __post_init__(self) -> None:
        _check_widths(self.widths)
        if len(self.epochs) != len(self.widths) - 1 or min(self.epochs, default=1) < 1:
            raise ValueError(
                f"need a length of at least 1 epoch for each of {self.widths[:-1]}, "
                f"got {self.epochs}; the last width needs none"
            )

    def width(self, losses: Sequence[float]) -> int:
        """Return the bits of the stage that epoch ``len(losses)`` belongs to."""
        ends = np.cumsum(self.epochs)
        return self.widths[int(np.searchsorted(ends, len(losses), side="right"))]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByPlateau:
    """The next width as soon as the training loss has stopped falling at the present one.

    Attributes
    ----------
    patience : int
        Epochs without a new lowest loss of the stage that end it.
    min_drop : float
        Part of the lowest loss by which a new one must be lower.
    widths : tuple of int
        Bits of the stages, falling.

    Examples
    --------
    >>> plan = ByPlateau(patience=1, widths=(32, 8, 4))
    >>> losses = [1.0, 0.5, 0.5, 0.9, 0.95, 0.7]
    >>> [plan.width(losses[:done]) for done in range(7)]
    [32, 32, 32, 8, 8, 4, 4]
    """

    patience: int = 2
    min_drop: float = 0.02
    widths: tuple[int, ...] = WIDTHS

    def __post_init__(self) -> None:
        _check_widths(self.widths)
        if self.patience < 1 or not 0 <= self.min_drop < 1:
            raise ValueError(
                f"need patience >= 1 and min_drop in [0, 1), got {self.patience}, {self.min_drop}"
            )

    def width(self, losses: Sequence[float]) -> int:
        """Return the bits of the stage that these losses lead to."""
        stage, lowest, waited = 0, float("inf"), 0
        for loss in losses:
            if loss < lowest * (1 - self.min_drop):
                lowest, waited = loss, 0
            else:
                waited += 1
            if waited >= self.patience and stage < len(self.widths) - 1:
                stage, lowest, waited = stage + 1, float("inf"), 0
        return self.widths[stage]


def lower_bits(schedule: BitSchedule) -> Any:
    """Return a Keras callback that sets the weights of a simulated model to a schedule's width.

    Its list `widths` tells afterwards which width each epoch had.

    Parameters
    ----------
    schedule : BitSchedule
        `ByEpoch`, `ByPlateau` or another object with their `width` method.

    Raises
    ------
    ValueError
        At the first epoch, if the model has no layer with quantized weights.
    """
    return _callback_class()(schedule)


def count_values(simulated: Any) -> dict[str, int]:
    """Return the most distinct values that one output channel's weights take, by layer.

    Dense layers have one grid in all, so all of their weights count as one channel.
    """
    counts = {}
    for name, layer in kernel_layers(simulated).items():
        values = quantized_weights(simulated)[name]
        columns = values.reshape(layer.matrix().shape).T if layer.per_channel else [values]
        counts[name] = max(len(np.unique(column)) for column in columns)
    return counts


def _callback_class() -> Any:
    keras = load_keras()

    class LowerBits(keras.callbacks.Callback):
        """Assigns the schedule's width before each epoch."""

        def __init__(self, schedule: BitSchedule) -> None:
            super().__init__()
            self.schedule = schedule
            self.losses: list[float] = []
            self.widths: list[int] = []

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            """Set the width, where it is a new one."""
            if not kernel_layers(self.model):
                raise ValueError("no layer has quantized weights; train `simulate(model, ...)`")
            width = self.schedule.width(self.losses)
            if self.widths[-1:] != [width]:
                set_weight_bits(self.model, width)
            self.widths.append(width)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            """Note the epoch's training loss."""
            self.losses.append(float(logs["loss"]))

    return LowerBits


def _check_widths(widths: tuple[int, ...]) -> None:
    known = all(2 <= bits <= 16 or bits == IDENTITY_BITS for bits in widths)
    if not widths or not known or sorted(set(widths), reverse=True) != list(widths):
        raise ValueError(
            f"widths must fall from stage to stage, each in 2..16 or 32 for float, got {widths}"
        )
