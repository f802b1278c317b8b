"""How well one way to judge networks agrees with another: Kendall's tau and its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A rank correlation with its 95 % interval over the choice of the networks.

    Attributes
    ----------
    tau : float
        Kendall's tau-b, in [-1, 1].
    low, high : float
        2.5 % and 97.5 % quantiles of its bootstrap.
    """

    tau: float
    low: float
    high: float


def kendall_tau(a: ArrayLike, b: ArrayLike) -> float:
    """Return Kendall's tau-b: the share of pairs in the same order minus that in the opposite one.

    Pairs tied in one list count in neither share, and the total is reduced for them.

    Parameters
    ----------
    a, b : (N,) float
        Two scores of the same N items, N at least 2.

    Raises
    ------
    ValueError
        If the lists differ in length, are too short, or one of them is constant.

    References
    ----------
    .. [1] Kendall, The treatment of ties in ranking problems, Biometrika 33(3), 1945.

    Examples
    --------
    >>> kendall_tau([1, 2, 3, 4], [1, 2, 4, 3])  # one of six pairs is in the opposite order
    0.6666666666666666
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (a, b))
    if x.shape != y.shape or x.ndim != 1 or len(x) < 2:
        raise ValueError(f"need two lists of one length, at least 2, got {x.shape} and {y.shape}")
    tau = _tau(x, y)
    if np.isnan(tau):
        raise ValueError("all values of one list are equal: there is no order to compare")
    return tau


def bootstrap_tau(
    a: ArrayLike, b: ArrayLike, *, rng: np.random.Generator, resamples: int = RESAMPLES
) -> Agreement:
    """Return Kendall's tau-b and its 95 % interval, by drawing the items anew with replacement.

    Parameters
    ----------
    a, b : (N,) float
        Two scores of the same N items.
    rng : numpy.random.Generator
        Draws the items.
    resamples : int
        Draws.

    References
    ----------
    .. [1] Efron and Tibshirani, An introduction to the bootstrap, 1993, section 13.3.
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (a, b))
    tau = kendall_tau(x, y)
    drawn = [
        _tau(x[chosen], y[chosen]) for chosen in rng.integers(len(x), size=(resamples, len(x)))
    ]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Agreement(tau=tau, low=float(low), high=float(high))


def _tau(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return tau-b, not a number where one list is constant."""
    upper = np.triu_indices(len(x), 1)
    signs_x, signs_y = (np.sign(np.subtract.outer(v, v))[upper] for v in (x, y))
    pairs = np.sqrt(np.count_nonzero(signs_x) * float(np.count_nonzero(signs_y)))
    return float(signs_x @ signs_y / pairs) if pairs else float("nan")


def stratify(
    costs: ArrayLike, scores: ArrayLike, *, shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return the indices of one item from each cell of a grid of quantiles.

    Parameters
    ----------
    costs, scores : (N,) float
        Of each item. Costs are cut into `shape[0]` equally large parts, and each of these by its
        scores into `shape[1]`.
    shape : (int, int)
        Parts by cost and by score.
    rng : numpy.random.Generator
        Draws the item of each cell.

    Returns
    -------
    (shape[0] * shape[1],) intp
        Cheap cells first, low scores first.

    Raises
    ------
    ValueError
        If there are fewer items than cells.
    """
    costs, scores = np.asarray(costs, np.float64), np.asarray(scores, np.float64)
    if len(costs) < shape[0] * shape[1]:
        raise ValueError(f"{len(costs)} items don't fill {shape[0]} x {shape[1]} cells")
    chosen = []
    for part in np.array_split(np.argsort(costs, kind="stable"), shape[0]):
        by_score = part[np.argsort(scores[part], kind="stable")]
        chosen += [rng.choice(cell) for cell in np.array_split(by_score, shape[1])]
    return np.array(chosen, np.intp)
