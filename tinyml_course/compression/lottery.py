"""Lottery tickets: prune by magnitude, rewind to the start, train again; with two controls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyml_course.training.mlp import (
    Mlp,
    cross_entropy_gradient,
    init_mlp,
    score,
    train_mlp,
)

Masks = tuple[NDArray[np.bool_], ...]
NO_RUNS = (math.nan, math.nan)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TicketRound:
    """One level of sparsity, four networks of the same size; accuracies in [0, 1].

    Attributes
    ----------
    kept : float
        Share of the weights that are left.
    masks : tuple of (D_in, D_out) bool
        Weights of the ticket.
    pruned : float
        The trained network right after its smallest weights were removed, not trained again.
    ticket : float
        The ticket, rewound to its first weights and trained alone.
    reinitialised : float
        The same mask with newly drawn weights, trained.
    random_mask : float
        A random mask of the same size per layer on the first weights, trained.
    """

    kept: float
    masks: Masks
    pruned: float
    ticket: float
    reinitialised: float
    random_mask: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TicketTask:
    """What the networks learn and are tested on.

    Attributes
    ----------
    x, x_test : (N, D) float32
        Training and test samples.
    labels, labels_test : (N,) int64
        Their classes.
    hidden : tuple of int
        Units of each hidden layer.
    epochs : int
        Length of every training.
    learning_rate : float
        Of Adam.
    """

    x: NDArray[np.float32]
    labels: NDArray[np.int64]
    x_test: NDArray[np.float32]
    labels_test: NDArray[np.int64]
    hidden: tuple[int, ...] = (64,)
    epochs: int = 20
    learning_rate: float = 2e-3

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, hidden units, classes."""
        return (self.x.shape[1], *self.hidden, int(self.labels.max()) + 1)

    def train(self, start: Mlp, seed: int, masks: Masks | None = None) -> Mlp:
        """Return `start` trained; the same seed gives the same order of samples."""
        targets = np.eye(self.sizes[-1], dtype=np.float32)[self.labels]
        return train_mlp(
            start,
            self.x,
            cross_entropy_gradient(targets),
            epochs=self.epochs,
            rng=np.random.default_rng([seed, 7]),
            masks=masks,
            learning_rate=self.learning_rate,
        )

    def test(self, mlp: Mlp) -> float:
        """Return the accuracy on the test samples, in [0, 1]."""
        return score(mlp, self.x_test, self.labels_test)


def magnitude_masks(mlp: Mlp, masks: Masks, keep: float) -> Masks:
    """Return `masks` with only the largest weights left in each layer.

    The output layer is pruned at half the rate: it is small, and every class needs it.

    Parameters
    ----------
    mlp : Mlp
        Trained weights, whose magnitudes are compared.
    masks : tuple of (D_in, D_out) bool
        Weights that are left; the others stay out.
    keep : float
        Share of them to keep, in (0, 1].

    Raises
    ------
    ValueError
        If `keep` is not in (0, 1].

    References
    ----------
    .. [1] Frankle and Carbin, arXiv:1803.03635, section 2 and appendix G.
    """
    if not 0 < keep <= 1:
        raise ValueError(f"keep must be in (0, 1], got {keep}")
    shares = [keep] * (len(mlp.weights) - 1) + [(1 + keep) / 2]
    return tuple(
        _keep_largest(np.abs(w), mask, share)
        for w, mask, share in zip(mlp.weights, masks, shares, strict=True)
    )


def full_masks(mlp: Mlp) -> Masks:
    """Return masks that keep every weight."""
    return tuple(np.ones(w.shape, bool) for w in mlp.weights)


def shuffle_masks(masks: Masks, rng: np.random.Generator) -> Masks:
    """Return random masks with as many weights left in each layer as `masks`."""
    return tuple(rng.permutation(mask.ravel()).reshape(mask.shape) for mask in masks)


def kept_share(masks: Masks) -> float:
    """Return the share of weights that `masks` leave, in [0, 1]."""
    return sum(int(m.sum()) for m in masks) / sum(m.size for m in masks)


def hunt_tickets(
    task: TicketTask,
    *,
    seed: int,
    rounds: int,
    keep: float = 0.5,
    controls: bool = True,
    on_round: Callable[[], None] = lambda: None,
) -> tuple[float, tuple[TicketRound, ...]]:
    """Return the dense accuracy and one `TicketRound` per round of iterative pruning.

    Each round removes the smallest weights of the last trained ticket, rewinds the rest to
    their first values and trains them again.

    Parameters
    ----------
    task : TicketTask
        Data, network and length of training.
    seed : int
        Draws the first weights, the controls and the order of samples.
    rounds : int
        How often to prune.
    keep : float, default 0.5
        Share of the remaining weights that each round keeps.
    controls : bool, default True
        Train the two controls as well; without them their accuracies are NaN.
    on_round : callable, optional
        Called after each round, for a progress bar.

    References
    ----------
    .. [1] Frankle and Carbin, arXiv:1803.03635, strategy 1 of section 2.
    """
    rng = np.random.default_rng(seed)
    first = init_mlp(task.sizes, rng)
    trained = task.train(first, seed)
    masks, dense, found = full_masks(first), task.test(trained), []
    for _ in range(rounds):
        masks = magnitude_masks(trained, masks, keep)
        pruned = task.test(trained.masked(masks))
        trained = task.train(first, seed, masks)
        reborn, shuffled = _train_controls(task, first, masks, seed, rng) if controls else NO_RUNS
        found.append(
            TicketRound(
                kept=kept_share(masks),
                masks=masks,
                pruned=pruned,
                ticket=task.test(trained),
                reinitialised=reborn,
                random_mask=shuffled,
            )
        )
        on_round()
    return dense, tuple(found)


def tabulate(
    hunts: Sequence[tuple[float, tuple[TicketRound, ...]]],
) -> dict[str, NDArray[np.float64]]:
    """Return the accuracies of several hunts by kind of network: (seeds, rounds), in [0, 1]."""
    kinds = ("ticket", "reinitialised", "random_mask", "pruned")
    return {
        kind: np.array([[getattr(found, kind) for found in rounds] for _, rounds in hunts])
        for kind in kinds
    }


def _train_controls(
    task: TicketTask, first: Mlp, masks: Masks, seed: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the accuracies of the mask on new weights, and of a random mask on the first ones."""
    reborn = task.train(init_mlp(task.sizes, rng), seed, masks)
    shuffled = task.train(first, seed, shuffle_masks(masks, rng))
    return task.test(reborn), task.test(shuffled)


def _keep_largest(
    magnitude: NDArray[np.float32], mask: NDArray[np.bool_], share: float
) -> NDArray[np.bool_]:
    count = max(1, round(share * int(mask.sum())))
    ranked = np.where(mask, magnitude, -1.0).ravel()
    kept = np.zeros(ranked.size, bool)
    kept[np.argpartition(ranked, -count)[-count:]] = True
    return kept.reshape(mask.shape)
