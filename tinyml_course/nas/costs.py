"""What a network of the search space costs on a board, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from tinyml_course.core.arch import ArchSpec
from tinyml_course.core.boards import find_board
from tinyml_course.core.graph import TensorGraph
from tinyml_course.core.types import KernelTier
from tinyml_course.cost.estimate import estimate_cost
from tinyml_course.cost.file_size import file_bytes
from tinyml_course.cost.graph import arch_graph
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.latency import model_latency
from tinyml_course.device.slim_size import slim_bytes

FileForm = Literal["calibrated", "aware", "slim"]
"""Which .tflite of a network is meant: they differ in names, and in what no runtime reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecCost:
    """Costs of one network.

    Attributes
    ----------
    parameters : int
        Trained numbers in the file, biases included.
    macs : int
        Multiply-accumulates of one inference.
    arena_bytes : int
        Arena that the firmware must reserve.
    model_bytes : int
        Size of the int8 .tflite.
    latency_ms : float
        Modelled time of one inference.
    """

    parameters: int
    macs: int
    arena_bytes: int
    model_bytes: int
    latency_ms: float


def measure_cost(
    spec: ArchSpec,
    board: str = "esp32",
    *,
    kernels: KernelTier | None = None,
    form: FileForm = "calibrated",
) -> SpecCost:
    """Return what `spec` costs on `board`; no training, no conversion, no TensorFlow.

    Parameters
    ----------
    spec : ArchSpec
        Network.
    board : str, default 'esp32'
        Name in `core.boards.BOARDS`.
    kernels : KernelTier, optional
        Kernels that the firmware links; the board's own by default.
    form : {'calibrated', 'aware', 'slim'}
        The file whose bytes count: what `convert_int8` writes for a model that is calibrated
        after training, or for one trained with `quantize_aware` (both exact), or what `slim`
        leaves of either (up to five per cent too large).

    Raises
    ------
    ValueError
        If the board is unknown or has no such kernels, or `form` is another one.
    """
    target = find_board(board)
    tier = kernels or target.kernels
    graph = arch_graph(spec)
    cost = estimate_cost(graph)
    return SpecCost(
        parameters=cost.parameters,
        macs=cost.macs,
        arena_bytes=plan_arena(graph, tier).required_bytes,
        model_bytes=_model_bytes(spec, graph, form),
        latency_ms=model_latency(graph, target, tier).milliseconds,
    )


def _model_bytes(spec: ArchSpec, graph: TensorGraph, form: FileForm) -> int:
    if form == "slim":
        return slim_bytes(graph)
    if form not in get_args(FileForm):
        raise ValueError(f"form must be one of {', '.join(get_args(FileForm))}, got {form!r}")
    return file_bytes(spec, graph, aware=form == "aware")


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """Hard limits of a search; what exceeds one is never trained.

    Attributes
    ----------
    max_arena, max_flash : int or None
        Bytes of the arena and of the .tflite; None for no limit.
    max_latency : float or None
        Milliseconds; None for no limit.
    """

    max_arena: int | None = None
    max_flash: int | None = None
    max_latency: float | None = None

    def __post_init__(self) -> None:
        for name in ("max_arena", "max_flash", "max_latency"):
            limit = getattr(self, name)
            if limit is not None and not limit > 0:
                raise ValueError(f"{name} must be positive, got {limit}; None means no limit")

    def violations(self, cost: SpecCost) -> tuple[str, ...]:
        """Return each limit that `cost` exceeds, with both figures; empty if it fits.

        Examples
        --------
        >>> cost = SpecCost(
        ...     parameters=9, macs=9, arena_bytes=5000, model_bytes=900, latency_ms=1.5
        ... )
        >>> Constraints(max_arena=4096).violations(cost)
        ('arena: 5,000 B, the limit is 4,096 B',)
        """
        checks = (
            ("arena", cost.arena_bytes, self.max_arena, "B", ",.0f"),
            ("flash", cost.model_bytes, self.max_flash, "B", ",.0f"),
            ("latency", cost.latency_ms, self.max_latency, "ms", ".2f"),
        )
        return tuple(
            f"{name}: {value:{form}} {unit}, the limit is {limit:{form}} {unit}"
            for name, value, limit, unit, form in checks
            if limit is not None and value > limit
        )
