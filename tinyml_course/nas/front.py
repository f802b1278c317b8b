"""The outcome of a search: its Pareto front, and one number for how good the front is.

Objectives, all to be made small: error, arena, flash, latency. moocore does the geometry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinyml_course.nas.trial import Trial

if TYPE_CHECKING:
    from tinyml_course.nas.costs import Constraints

PATIENCE_MS = 1000.0
"""Latency at which a person's thought breaks off; the reference where a search has no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The corner that a hypervolume is measured up to: networks beyond it add nothing.

    Attributes
    ----------
    arena_bytes, model_bytes : float
        Worst sizes.
    latency_ms : float
        Worst latency.
    error : float
        Worst share of wrong answers.

    References
    ----------
    .. [1] Nielsen, Usability Engineering, 1993, section 5.5: 1 s is the limit for the user's
       flow of thought to stay uninterrupted.
    """

    arena_bytes: float
    model_bytes: float
    latency_ms: float = PATIENCE_MS
    error: float = 1.0

    @property
    def corner(self) -> NDArray[np.float64]:
        """(4,) float64, in the order of `objectives`."""
        return np.array([self.error, self.arena_bytes, self.model_bytes, self.latency_ms])


def reference_for(constraints: Constraints, *, arena_bytes: int, model_bytes: int) -> Reference:
    """Return the corner at the constraints, or at the board's limits where there are none.

    Parameters
    ----------
    constraints : Constraints
        Limits of the search.
    arena_bytes, model_bytes : int
        Limits of the board.
    """
    return Reference(
        arena_bytes=constraints.max_arena or arena_bytes,
        model_bytes=constraints.max_flash or model_bytes,
        latency_ms=constraints.max_latency or PATIENCE_MS,
    )


def objectives(trials: Sequence[Trial]) -> NDArray[np.float64]:
    """Return (N, 4) float64: error as a share, arena in bytes, file in bytes, latency in ms."""
    rows = [(t.error, t.cost.arena_bytes, t.cost.model_bytes, t.cost.latency_ms) for t in trials]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def find_front(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Return the trials that no other one dominates, the most accurate first.

    Only trials of the highest fidelity compete: an accuracy after two epochs says little beside
    one after twenty. Of trials with equal objectives the first one stays.
    """
    from moocore import is_nondominated

    usable = [trial for trial in trials if trial.accuracy is not None]
    best = max((trial.fidelity for trial in usable), default=0.0)
    rivals = [trial for trial in usable if trial.fidelity == best]
    if not rivals:
        return ()
    on_front = is_nondominated(objectives(rivals))
    front = [trial for trial, keep in zip(rivals, on_front, strict=True) if keep]
    return tuple(sorted(front, key=lambda t: (t.error, t.cost.arena_bytes, t.cost.model_bytes)))


def measure_hypervolume(trials: Sequence[Trial], reference: Reference) -> float:
    """Return the share of the box below `reference` that the trials dominate, in [0, 1].

    0 for no trial inside the box; 1 would be a network without error, memory and latency.

    References
    ----------
    .. [1] Zitzler and Thiele, IEEE Trans. Evolutionary Computation 3(4), 1999, section III.
    .. [2] Fonseca, Paquete and López-Ibáñez, An improved dimension-sweep algorithm for the
       hypervolume indicator, CEC 2006; the algorithm in moocore.
    """
    from moocore import hypervolume

    usable = [trial for trial in trials if trial.accuracy is not None]
    if not usable:
        return 0.0
    return float(hypervolume(objectives(usable) / reference.corner, ref=np.ones(4)))
