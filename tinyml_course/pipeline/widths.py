"""Narrower copies of a network: the same blocks with fewer channels everywhere."""

from __future__ import annotations

from dataclasses import replace

from tinyml_course.compression.channel_choice import group_widths, resize
from tinyml_course.core.arch import ArchSpec
from tinyml_course.nas.costs import Constraints, FileForm, measure_cost

STEPS = 64
"""How finely widths are scaled."""


def scale_widths(spec: ArchSpec, share: float, *, at_least: int = 2) -> ArchSpec:
    """Return `spec` with every width multiplied by `share`, rounded, and not below `at_least`.

    Examples
    --------
    >>> from tinyml_course.core.arch import gesture_net
    >>> [layer.filters for layer in scale_widths(gesture_net(3), 0.5).layers]
    [4, 8, 16, 28]
    """
    widths = group_widths(spec)
    scaled = {
        name: max(min(at_least, width), round(share * width)) for name, width in widths.items()
    }
    return resize(spec, scaled)


def widest_within(
    spec: ArchSpec, limits: Constraints, *, board: str, form: FileForm, at_least: int = 2
) -> ArchSpec:
    """Return the widest evenly scaled copy of `spec` that keeps within `limits`.

    Where none does, the narrowest; never a wider one than `spec`.

    Parameters
    ----------
    spec : ArchSpec
        The network.
    limits : Constraints
        Of the chip.
    board : str
        Name of the board.
    form : {'slim', 'aware', 'calibrated'}
        The file whose bytes count.
    at_least : int, default 2
        Channels that every block keeps.
    """
    for step in range(STEPS, 0, -1):
        narrower = scale_widths(spec, step / STEPS, at_least=at_least)
        if not limits.violations(measure_cost(narrower, board, form=form)):
            return narrower
    return scale_widths(spec, 0.0, at_least=at_least)


def loosen(limits: Constraints, factor: float) -> Constraints:
    """Return limits `factor` times as large."""
    return replace(
        limits,
        max_arena=_times(limits.max_arena, factor),
        max_flash=_times(limits.max_flash, factor),
        max_latency=None if limits.max_latency is None else factor * limits.max_latency,
    )


def _times(limit: int | None, factor: float) -> int | None:
    return None if limit is None else int(factor * limit)
