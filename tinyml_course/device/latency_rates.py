"""What one operator costs, by kernel tier, and how fast each board is at it.

Three kinds of tables. The portable C kernels (`tflm-reference`, `esp-nn`) are counted in
instructions of the very sources, measured with callgrind on an x86-32 build of 35 models; each
board then has a factor of cycles per instruction. The kernels in assembler (`esp-nn-s3`,
`esp-nn-p4`) are in cycles, fitted to the vendor's benchmarks of single kernels. `cmsis-nn` and
LiteRT on the Raspberry Pi are in cycles, fitted to some of the MLPerf Tiny networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tinyml_course.core.types import KernelTier

LatencyTier = KernelTier | Literal["cmsis-nn", "litert"]
"""Kernels with a modelled speed; the last two have no modelled arena."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelCost:
    """What one operator costs, as a linear function of its shape, in the tier's unit.

    Attributes
    ----------
    per_mac, per_output : float
        For each multiply-accumulate and each output element.
    per_tap : float
        For each output element and position of the filter's window.
    per_element : float
        For each element of the innermost loop (`op_elements`).
    per_call : float
        Once.
    assumed : bool
        Not measured or published for this operator: of the right order only.
    """

    per_mac: float = 0.0
    per_tap: float = 0.0
    per_output: float = 0.0
    per_element: float = 0.0
    per_call: float = 1000.0
    assumed: bool = False

    def total(self, *, macs: int, taps: int, outputs: int, elements: int) -> float:
        """Return the cost of one operator in the tier's unit.

        Examples
        --------
        >>> KernelCost(per_mac=2, per_output=10).total(macs=9, taps=9, outputs=1, elements=1)
        1028.0
        """
        return float(
            self.per_mac * macs
            + self.per_tap * taps
            + self.per_output * outputs
            + self.per_element * elements
            + self.per_call
        )


_FC_REFERENCE = KernelCost(per_mac=9.0, per_output=108, per_call=578)
_CONV_REFERENCE = KernelCost(per_mac=8.3, per_tap=46.8, per_output=163.5, per_call=708)
_POOL_REFERENCE = KernelCost(per_element=6.9, per_output=113, per_call=424)
_COPY = KernelCost(per_output=10, assumed=True)
_LOOKUP = KernelCost(per_output=150, assumed=True)

REFERENCE: dict[str, KernelCost] = {
    "CONV_2D": _CONV_REFERENCE,
    "DEPTHWISE_CONV_2D": KernelCost(per_mac=33, per_output=177, per_call=1690),
    "FULLY_CONNECTED": _FC_REFERENCE,
    "MAX_POOL_2D": _POOL_REFERENCE,
    "ADD": KernelCost(per_element=173),
    "MEAN": KernelCost(per_element=108),
    "SOFTMAX": KernelCost(per_element=855),
    "AVERAGE_POOL_2D": KernelCost(per_element=8, per_output=150, assumed=True),
    "SUB": KernelCost(per_element=173, assumed=True),
    "MUL": KernelCost(per_element=120, assumed=True),
    "SUM": KernelCost(per_element=108, assumed=True),
    "REDUCE_MAX": KernelCost(per_element=60, assumed=True),
    "TRANSPOSE_CONV": KernelCost(per_mac=8.3, per_output=163.5, assumed=True),
    "BATCH_MATMUL": KernelCost(per_mac=9.0, per_output=108, assumed=True),
    "SVDF": KernelCost(per_mac=9.0, per_output=108, assumed=True),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": KernelCost(per_mac=9.0, per_output=500, assumed=True),
    "LOGISTIC": _LOOKUP,
    "TANH": _LOOKUP,
    "HARD_SWISH": _LOOKUP,
    "RESHAPE": KernelCost(per_output=1, assumed=True),
    "CONCATENATION": _COPY,
    "PAD": _COPY,
    "SPLIT": _COPY,
    "SPLIT_V": _COPY,
    "STRIDED_SLICE": _COPY,
    "TRANSPOSE": _COPY,
}
"""x86-32 instructions; measured for CONV_2D to SOFTMAX, mean error 0.3 to 5 %."""

UNKNOWN = KernelCost(per_output=100, assumed=True)
"""For operators without an entry."""

ESP_NN: dict[str, KernelCost] = {
    "CONV_2D": KernelCost(per_mac=5.4, per_tap=33.1, per_output=76.8, per_call=751),
    "DEPTHWISE_CONV_2D": KernelCost(per_mac=5.9, per_output=93.7, per_call=2369),
    "FULLY_CONNECTED": KernelCost(per_mac=10.0, per_output=89, per_call=433),
    "MAX_POOL_2D": KernelCost(per_element=6.7, per_output=53),
    "SOFTMAX": KernelCost(per_element=387),
    "AVERAGE_POOL_2D": KernelCost(per_element=6.7, per_output=80, assumed=True),
    "ADD": KernelCost(per_element=100, assumed=True),
    "MUL": KernelCost(per_element=60, assumed=True),
}
"""x86-32 instructions of ESP-NN's portable C kernels, measured in the same way."""

ESP_NN_S3: dict[str, KernelCost] = {
    "CONV_2D": KernelCost(per_mac=0.284, per_tap=6.86, per_output=26.7, per_call=0),
    "DEPTHWISE_CONV_2D": KernelCost(per_mac=4.46, per_output=4.83, per_call=0),
    "FULLY_CONNECTED": KernelCost(per_mac=1.20, per_output=33.6, per_call=0),
    "ADD": KernelCost(per_element=46, per_call=0),
    "MUL": KernelCost(per_element=22, per_call=0),
    "SOFTMAX": KernelCost(per_element=43, per_call=0),
    "MAX_POOL_2D": KernelCost(per_element=1.7, per_call=0),
    "AVERAGE_POOL_2D": KernelCost(per_element=4.2, per_call=0),
}
"""Cycles; esp-nn, README, kernelwise performance on ESP32-S3."""

ESP_NN_P4: dict[str, KernelCost] = {
    "CONV_2D": KernelCost(per_mac=0.417, per_tap=7.04, per_output=55.7, per_call=0),
    "DEPTHWISE_CONV_2D": KernelCost(per_mac=6.38, per_output=60.4, per_call=0),
    "FULLY_CONNECTED": KernelCost(per_mac=0.894, per_output=62.7, per_call=0),
    "ADD": KernelCost(per_element=54.8, per_call=0),
    "MUL": KernelCost(per_element=29.5, per_call=0),
    "SOFTMAX": KernelCost(per_element=43, per_call=0, assumed=True),
    "MAX_POOL_2D": KernelCost(per_element=1.7, per_call=0, assumed=True),
    "AVERAGE_POOL_2D": KernelCost(per_element=4.2, per_call=0, assumed=True),
}
"""Cycles; esp-nn, README, kernelwise performance on ESP32-P4."""

CMSIS_NN: dict[str, KernelCost] = {
    "CONV_2D": KernelCost(per_mac=3.70),
    "DEPTHWISE_CONV_2D": KernelCost(per_mac=14.1),
    "FULLY_CONNECTED": KernelCost(per_mac=3.74, per_output=20),
    "ADD": KernelCost(per_element=15, assumed=True),
    "MUL": KernelCost(per_element=12, assumed=True),
    "SOFTMAX": KernelCost(per_element=150, assumed=True),
    "MAX_POOL_2D": KernelCost(per_element=2, per_output=10, assumed=True),
    "AVERAGE_POOL_2D": KernelCost(per_element=3, per_output=20, assumed=True),
    "SVDF": KernelCost(per_mac=4, per_output=50, assumed=True),
    "TRANSPOSE_CONV": KernelCost(per_mac=5, per_output=50, assumed=True),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": KernelCost(per_mac=4, per_output=300, assumed=True),
}
"""Cycles of a Cortex-M4; MLPerf Tiny v1.0, STM32L4R5 with CMSIS-NN."""

LITERT: dict[str, KernelCost] = {
    "CONV_2D": KernelCost(per_mac=0.122),
    "DEPTHWISE_CONV_2D": KernelCost(per_mac=1.11),
    "FULLY_CONNECTED": KernelCost(per_mac=1.05),
}
"""Cycles of a Cortex-A72; MLPerf Tiny v0.5, Raspberry Pi 4."""

TABLES: dict[LatencyTier, dict[str, KernelCost]] = {
    "tflm-reference": REFERENCE,
    "esp-nn": ESP_NN,
    "esp-nn-s3": ESP_NN_S3,
    "esp-nn-p4": ESP_NN_P4,
    "cmsis-nn": CMSIS_NN,
    "litert": LITERT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How fast one board runs one tier.

    Attributes
    ----------
    cycles_per_unit : float
        Cycles for each unit of the tier's table.
    low, high : float
        Factors on the estimate that give its range.
    source : str
        Where the figures stand, and what the range reflects.
    """

    cycles_per_unit: float
    low: float
    high: float
    source: str


ESPRESSIF_FLASH_BYTES_PER_S = 40e6
"""Weights stream from serial flash: four data lines at 80 MHz (esptool, SPI Flash Modes)."""

_COREMARK_PER_MHZ = {"esp32": 2.07, "esp32-s3": 2.46, "esp32-c3": 2.56}
"""One core; espressif/coremark's example for the C3, data sheets for the others (both / 2)."""

_C3_REFERENCE = 4.173
_ESP32_ESP_NN = 1.430


def _like(known: str, factor: float, board: str) -> float:
    """Return the factor of `board` from that of `known`, by their CoreMark per megahertz."""
    return factor * _COREMARK_PER_MHZ[known] / _COREMARK_PER_MHZ[board]


_M4_REFERENCE = Calibration(
    cycles_per_unit=10.13,
    low=0.25,
    high=1.3,
    source="Cortex-M4 reference kernels: person detection on a NUCLEO-F413ZH, 13.0 s at 100 MHz "
    "(Samsung/ONE#7598); the range's lower end is a Cortex-M7 with a better compiler "
    "(mit-han-lab/tinyengine, README: 45 cycles a MAC); nothing published for the nRF52840",
)
_M4_CMSIS = Calibration(
    cycles_per_unit=1.0,
    low=0.8,
    high=2.1,
    source="CMSIS-NN of 2021 and later: MLPerf Tiny v1.0, STM32L4R5; the range's upper end is the "
    "CMSIS-NN of 2020 (MLPerf Tiny v0.5, reference submission); nothing published for the "
    "nRF52840",
)

CALIBRATIONS: dict[tuple[str, LatencyTier], Calibration] = {
    ("esp32", "tflm-reference"): Calibration(
        cycles_per_unit=7.622,
        low=0.5,
        high=1.3,
        source="person detection without ESP-NN, 4084 ms (esp-tflite-micro, README); the range's "
        "lower end: the compiler's -O2 instead of ESP-IDF's default took 4400 to 2400 ms "
        "on another network (esp-tflite-micro#25)",
    ),
    ("esp32", "esp-nn"): Calibration(
        cycles_per_unit=_ESP32_ESP_NN,
        low=0.75,
        high=1.4,
        source="person detection with ESP-NN, 380 ms (esp-tflite-micro, README)",
    ),
    ("esp32-c3", "tflm-reference"): Calibration(
        cycles_per_unit=_C3_REFERENCE,
        low=0.7,
        high=1.4,
        source="person detection without ESP-NN, 3355 ms (esp-tflite-micro, README)",
    ),
    ("esp32-c3", "esp-nn"): Calibration(
        cycles_per_unit=_like("esp32", _ESP32_ESP_NN, "esp32-c3"),
        low=0.75,
        high=1.4,
        source="from the ESP32's 380 ms for person detection by CoreMark per MHz",
    ),
    ("esp32-s3", "tflm-reference"): Calibration(
        cycles_per_unit=_like("esp32-c3", _C3_REFERENCE, "esp32-s3"),
        low=0.7,
        high=1.4,
        source="from the ESP32-C3's 3355 ms for person detection by CoreMark per MHz",
    ),
    ("esp32-s3", "esp-nn"): Calibration(
        cycles_per_unit=_like("esp32", _ESP32_ESP_NN, "esp32-s3"),
        low=0.6,
        high=1.6,
        source="from the ESP32's 380 ms for person detection by CoreMark per MHz; "
        "nothing published for these kernels on this chip",
    ),
    ("esp32-s3", "esp-nn-s3"): Calibration(
        cycles_per_unit=1.0,
        low=0.75,
        high=1.4,
        source="ESP-NN's kernels on ESP32-S3, data in external RAM (esp-nn, README)",
    ),
    ("esp32-p4", "tflm-reference"): Calibration(
        cycles_per_unit=_C3_REFERENCE,
        low=0.7,
        high=1.4,
        source="cycles as on the ESP32-C3, also an RV32: assumed",
    ),
    ("esp32-p4", "esp-nn"): Calibration(
        cycles_per_unit=_like("esp32", _ESP32_ESP_NN, "esp32-c3"),
        low=0.6,
        high=1.6,
        source="cycles as on the ESP32-C3, also an RV32: assumed",
    ),
    ("esp32-p4", "esp-nn-p4"): Calibration(
        cycles_per_unit=1.0,
        low=0.75,
        high=1.4,
        source="ESP-NN's kernels on ESP32-P4, data in external RAM (esp-nn, README)",
    ),
    ("stm32l4r5", "tflm-reference"): _M4_REFERENCE,
    ("stm32l4r5", "cmsis-nn"): _M4_CMSIS,
    ("nrf52840", "tflm-reference"): _M4_REFERENCE,
    ("nrf52840", "cmsis-nn"): _M4_CMSIS,
    ("rpi4", "litert"): Calibration(
        cycles_per_unit=1.0,
        low=0.5,
        high=2.5,
        source="one core of a Raspberry Pi 4: MLPerf Tiny v0.5, from the laps' time stamps",
    ),
}
