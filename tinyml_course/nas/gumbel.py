"""Choices that a gradient can pass: Gumbel noise, a softmax, and a falling temperature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


def draw_gumbel(rng: np.random.Generator, shape: int | tuple[int, ...]) -> NDArray[np.float32]:
    """Return standard Gumbel noise, float32.

    Added to logits, its largest sum is at index i with the probability softmax(logits)[i].
    """
    return rng.gumbel(size=shape).astype(np.float32)


def gumbel_softmax(logits: ArrayLike, noise: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Return softmax((logits + noise) / temperature) along the last axis, float64.

    Hot, it mixes all choices; cold, it picks one, and its gradient fades.

    Parameters
    ----------
    logits, noise : (..., N) float
        Preferences, and a draw of Gumbel noise.
    temperature : float
        Positive.

    Raises
    ------
    ValueError
        If `temperature` is not positive.

    References
    ----------
    .. [1] Jang, Gu and Poole, Categorical reparameterization with Gumbel-softmax,
       arXiv:1611.01144, section 2.

    Examples
    --------
    >>> gumbel_softmax([0.0, 1.0], [0.0, 0.0], 0.01).round(3)
    array([0., 1.])
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    z = (np.asarray(logits, np.float64) + np.asarray(noise, np.float64)) / temperature
    weights = np.exp(z - z.max(axis=-1, keepdims=True))
    share: NDArray[np.float64] = weights / weights.sum(axis=-1, keepdims=True)
    return share


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooling:
    """A temperature that falls by the same factor in every step.

    Attributes
    ----------
    first, last : float
        Temperatures at the beginning and at the end.
    """

    first: float = 4.0
    last: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.last <= self.first:
            raise ValueError(f"need 0 < last <= first, got {self.first} and {self.last}")

    def at(self, share: float) -> float:
        """Return the temperature after a share of the search, in [0, 1].

        Examples
        --------
        >>> Cooling(first=4.0, last=1.0).at(0.5)
        2.0
        """
        return float(self.first * (self.last / self.first) ** share)
