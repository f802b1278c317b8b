"""Capacity: how many random labels a small network can store."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinyml_course.training.mlp import (
    Mlp,
    cross_entropy_gradient,
    init_mlp,
    score,
    train_mlp,
)


def memorise(
    samples: int, *, inputs: int, hidden: int, seed: int, epochs: int = 400
) -> tuple[Mlp, float]:
    """Return a network trained on random labels, and the share that it gets right.

    Inputs are Gaussian and labels are fair coins: nothing can be learnt, only stored.

    Parameters
    ----------
    samples : int
        Labels to store.
    inputs, hidden : int
        Size of the network; 0 hidden units make it linear.
    seed : int
        Draws inputs, labels and first weights.
    epochs : int, default 400
        Passes of full-batch training.
    """
    rng = np.random.default_rng([seed, samples, hidden])
    x = rng.standard_normal((samples, inputs)).astype(np.float32)
    labels = rng.integers(0, 2, samples)
    sizes = (inputs, hidden, 2) if hidden else (inputs, 2)
    mlp = train_mlp(
        init_mlp(sizes, rng),
        x,
        cross_entropy_gradient(np.eye(2, dtype=np.float32)[labels]),
        epochs=epochs,
        rng=rng,
        batch_size=samples,
        learning_rate=0.03,
    )
    return mlp, score(mlp, x, labels)


def measure_capacity(
    load: Sequence[float], *, inputs: int, hidden: int, seeds: Sequence[int]
) -> tuple[int, NDArray[np.float64]]:
    """Return a network's parameters, and the bits that each stores at every load.

    Parameters
    ----------
    load : sequence of float
        Random labels per parameter.
    inputs, hidden : int
        Size of the network.
    seeds : sequence of int
        Runs to average over.

    Returns
    -------
    int, (N,) float
        Parameters; bits per parameter, mean over the seeds.
    """
    sizes = (inputs, hidden, 2) if hidden else (inputs, 2)
    parameters = init_mlp(sizes, np.random.default_rng(0)).parameters
    bits = np.zeros(len(load))
    for place, share in enumerate(load):
        samples = round(share * parameters)
        runs = (memorise(samples, inputs=inputs, hidden=hidden, seed=s)[1] for s in seeds)
        bits[place] = np.mean([stored_bits(samples, recalled) for recalled in runs]) / parameters
    return parameters, bits


def stored_bits(samples: int, accuracy: float) -> float:
    """Return the information that a network holds on `samples` fair binary labels, in bits.

    N labels recalled with error rate e leave N * H(e) bits unknown, so N * (1 - H(e)) are
    stored; H is the binary entropy.

    References
    ----------
    .. [1] MacKay, Information Theory, Inference, and Learning Algorithms, chapter 40.

    Examples
    --------
    >>> stored_bits(100, 1.0), stored_bits(100, 0.5)
    (100.0, 0.0)
    """
    if not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy must be in [0, 1], got {accuracy}")
    doubt = sum(-p * math.log2(p) for p in (accuracy, 1 - accuracy) if p > 0)
    return samples * (1 - doubt)


def flip_labels(
    labels: NDArray[np.int64], share: float, classes: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return `labels` with a share of them replaced by another class, drawn evenly.

    Raises
    ------
    ValueError
        If `share` is not in [0, 1] or there are fewer than two classes.
    """
    if not 0 <= share <= 1 or classes < 2:
        raise ValueError(f"share must be in [0, 1] and classes >= 2, got {share}, {classes}")
    wrong = rng.choice(len(labels), round(share * len(labels)), replace=False)
    noisy = labels.copy()
    noisy[wrong] = (noisy[wrong] + rng.integers(1, classes, len(wrong))) % classes
    return noisy
