"""How much slower float32 is than integer arithmetic on real chips, as published."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatCase:
    """One published comparison.

    Attributes
    ----------
    chip, work : str
        Where, and what was run.
    integer_time, float_time : float
        Times in one unit: cycles of one multiply, or milliseconds of one inference (int8).
    unit : str
        That unit.
    source : str
        Where the figures stand.
    """

    chip: str
    work: str
    integer_time: float
    float_time: float
    unit: str
    source: str

    @property
    def slowdown(self) -> float:
        """How many times longer float32 takes; below 1 where it is faster."""
        return self.float_time / self.integer_time


WLED = "wled/WLED issue 4206 (millions of operations a second, against the clock)"
MLPERF_V1_2 = "MLPerf Tiny v1.2, Bosch, PSoC 62 at 150 MHz"
MLPERF_V0_5 = "MLPerf Tiny v0.5, Raspberry Pi 4, lap times"

FLOAT_CASES: tuple[FloatCase, ...] = tuple(
    FloatCase(chip=chip, work=work, integer_time=integer, float_time=real, unit=unit, source=source)
    for chip, work, integer, real, unit, source in (
        ("ESP32 (with FPU)", "one multiply", 240 / 237.05, 240 / 237.69, "cycles", WLED),
        ("ESP32-C3 (no FPU)", "one multiply", 160 / 120.74, 160 / 1.24, "cycles", WLED),
        ("Cortex-M4F", "ResNet-8", 162.0, 480.0, "ms", MLPERF_V1_2),
        ("Cortex-M4F", "MobileNet, person", 155.0, 361.0, "ms", MLPERF_V1_2),
        ("Cortex-M4F", "dense autoencoder", 6.0, 16.8, "ms", MLPERF_V1_2),
        ("Raspberry Pi 4", "ResNet-8", 1.07, 1.31, "ms", MLPERF_V0_5),
        ("Raspberry Pi 4", "dense autoencoder", 0.192, 0.169, "ms", MLPERF_V0_5),
    )
)
"""Published times of the same work in integers and in float32."""
