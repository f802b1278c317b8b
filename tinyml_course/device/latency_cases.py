"""Published latencies: those that the model's rates were fitted to, and those held out.

No rate was computed from a held-out figure. The form of the model (the share of the flash,
speed of one board from another's by CoreMark) was chosen with all of them in view, so the
errors below say how the model does on figures of this kind, not on any network whatever.
Figures of one kernel were used for fitting and figures of whole networks held out wherever
both exist, because a learner asks about networks.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Literal

from tinyml_course.core.boards import find_board
from tinyml_course.core.graph import TensorGraph
from tinyml_course.device import latency_networks as nets
from tinyml_course.device.latency import model_latency
from tinyml_course.device.latency_rates import LatencyTier


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCase:
    """One published latency.

    Attributes
    ----------
    network : callable
        Makes the graph.
    board : str
        Board whose rates apply.
    tier : str
        Kernels of the published build.
    milliseconds : float
        What was published.
    clock_mhz : int or None
        Clock of the published run where it is not the board table's.
    role : {'fit', 'held-out'}
        Whether rates were computed from it.
    reason : str
        Why it has that role.
    source : str
        Where it stands.
    """

    network: Callable[[], TensorGraph]
    board: str
    tier: LatencyTier
    milliseconds: float
    clock_mhz: int | None = None
    role: Literal["fit", "held-out"]
    reason: str
    source: str

    @property
    def modelled_ms(self) -> float:
        """What the model says."""
        board = find_board(self.board)
        board = replace(board, clock_mhz=self.clock_mhz or board.clock_mhz)
        return model_latency(self.network(), board, self.tier).milliseconds

    @property
    def error(self) -> float:
        """Modelled over published, less one: 0.1 is 10 % too slow."""
        return self.modelled_ms / self.milliseconds - 1


_TFLM_README = "espressif/esp-tflite-micro, README, Performance Comparison"
_NN_README = "espressif/esp-nn, README"
_ONE = "Samsung/ONE#7598, NUCLEO-F413ZH (Cortex-M4, 100 MHz)"
_ONLY = "the only figure for these kernels on this core"
_OTHER_CHIP = "predicted from another chip's figure"
_NETWORK = "a whole network, predicted from figures of single kernels"


def _person(
    board: str, tier: LatencyTier, milliseconds: float, role: Literal["fit", "held-out"],
    reason: str, source: str = _TFLM_README, clock_mhz: int | None = None,
) -> PublishedCase:  # fmt: skip
    return PublishedCase(
        network=nets.person_detection, board=board, tier=tier, milliseconds=milliseconds,
        clock_mhz=clock_mhz, role=role, reason=reason, source=source,
    )  # fmt: skip


PERSON_DETECTION = (
    _person("esp32", "tflm-reference", 4084, "fit", _ONLY),
    _person("esp32", "esp-nn", 380, "fit", "the course's main board"),
    _person("esp32-c3", "tflm-reference", 3355, "fit", "the base for the other two chips"),
    _person("esp32-c3", "esp-nn", 426, "held-out", _OTHER_CHIP),
    _person("esp32-s3", "tflm-reference", 2300, "held-out", _OTHER_CHIP),
    _person("esp32-s3", "esp-nn-s3", 54, "held-out", _NETWORK),
    _person("esp32-s3", "esp-nn-s3", 47, "held-out", _NETWORK, f"{_NN_README}, internal RAM"),
    _person("esp32-p4", "tflm-reference", 1395, "held-out", _OTHER_CHIP, _NN_README),
    _person("esp32-p4", "esp-nn-p4", 73, "held-out", _NETWORK, _NN_README),
    _person("stm32l4r5", "tflm-reference", 13005.4, "fit", _ONLY, _ONE, 100),
    _person("stm32l4r5", "cmsis-nn", 386.6, "held-out", "another board and runtime", _ONE, 100),
)
"""TFLM's example on each chip, with and without the vendor's kernels."""

_KERNELS: tuple[tuple[Callable[[], TensorGraph], int, int], ...] = (
    (partial(nets.single_conv, 10, 64, 64, 1), 331_008, 572_459),
    (partial(nets.single_conv, 8, 16, 16, 1), 39_022, 71_104),
    (partial(nets.single_conv, 10, 3, 64, 3), 394_842, 533_318),
    (partial(nets.single_depthwise, 18, 16, 3), 184_176, 482_389),
    (partial(nets.single_depthwise, 12, 4, 5, multiplier=8, pads=1), 372_435, 703_989),
    (partial(nets.single_dense, 271, 3), 1_078, 915),
    (partial(nets.single_add, 1615), 74_290, 88_451),
)
"""Kernels with their cycles on ESP32-S3 and on ESP32-P4."""

_VECTOR_BOARDS: tuple[tuple[str, LatencyTier], ...] = (
    ("esp32-s3", "esp-nn-s3"),
    ("esp32-p4", "esp-nn-p4"),
)

KERNEL_BENCHMARKS = tuple(
    PublishedCase(
        network=network,
        board=board,
        tier=tier,
        milliseconds=cycles / find_board(board).clock_mhz * 1e-3,
        role="fit",
        reason="one kernel; the network on this chip is held out",
        source=f"{_NN_README}, kernelwise performance",
    )
    for network, *both in _KERNELS
    for (board, tier), cycles in zip(_VECTOR_BOARDS, both, strict=True)
)
"""ESP-NN's kernels one by one; weights in RAM."""

_MLPERF = (
    nets.keyword_spotting,
    nets.image_classification,
    nets.visual_wake_words,
    nets.anomaly_detection,
)


def _mlperf(
    board: str, tier: LatencyTier, milliseconds: tuple[float, ...], held_out: dict[int, str],
    source: str,
) -> tuple[PublishedCase, ...]:  # fmt: skip
    return tuple(
        PublishedCase(
            network=network,
            board=board,
            tier=tier,
            milliseconds=ms,
            role="held-out" if number in held_out else "fit",
            reason=held_out.get(number, "one network for each kind of kernel"),
            source=source,
        )
        for number, (network, ms) in enumerate(zip(_MLPERF, milliseconds, strict=True))
    )


_OLDER = "older CMSIS-NN (TFLM 2.3.1, 2020), slower by the range's upper end"

MLPERF_TINY = (
    *_mlperf(
        "stm32l4r5", "cmsis-nn", (99.8, 389.6, 301, 8.6),
        {0: "both kinds of convolution, fitted on the other networks"},
        "MLPerf Tiny v1.0, STM32L4R5, microTVM with CMSIS-NN",
    ),
    *_mlperf(
        "stm32l4r5", "cmsis-nn", (181.9, 704, 600.6, 10.05), dict.fromkeys(range(4), _OLDER),
        "MLPerf Tiny v0.5, STM32L4R5, reference submission",
    ),
    *_mlperf(
        "rpi4", "litert", (0.422, 1.07, 2.60, 0.192),
        {2: "both kinds of convolution, fitted on the other networks"},
        "MLPerf Tiny v0.5, Raspberry Pi 4, int8, from the laps' time stamps",
    ),
)  # fmt: skip
"""The four networks of MLPerf Tiny."""

CASES: tuple[PublishedCase, ...] = (*PERSON_DETECTION, *KERNEL_BENCHMARKS, *MLPERF_TINY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """How far the model is off on the held-out figures.

    Attributes
    ----------
    cases : int
        Held-out figures.
    median_error, worst_error : float
        Of the errors' absolute values; 0.1 is 10 %.
    """

    cases: int
    median_error: float
    worst_error: float

    def __str__(self) -> str:
        return (
            f"on {self.cases} published latencies that it was not fitted to, the model is off by "
            f"{self.median_error:.0%} (median) and {self.worst_error:.0%} (worst)"
        )


@cache
def validate_latency() -> Validation:
    """Return the model's errors on the held-out cases (computed once, about 10 ms).

    Examples
    --------
    >>> validate_latency().worst_error < 0.6
    True
    """
    errors = [abs(case.error) for case in CASES if case.role == "held-out"]
    return Validation(
        cases=len(errors), median_error=statistics.median(errors), worst_error=max(errors)
    )
