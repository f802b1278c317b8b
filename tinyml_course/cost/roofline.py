"""Rooflines: how fast a layer can run at best, given a board's arithmetic and its slow memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LayerKind = Literal["dense", "conv 3x3", "pointwise 1x1", "depthwise 3x3"]
DENSE_UNITS = 64
"""Outputs of the dense layer that `layer_load` describes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roof:
    """The two limits of one board, and what published kernels reach.

    On a microcontroller only the weights come from slow memory (flash): its SRAM feeds two
    bytes per MAC even at the arithmetic peak, so activations never set the limit.

    Attributes
    ----------
    board : str
        Name in the board table.
    peak_macs_per_s : float
        Multiply-accumulates per second that the arithmetic units allow.
    slow_memory : {'flash', 'DRAM'}
        Where the weights lie.
    slow_bytes_per_s : float
        Bytes per second from that memory.
    activations_in_slow : bool
        Whether activations cross the same bus.
    published_macs_per_s : float
        What a whole published network reaches.
    sources : tuple of str
        Where each figure stands; "arithmetic" marks one derived from them.
    """

    board: str
    peak_macs_per_s: float
    slow_memory: Literal["flash", "DRAM"]
    slow_bytes_per_s: float
    activations_in_slow: bool
    published_macs_per_s: float
    sources: tuple[str, ...]

    @property
    def ridge(self) -> float:
        """MACs per byte at which the memory just keeps the arithmetic busy."""
        return self.peak_macs_per_s / self.slow_bytes_per_s

    def attainable(self, intensity: float) -> float:
        """Return the best MACs per second at `intensity` MACs per byte of slow memory.

        Examples
        --------
        >>> ROOFS["esp32"].attainable(1.0)
        40000000.0
        """
        return min(self.peak_macs_per_s, intensity * self.slow_bytes_per_s)


ROOFS: dict[str, Roof] = {
    roof.board: roof
    for roof in (
        Roof(
            board="esp32",
            peak_macs_per_s=240e6,
            slow_memory="flash",
            slow_bytes_per_s=40e6,
            activations_in_slow=False,
            published_macs_per_s=7_157_888 / 0.380,
            sources=(
                "peak: one 16-bit multiply-accumulate a cycle on one core (Xtensa MAC16 option); "
                "arithmetic, 240 MHz",
                "flash: four data lines at 80 MHz (esptool, SPI Flash Modes); arithmetic, the "
                "commands' share left out",
                "reached: person detection, 7,157,888 MACs in 380 ms with ESP-NN "
                "(espressif/esp-tflite-micro, README)",
            ),
        ),
        Roof(
            board="stm32l4r5",
            peak_macs_per_s=240e6,
            slow_memory="flash",
            slow_bytes_per_s=160e6,
            activations_in_slow=False,
            published_macs_per_s=12_501_632 / 0.704,
            sources=(
                "peak: SMLAD, two 16-bit multiply-accumulates a cycle (Arm Cortex-M4 TRM); "
                "arithmetic, 120 MHz",
                "flash: 64 bits per read in dual-bank mode (RM0432, table 8), 6 cycles a read "
                "at 120 MHz (5 wait states); arithmetic, prefetch and caches left out",
                "reached: ResNet-8, 12,501,632 MACs in 704 ms, TFLM with CMSIS-NN "
                "(MLPerf Tiny v0.5, reference submission)",
            ),
        ),
        Roof(
            board="rpi4",
            peak_macs_per_s=24e9,
            slow_memory="DRAM",
            slow_bytes_per_s=5.56e9,
            activations_in_slow=True,
            published_macs_per_s=12_501_632 / 1.07e-3,
            sources=(
                "peak: 8 float32 operations a cycle and core, measured on a Cortex-A72 "
                "(vfpbench, wlog.flatlib.jp, 2015); arithmetic, 4 cores at 1.5 GHz",
                "DRAM: STREAM, 5,562 MB/s (sci-pi.org.uk)",
                "reached: ResNet-8 int8 in 1.07 ms (MLPerf Tiny v0.5, lap times)",
            ),
        ),
    )
}
"""The three boards of chapter 0; the limits are modelled, what is reached is published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerLoad:
    """What one int8 layer asks of a board.

    Attributes
    ----------
    macs : int
        Multiply-accumulates, over the whole batch.
    weight_bytes : int
        Weights, one byte each, read once per batch.
    activation_bytes : int
        Input and output, one byte each, over the whole batch.
    """

    macs: int
    weight_bytes: int
    activation_bytes: int

    def slow_bytes(self, roof: Roof) -> int:
        """Return the bytes that must cross the board's slow memory at least once."""
        return self.weight_bytes + (self.activation_bytes if roof.activations_in_slow else 0)

    def intensity(self, roof: Roof) -> float:
        """Return MACs per byte of the board's slow memory."""
        return self.macs / self.slow_bytes(roof)

    def floor_ms(self, roof: Roof) -> float:
        """Return the shortest time in milliseconds that either limit allows (modelled)."""
        return 1e3 * self.macs / roof.attainable(self.intensity(roof))

    def published_kernel_ms(self, roof: Roof) -> float:
        """Return milliseconds at the speed that published kernels reach (modelled)."""
        return (
            1e3 * self.macs / min(roof.published_macs_per_s, roof.attainable(self.intensity(roof)))
        )


def layer_load(kind: LayerKind, *, channels: int, side: int, batch: int = 1) -> LayerLoad:
    """Return the load of one layer on `batch` images of `side` x `side` x `channels`.

    Parameters
    ----------
    kind : {'dense', 'conv 3x3', 'pointwise 1x1', 'depthwise 3x3'}
        Convolutions keep size and channels; the dense layer reads the flattened image and
        has 64 outputs.
    channels, side, batch : int
        Shape of the input, at least 1 each.

    Raises
    ------
    ValueError
        If `kind` is unknown or a size is below 1.

    Examples
    --------
    >>> layer_load("dense", channels=16, side=8)
    LayerLoad(macs=65536, weight_bytes=65536, activation_bytes=1088)
    """
    if min(channels, side, batch) < 1:
        raise ValueError(f"sizes must be at least 1, got {channels=}, {side=}, {batch=}")
    pixels = side * side
    outputs = pixels * channels
    if kind == "dense":
        weights, outputs = pixels * channels * DENSE_UNITS, DENSE_UNITS
        macs = weights
    elif kind in ("conv 3x3", "pointwise 1x1"):
        weights = channels * channels * (9 if kind == "conv 3x3" else 1)
        macs = pixels * weights
    elif kind == "depthwise 3x3":
        weights = channels * 9
        macs = pixels * weights
    else:
        raise ValueError(f"unknown kind of layer {kind!r}; see LayerKind")
    return LayerLoad(
        macs=batch * macs,
        weight_bytes=weights,
        activation_bytes=batch * (pixels * channels + outputs),
    )
