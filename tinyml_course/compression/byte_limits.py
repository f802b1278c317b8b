"""Limits in bytes that pruning has to meet, and what a specification costs under them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.types import KernelTier
from tinyml_course.cost.file_size import file_bytes
from tinyml_course.cost.graph import arch_graph
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.slim_size import slim_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteLimits:
    """What a pruned network may cost; None for no limit.

    Attributes
    ----------
    max_flash, max_arena : int or None
        Bytes of the .tflite, and of the arena.
    form : {'slim', 'calibrated', 'aware'}
        The file that counts: slimmed (up to five per cent less than computed), or as conversion
        writes it for a calibrated or a quantization-aware model (both exact).
    kernels : KernelTier
        Kernels that the firmware links.
    """

    max_flash: int | None = None
    max_arena: int | None = None
    form: Literal["slim", "calibrated", "aware"] = "slim"
    kernels: KernelTier = "esp-nn"

    def __post_init__(self) -> None:
        limits = (self.max_flash, self.max_arena)
        if all(limit is None for limit in limits):
            raise ValueError("ByteLimits needs max_flash, max_arena or both")
        if any(limit is not None and limit < 1 for limit in limits):
            raise ValueError(f"limits must be positive, got {self}; None means no limit")

    def costs(self, spec: ArchSpec) -> tuple[int, int]:
        """Return the bytes of flash and arena of `spec`; nothing is trained or converted."""
        return _costs(spec, self.form, self.kernels)

    def loads(self, spec: ArchSpec) -> tuple[float, float]:
        """Return each cost as a share of its limit; 0 where there is none."""
        pairs = zip(self.costs(spec), (self.max_flash, self.max_arena), strict=True)
        flash, arena = (cost / limit if limit else 0.0 for cost, limit in pairs)
        return flash, arena

    def approach(self, spec: ArchSpec, share: float) -> ByteLimits:
        """Return limits on the way from what `spec` costs (share 0) to these (share 1).

        Each step of equal share takes the same factor off; what `spec` already meets stays.
        """
        loads = self.loads(spec)
        flash, arena = (
            None if limit is None else int(limit * max(load, 1.0) ** (1 - share))
            for limit, load in zip((self.max_flash, self.max_arena), loads, strict=True)
        )
        return replace(self, max_flash=flash, max_arena=arena)


@lru_cache(maxsize=4096)
def _costs(
    spec: ArchSpec, form: Literal["slim", "calibrated", "aware"], kernels: KernelTier
) -> tuple[int, int]:
    graph = arch_graph(spec)
    flash = slim_bytes(graph) if form == "slim" else file_bytes(spec, graph, aware=form == "aware")
    return flash, plan_arena(graph, kernels).required_bytes
