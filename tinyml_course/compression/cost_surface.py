"""What a network costs at fractional widths: the cost model, made smooth.

Weights, multiply-accumulates and modelled cycles are sums over layers of products of two widths,
before and behind the layer. So a quadratic form in the widths says all of it; it is fitted to the
cost model. Of the cycles nothing is left over; of the bytes, padding, and what a slimmed file
stores once because two layers happen to have it in common.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinyml_course.compression.channel_choice import group_widths, resize
from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.boards import Board, find_board
from tinyml_course.core.graph import TensorGraph
from tinyml_course.cost.graph import arch_graph
from tinyml_course.device.latency import model_latency
from tinyml_course.device.slim_size import slim_bytes

CostName = Literal["flash", "latency"]

SAMPLES_PER_TERM = 12
"""Networks asked for each coefficient; more change the fit by less than the padding does."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CostSurface:
    """A cost as ``constant + linear . n + n . square n``, where n are the groups' widths.

    Attributes
    ----------
    groups : tuple of str
        G names, as in `group_widths`.
    widths : (G,) float64
        Those of the whole network.
    constant : float
        Bytes or milliseconds of a network without channels.
    linear, square : (G,) and (G, G) float64
        Coefficients; `square` is symmetric.
    worst_error : float
        Largest difference to the cost model among the networks that it was fitted to, in the
        unit of the cost.
    """

    groups: tuple[str, ...]
    widths: NDArray[np.float64]
    constant: float
    linear: NDArray[np.float64]
    square: NDArray[np.float64]
    worst_error: float

    def __call__(self, widths: NDArray[np.float64]) -> float:
        """Return the cost at `widths`, (G,), whole or not."""
        return float(self.constant + self.linear @ widths + widths @ self.square @ widths)

    @property
    def whole(self) -> float:
        """The cost of the whole network."""
        return self(self.widths)


def fit_surface(spec: ArchSpec, cost: CostName, *, board: str = "esp32") -> CostSurface:
    """Return the surface of one cost over the widths of `spec`, from 1 channel to all.

    Parameters
    ----------
    spec : ArchSpec
        The whole network.
    cost : {'flash', 'latency'}
        Bytes of the slimmed int8 file, or modelled milliseconds on `board`.
    board : str, default 'esp32'
        Name in `core.boards.BOARDS`.

    Raises
    ------
    ValueError
        If the board or the cost is unknown.

    Examples
    --------
    >>> from tinyml_course.core.arch import gesture_net
    >>> surface = fit_surface(gesture_net(3), "latency")
    >>> surface.groups
    ('c0', 'c1', 'c2', 'c3')
    >>> surface.worst_error < 1e-3 * surface.whole
    True
    """
    if cost not in ("flash", "latency"):
        raise ValueError(f"cost must be 'flash' or 'latency', got {cost!r}")
    target, whole = find_board(board), group_widths(spec)
    groups, full = tuple(whole), np.array(list(whole.values()))
    terms = 1 + len(groups) + len(groups) * (len(groups) + 1) // 2
    rng = np.random.default_rng(0)
    points = rng.integers(1, full + 1, size=(SAMPLES_PER_TERM * terms, len(groups)))
    points[0] = full
    found = np.array(
        [
            _cost(
                arch_graph(resize(spec, dict(zip(groups, map(int, point), strict=True)))),
                cost,
                target,
            )
            for point in points
        ]
    )
    features = _features(points / full)
    coefficients, *_ = np.linalg.lstsq(features, found, rcond=None)
    linear, square = _unpack(coefficients, full)
    return CostSurface(
        groups=groups,
        widths=full.astype(np.float64),
        constant=float(coefficients[0]),
        linear=linear,
        square=square,
        worst_error=float(np.abs(features @ coefficients - found).max()),
    )


def _cost(graph: TensorGraph, cost: CostName, board: Board) -> float:
    if cost == "flash":
        return float(slim_bytes(graph))
    return model_latency(graph, board, board.kernels).milliseconds


def _features(n: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1, the widths and their products, a column each; n is (N, G)."""
    row, column = np.triu_indices(n.shape[1])
    return np.column_stack([np.ones(len(n)), n, n[:, row] * n[:, column]])


def _unpack(
    coefficients: NDArray[np.float64], full: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return linear and square coefficients by whole widths from those by shares of them."""
    count = len(full)
    upper = np.zeros((count, count))
    upper[np.triu_indices(count)] = coefficients[1 + count :]
    square = (upper + upper.T) / 2 / np.outer(full, full)
    return coefficients[1 : 1 + count] / full, square
