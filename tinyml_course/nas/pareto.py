"""Pareto dominance, fronts, the 2-D hypervolume, and scalarisation. Every objective is a cost.

Shapes by letter: N candidates, M objectives. Smaller is better in every column; an objective
that should grow, such as accuracy, enters as its error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def dominates(first: ArrayLike, second: ArrayLike) -> bool:
    """Whether `first` is nowhere worse than `second` and somewhere better.

    Parameters
    ----------
    first, second : (M,) float
        Costs of two candidates, the same objectives in the same order.

    Raises
    ------
    ValueError
        If the shapes differ or a cost is NaN.

    Examples
    --------
    >>> dominates([0.05, 4000], [0.05, 9000])
    True
    >>> dominates([0.05, 4000], [0.04, 9000])
    False
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"need two cost vectors of one length, got shapes {a.shape} and {b.shape}")
    _reject_nan(a, b)
    return bool(np.all(a <= b) and np.any(a < b))


def pareto_mask(costs: ArrayLike) -> NDArray[np.bool_]:
    """Return which candidates no other one dominates.

    Equal candidates do not dominate each other: both stay, or both go.

    Parameters
    ----------
    costs : (N, M) float
        One row a candidate.

    Returns
    -------
    (N,) bool
        True on the front.

    Raises
    ------
    ValueError
        If `costs` is not two-dimensional or holds a NaN.

    Examples
    --------
    >>> pareto_mask([[1, 4], [2, 2], [3, 3], [4, 1]]).tolist()
    [True, True, False, True]
    """
    table = _table(costs)
    dominated = [
        bool(np.any(np.all(table <= row, axis=1) & np.any(table < row, axis=1))) for row in table
    ]
    return ~np.array(dominated, dtype=np.bool_)


def hypervolume_2d(costs: ArrayLike, reference: ArrayLike) -> float:
    """Return the area that `costs` dominate, up to the corner `reference`.

    Parameters
    ----------
    costs : (N, 2) float
        Candidates; those beyond the reference in either objective add nothing.
    reference : (2,) float
        The worst corner, in the same units.

    Returns
    -------
    float
        Area in the product of the two units; larger is better.

    Raises
    ------
    ValueError
        If there are not two objectives, or a value is NaN.

    References
    ----------
    .. [1] Zitzler and Thiele, IEEE Trans. Evolutionary Computation 3(4), 1999, section III.

    Examples
    --------
    >>> hypervolume_2d([[1, 2], [2, 1]], [3, 3])
    3.0
    """
    table, corner = _table(costs), np.asarray(reference, dtype=np.float64)
    if table.shape[1] != 2 or corner.shape != (2,):
        raise ValueError(
            f"hypervolume_2d needs two objectives, got {table.shape[1]} and a reference of "
            f"shape {corner.shape}"
        )
    _reject_nan(corner)
    inside = table[np.all(table < corner, axis=1)]
    area, ceiling = 0.0, float(corner[1])
    for x, y in inside[np.lexsort((inside[:, 1], inside[:, 0]))]:
        if y < ceiling:  # a step down of the staircase; others are dominated
            area += (corner[0] - x) * (ceiling - y)
            ceiling = y
    return float(area)


def normalise(costs: ArrayLike) -> NDArray[np.float64]:
    """Return `costs` with each column mapped to [0, 1], its best to 0 and its worst to 1.

    A column without spread becomes 0. Weights mean something only after such a step: raw
    columns carry units, and a weight on bytes is a million times a weight on error rates.

    Parameters
    ----------
    costs : (N, M) float
        One row a candidate.

    Examples
    --------
    >>> normalise([[0.1, 100], [0.3, 300]]).tolist()
    [[0.0, 0.0], [1.0, 1.0]]
    """
    table = _table(costs)
    best, spread = table.min(axis=0), np.ptp(table, axis=0)
    return (table - best) / np.where(spread > 0, spread, 1.0)


def weighted_sum(costs: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Return each candidate's weighted sum of costs, (N,): the co-optimised loss.

    Its minimiser lies on the front for positive weights, but only on the front's convex part.

    Parameters
    ----------
    costs : (N, M) float
        Normalised costs, one row a candidate.
    weights : (M,) float
        Not negative, not all zero; only their ratios matter to the minimiser.

    Raises
    ------
    ValueError
        If the weights do not match the objectives, or one is negative.
    """
    table = _table(costs)
    return np.asarray(table @ _weights(weights, table.shape[1]), dtype=np.float64)


def weighted_max(costs: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Return each candidate's largest weighted cost, (N,): Chebyshev's scalarisation.

    With normalised costs (the ideal point at 0) and suitable positive weights, every point
    of the front minimises it, the non-convex parts included.

    Parameters
    ----------
    costs : (N, M) float
        Normalised costs, one row a candidate.
    weights : (M,) float
        Not negative, not all zero.

    References
    ----------
    .. [1] Miettinen, Nonlinear Multiobjective Optimization, 1999, section 3.4.
    """
    table = _table(costs)
    return np.asarray((table * _weights(weights, table.shape[1])).max(axis=1), dtype=np.float64)


def supported_mask(costs: ArrayLike) -> NDArray[np.bool_]:
    """Return which candidates some weighted sum with positive weights prefers, two objectives.

    They are the corners of the lower left convex hull; the front's other points are
    Pareto optimal, and yet no weights find them.

    Parameters
    ----------
    costs : (N, 2) float
        One row a candidate.

    Raises
    ------
    ValueError
        If there are not two objectives, or a cost is NaN.

    Examples
    --------
    >>> supported_mask([[0, 4], [1, 3.5], [2, 0]]).tolist()
    [True, False, True]
    """
    table = _table(costs)
    if table.shape[1] != 2:
        raise ValueError(f"supported_mask needs two objectives, got {table.shape[1]}")
    front = np.unique(table[pareto_mask(table)], axis=0)
    hull: list[NDArray[np.float64]] = []
    for point in front:
        while len(hull) > 1 and _cross(hull[-2], hull[-1], point) <= 0:
            hull.pop()
        hull.append(point)
    return np.array([any(np.array_equal(row, corner) for corner in hull) for row in table])


def _cross(
    origin: NDArray[np.float64], middle: NDArray[np.float64], end: NDArray[np.float64]
) -> float:
    """Return twice the signed area of the triangle: positive where the path turns left."""
    (ax, ay), (bx, by) = middle - origin, end - origin
    return float(ax * by - ay * bx)


def _table(costs: ArrayLike) -> NDArray[np.float64]:
    table = np.asarray(costs, dtype=np.float64)
    if table.ndim != 2 or not table.size:
        raise ValueError(f"costs need shape (candidates, objectives), got {table.shape}")
    _reject_nan(table)
    return table


def _weights(weights: ArrayLike, objectives: int) -> NDArray[np.float64]:
    vector = np.asarray(weights, dtype=np.float64)
    if vector.shape != (objectives,):
        raise ValueError(f"need one weight per objective ({objectives}), got shape {vector.shape}")
    if np.any(vector < 0) or not np.any(vector > 0):
        raise ValueError(f"weights must not be negative, nor all zero, got {vector.tolist()}")
    return vector


def _reject_nan(*arrays: NDArray[np.float64]) -> None:
    if any(np.isnan(array).any() for array in arrays):
        raise ValueError("a cost is NaN, which no comparison can rank; drop that candidate first")
