"""The costs' part of a co-optimised loss: differentiable in the gates of the channels.

Widths are whole numbers without a gradient. In their place stands each group's effective number
of channels, a smooth function of its gates; bytes and milliseconds follow from it through the
cost model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.compression.cost_surface import CostSurface, fit_surface
from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.environment import load_tensorflow


def effective_width(gates: Any) -> Any:
    """Return how many of a group's channels count: ``(sum |g|)^2 / sum g^2``.

    With k equal gates and zeros elsewhere it is k. Unlike a sum of magnitudes it can't be lowered
    by making all gates small and the next layer's weights large, which changes no output.

    Parameters
    ----------
    gates : (C,) tensor
        Scales of the channels; not all zero.

    Returns
    -------
    scalar tensor
        In [1, C].

    References
    ----------
    .. [1] Yang, Wen and Li, arXiv:1908.09979, section 3.2: the Hoyer-square regulariser.
    """
    tf = load_tensorflow()
    return tf.square(tf.reduce_sum(tf.abs(gates))) / tf.reduce_sum(tf.square(gates))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CostPenalty:
    """What the costs add to the loss.

    Attributes
    ----------
    flash, latency : CostSurface
        Over the same groups.
    flash_weight, latency_weight : float
        Nats that the whole network's bytes, and its milliseconds, are worth; at least 0. Only
        their ratio to the cross-entropy counts, so that has the weight 1.
    """

    flash: CostSurface
    latency: CostSurface
    flash_weight: float
    latency_weight: float

    def __post_init__(self) -> None:
        if min(self.flash_weight, self.latency_weight) < 0:
            raise ValueError(
                f"weights must be at least 0, got {self.flash_weight} for flash and "
                f"{self.latency_weight} for latency"
            )

    def __call__(self, gates: Sequence[Any]) -> Any:
        """Return the penalty in nats, a scalar; the weights' sum for gates all equal.

        Parameters
        ----------
        gates : sequence of G (C,) tensors
            Of each group, in the surfaces' order.
        """
        tf = load_tensorflow()
        n = tf.stack([effective_width(gate) for gate in gates])
        constant, linear, square = (tf.constant(part, n.dtype) for part in self._mixed())
        return (
            constant + tf.tensordot(linear, n, 1) + tf.tensordot(n, tf.linalg.matvec(square, n), 1)
        )

    def _mixed(self) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Return the coefficients of the weighted sum of both surfaces."""
        pairs = (
            (self.flash_weight / self.flash.whole, self.flash),
            (self.latency_weight / self.latency.whole, self.latency),
        )
        return (
            sum(weight * surface.constant for weight, surface in pairs),
            np.sum([weight * surface.linear for weight, surface in pairs], axis=0),
            np.sum([weight * surface.square for weight, surface in pairs], axis=0),
        )


def price(
    spec: ArchSpec, *, flash_weight: float, latency_weight: float, board: str = "esp32"
) -> CostPenalty:
    """Return the penalty of `spec` from the cost model.

    Parameters
    ----------
    spec : ArchSpec
        The whole network.
    flash_weight, latency_weight : float
        Nats that all of the network's bytes, and its milliseconds, are worth.
    board : str, default 'esp32'
        Whose milliseconds count.

    Raises
    ------
    ValueError
        If a weight is negative or the board unknown.
    """
    return CostPenalty(
        flash=fit_surface(spec, "flash", board=board),
        latency=fit_surface(spec, "latency", board=board),
        flash_weight=flash_weight,
        latency_weight=latency_weight,
    )
