"""Observers: which range of a tensor the codes should cover, decided from samples.

An observer is a frozen dataclass; called with samples it returns ``(low, high)`` as
`affine.choose_qparams` takes it. The range always holds 0.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyml_course.core.types import QParams
from tinyml_course.quantization.affine import choose_qparams

Floats = NDArray[np.float64]


class Observer(Protocol):
    """Anything that turns samples into the range that the codes cover."""

    def __call__(self, samples: ArrayLike) -> tuple[float, float]:
        """Return ``(low, high)`` in the samples' unit, with ``low <= 0 <= high``."""


@dataclass(frozen=True, slots=True)
class MinMax:
    """Cover everything that was seen: nothing saturates, one outlier sets the step.

    Examples
    --------
    >>> MinMax()([0.5, 2.0, 6.0])
    (0.0, 6.0)
    """

    def __call__(self, samples: ArrayLike) -> tuple[float, float]:
        """Return the smallest and the largest sample, widened to hold zero."""
        values = _as_samples(samples)
        return min(float(values.min()), 0.0), max(float(values.max()), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentile:
    """Cover a share of the samples and let the tails saturate.

    Attributes
    ----------
    percent : float
        Share that is covered; half of the rest saturates on each side.

    Examples
    --------
    >>> low, high = Percentile(percent=98.0)(np.linspace(-1.0, 1.0, 1001))
    >>> round(low, 2), round(high, 2)
    (-0.98, 0.98)
    """

    percent: float = 99.9

    def __post_init__(self) -> None:
        if not 0 < self.percent <= 100:
            raise ValueError(f"percent must be in (0, 100], got {self.percent}")

    def __call__(self, samples: ArrayLike) -> tuple[float, float]:
        """Return the two percentiles, widened to hold zero."""
        tail = (100.0 - self.percent) / 2
        low, high = np.percentile(_as_samples(samples), [tail, 100.0 - tail]).tolist()
        return min(low, 0.0), max(high, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MseOptimal:
    """Search the range whose round trip has the smallest mean squared error.

    Both ends shrink independently over a grid of shares of the observed range, which is then
    refined around the best pair. The error of each candidate is exact, from prefix sums.

    Attributes
    ----------
    bits : int
        Width of the codes that the range is for.
    symmetric : bool
        Search ``[-m, m]`` with the lowest code left out, as for weights.
    shares : int
        Steps of each grid.

    References
    ----------
    .. [1] Nagel et al., arXiv:2106.08295, section 3.1.
    """

    bits: int = 8
    symmetric: bool = False
    shares: int = 24

    def __call__(self, samples: ArrayLike) -> tuple[float, float]:
        """Return the best range, never worse than that of `MinMax`."""
        values = np.sort(_as_samples(samples))
        low, high = MinMax()(values)
        if self.symmetric:
            low, high = -max(-low, high), max(-low, high)
        error = _MeanSquaredError(values)
        first = np.linspace(1.0 / self.shares, 1.0, self.shares)
        best = self._best(error, (low, high), ((a, b) for a, b in self._pairs(low, high, first)))
        width = 1.0 / self.shares
        near = np.linspace(-width, width, self.shares | 1)
        fine = ((best[0] + a, best[1] + b) for a, b in self._pairs(low, high, near))
        best = self._best(error, (low, high), [best, *(p for p in fine if _shares_allowed(p))])
        return best[0] * low, best[1] * high

    def _pairs(self, low: float, high: float, grid: Floats) -> Iterator[tuple[float, float]]:
        """Yield shares of both ends; an end at zero, or a symmetric range, leaves one of them."""
        for b in grid.tolist():
            if self.symmetric or not low or not high:
                yield b, b
            else:
                yield from ((a, b) for a in grid.tolist())

    def _best(
        self,
        error: _MeanSquaredError,
        ends: tuple[float, float],
        pairs: Iterator[tuple[float, float]] | list[tuple[float, float]],
    ) -> tuple[float, float]:
        low, high = ends
        return min(
            pairs,
            key=lambda p: error.of(
                choose_qparams(p[0] * low, p[1] * high, bits=self.bits, symmetric=self.symmetric)
            ),
        )


def mean_squared_error(samples: ArrayLike, q: QParams) -> float:
    """Return the mean squared round-trip error of `samples` under `q`, in their unit squared."""
    return _MeanSquaredError(np.sort(_as_samples(samples))).of(q)


class _MeanSquaredError:
    """Mean squared round-trip error of sorted samples, in O(codes log N) a map.

    All samples between two midpoints get the same code c, and with prefix sums
    ``sum (x - c)**2 = sum x**2 - 2 c sum x + n c**2``.
    """

    def __init__(self, values: Floats) -> None:
        self._values = values
        self._sums = np.concatenate([[0.0], np.cumsum(values)])
        self._squares = np.concatenate([[0.0], np.cumsum(values**2)])

    def of(self, q: QParams) -> float:
        """Return the error under `q`."""
        codes = q.scale * (np.arange(q.limits[0], q.limits[1] + 1) - q.zero_point)
        cuts = np.searchsorted(self._values, (codes[:-1] + codes[1:]) / 2)
        places = np.concatenate([[0], cuts, [len(self._values)]])
        squares, sums = np.diff(self._squares[places]), np.diff(self._sums[places])
        total = np.sum(squares - 2 * codes * sums + np.diff(places) * codes**2)
        return float(max(total, 0.0) / len(self._values))


def _shares_allowed(pair: tuple[float, float]) -> bool:
    return all(0.0 < share <= 1.0 for share in pair)


def _as_samples(samples: ArrayLike) -> Floats:
    values = np.asarray(samples, np.float64).ravel()
    if not len(values) or not np.isfinite(values).all():
        raise ValueError(
            f"an observer needs finite samples, got {len(values)} of which "
            f"{int(np.sum(~np.isfinite(values)))} are not finite"
        )
    return values
