"""Means with their intervals over seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Student's t at 97.5 % for 1 to 10 degrees of freedom; more use 1.96 + 2.68 / degrees."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the half-width of its 95 % confidence interval, in the values' own unit."""

    mean: float
    half_width: float

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference of this size is more than noise over the seeds."""
        return abs(self.mean) > self.half_width

    def percent(self) -> str:
        """Return it as percent, e.g. `91.2 ± 0.8 %`."""
        return f"{100 * self.mean:.1f} ± {100 * self.half_width:.1f} %"

    def points(self) -> str:
        """Return a difference in percentage points, with its sign: `-1.2 ± 0.8 points`."""
        return f"{100 * self.mean:+.1f} ± {100 * self.half_width:.1f} points"


def mean_interval(values: ArrayLike) -> Interval:
    """Return the mean of `values` and its 95 % interval by Student's t.

    Parameters
    ----------
    values : (N,) float
        One value a seed, at least two. To compare two methods, give the differences seed
        by seed: what both share then cancels.

    Raises
    ------
    ValueError
        If there are fewer than two values, or one is not finite.

    Examples
    --------
    >>> mean_interval([0.90, 0.92, 0.94]).percent()
    '92.0 ± 5.0 %'
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) < 2 or not np.isfinite(x).all():
        raise ValueError(f"need at least two finite values, one a seed, got {x}")
    degrees = len(x) - 1
    t = T_95[degrees - 1] if degrees <= len(T_95) else 1.96 + 2.68 / degrees
    return Interval(float(x.mean()), float(t * x.std(ddof=1) / math.sqrt(len(x))))
