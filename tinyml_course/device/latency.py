"""Modelled time and energy of one inference, operator by operator.

The report prints `LatencyEstimate.sources`; how far the model is off on published figures that
it was not fitted to is in `latency_cases`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_course.core.boards import Board
from tinyml_course.core.graph import OpInfo, TensorGraph
from tinyml_course.core.types import How
from tinyml_course.cost.estimate import op_elements, op_macs
from tinyml_course.device.latency_rates import (
    CALIBRATIONS,
    ESPRESSIF_FLASH_BYTES_PER_S,
    REFERENCE,
    TABLES,
    UNKNOWN,
    Calibration,
    KernelCost,
    LatencyTier,
)

SOFT_FLOAT = 8.0
"""Cycles of a float operation in software for each of an integer kernel: assumed."""
WITHOUT_FLOAT_UNIT = ("esp32-c3",)
CONVOLUTIONS = ("CONV_2D", "TRANSPOSE_CONV")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpLatency:
    """The modelled share of one operator.

    Attributes
    ----------
    op : int
        Its place in the execution order.
    name : str
        Operator name.
    macs : int
        Multiply-accumulates.
    cycles : float
        Cycles of the core, weights' way from flash included.
    milliseconds : float
        At the board's clock.
    assumed : bool
        Its cost was neither measured nor published.
    """

    op: int
    name: str
    macs: int
    cycles: float
    milliseconds: float
    assumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyEstimate:
    """Modelled time and energy of one inference.

    Attributes
    ----------
    milliseconds : float
        The estimate.
    low_ms, high_ms : float
        The range that published figures support.
    energy_mj : float
        Millijoules: the board's power while computing, times the estimate.
    sources : tuple of str
        What the model was fitted to, and where the power figure stands.
    per_op : tuple of OpLatency
        The operators in execution order.
    kind : str
        Always 'modelled'.
    """

    milliseconds: float
    low_ms: float
    high_ms: float
    energy_mj: float
    sources: tuple[str, ...]
    per_op: tuple[OpLatency, ...]
    kind: How = "modelled"

    @property
    def assumed_share(self) -> float:
        """Share of the time in operators whose cost was neither measured nor published."""
        assumed = sum(op.milliseconds for op in self.per_op if op.assumed)
        return assumed / self.milliseconds if self.milliseconds else 0.0


def model_latency(
    graph: TensorGraph, board: Board, kernels: LatencyTier | None = None
) -> LatencyEstimate:
    """Return the modelled latency of `graph` on `board`.

    Cycles are linear in multiply-accumulates, window positions and output elements, with rates
    for each operator and kernel tier. Weights additionally stream once from the serial flash of
    Espressif's boards. Operators that a tier does not accelerate (floats, int16 activations,
    int4 weights, kinds without a kernel) run on the reference kernels.

    Parameters
    ----------
    graph : TensorGraph
        From a .tflite or an ArchSpec.
    board : Board
        Its clock and power are used.
    kernels : LatencyTier, optional
        Kernels that the firmware links; the board's own by default. For Cortex-M boards
        'cmsis-nn' is there too: its speed is modelled, its arena is not. The Raspberry Pi always
        runs LiteRT.

    Raises
    ------
    ValueError
        If these kernels do not exist for the board.

    Examples
    --------
    >>> from tinyml_course.core.boards import find_board
    >>> from tinyml_course.device.latency_networks import person_detection
    >>> round(model_latency(person_detection(), find_board("esp32")).milliseconds)
    380
    """
    tier = _tier(board, kernels or board.kernels)
    calibration = CALIBRATIONS[board.name, tier]
    per_op = tuple(
        _op_latency(graph, number, op, board, tier) for number, op in enumerate(graph.ops)
    )
    milliseconds = sum(op.milliseconds for op in per_op)
    return LatencyEstimate(
        milliseconds=milliseconds,
        low_ms=milliseconds * calibration.low,
        high_ms=milliseconds * calibration.high,
        energy_mj=milliseconds * board.active_mw * 1e-3,
        sources=(calibration.source, *(s for s in board.sources if s.startswith("power"))),
        per_op=per_op,
    )


def _tier(board: Board, kernels: LatencyTier) -> LatencyTier:
    tier: LatencyTier = "litert" if board.name == "rpi4" else kernels
    if (board.name, tier) not in CALIBRATIONS:
        known = ", ".join(tier for name, tier in CALIBRATIONS if name == board.name)
        raise ValueError(f"{board.title} has no {kernels!r} kernels; choose one of {known}")
    return tier


def _op_latency(
    graph: TensorGraph, number: int, op: OpInfo, board: Board, tier: LatencyTier
) -> OpLatency:
    cost, calibration = _choose_kernel(graph, op, board, tier)
    macs = op_macs(graph, op)
    outputs = sum(graph.tensors[index].elements for index in op.outputs)
    units = cost.total(
        macs=macs, taps=_taps(graph, op, outputs), outputs=outputs, elements=op_elements(graph, op)
    )
    cycles = units * calibration.cycles_per_unit
    if board.name in WITHOUT_FLOAT_UNIT and "FLOAT32" in _types(graph, op):
        cycles *= SOFT_FLOAT
    if board.name.startswith("esp32"):
        cycles += _weight_bytes(graph, op) * board.clock_mhz * 1e6 / ESPRESSIF_FLASH_BYTES_PER_S
    return OpLatency(
        op=number,
        name=op.name,
        macs=macs,
        cycles=cycles,
        milliseconds=cycles / (board.clock_mhz * 1e3),
        assumed=cost.assumed,
    )


def _choose_kernel(
    graph: TensorGraph, op: OpInfo, board: Board, tier: LatencyTier
) -> tuple[KernelCost, Calibration]:
    """Return the cost of the kernel that executes `op`, and how fast the board runs it."""
    if tier == "litert":
        return TABLES[tier].get(op.name, KernelCost(per_element=2, assumed=True)), CALIBRATIONS[
            board.name, tier
        ]
    accelerated = TABLES[tier].get(op.name)
    if accelerated is not None and not _types(graph, op) & {"FLOAT32", "INT16", "INT4"}:
        return accelerated, CALIBRATIONS[board.name, tier]
    return REFERENCE.get(op.name, UNKNOWN), CALIBRATIONS[board.name, "tflm-reference"]


def _types(graph: TensorGraph, op: OpInfo) -> set[str]:
    return {graph.tensors[index].dtype for index in (*op.inputs, *op.outputs) if index >= 0}


def _taps(graph: TensorGraph, op: OpInfo, outputs: int) -> int:
    """Return output elements times positions of the filter's window; 0 for other operators."""
    if op.name not in CONVOLUTIONS or len(op.inputs) < 2:
        return 0
    shape = graph.tensors[op.inputs[1]].shape
    return outputs * shape[1] * shape[2] if len(shape) == 4 else 0


def _weight_bytes(graph: TensorGraph, op: OpInfo) -> int:
    return sum(graph.tensors[index].constant_bytes for index in op.inputs if index >= 0)
