"""The board table: each field with its source."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_course.core.types import KernelTier

KIB = 1024
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board as the emulator sees it.

    Attributes
    ----------
    name, title : str
        Name on the command line, and name for people.
    cpu : str
        Core and its number.
    clock_mhz : int
        Clock of the published benchmarks.
    sram_bytes : int
        On-chip RAM of the data sheet; far more than an arena can have.
    arena_limit_bytes : int
        Largest free block of internal RAM that an application can count on.
    flash_bytes : int
        Flash that an application may fill (its partition), code and model together.
    psram_bytes : int
        External RAM on common modules, slower; 0 for none.
    kernels : KernelTier
        Kernels that the vendor's build links by default.
    active_mw : float
        Power while computing, in milliwatts.
    sources : tuple of str
        Where each figure stands.
    """

    name: str
    title: str
    cpu: str
    clock_mhz: int
    sram_bytes: int
    arena_limit_bytes: int
    flash_bytes: int
    psram_bytes: int
    kernels: KernelTier
    active_mw: float
    sources: tuple[str, ...]


BOARDS: dict[str, Board] = {
    board.name: board
    for board in (
        Board(
            name="esp32",
            title="ESP32 (Espressif)",
            cpu="2 x Xtensa LX6",
            clock_mhz=240,
            sram_bytes=520 * KIB,
            arena_limit_bytes=110 * KIB,
            flash_bytes=1 * MIB,
            psram_bytes=0,
            kernels="esp-nn",
            active_mw=162.0,
            sources=(
                "SRAM 520 KB, 240 MHz: ESP32 data sheet, section 1",
                "arena: largest heap block 111 KB in boot logs with Wi-Fi (esp-protocols#181), "
                "getMaxAllocHeap() of Arduino-ESP32 (tensorflow#37628)",
                "flash: ESP-IDF's default single-app partition table, factory partition 1 MB",
                "power: ESP32 data sheet v3.5, table 6, modem-sleep, dual core at 240 MHz "
                "30-68 mA; the middle, 49 mA, at 3.3 V",
            ),
        ),
        Board(
            name="esp32-s3",
            title="ESP32-S3 (Espressif)",
            cpu="2 x Xtensa LX7 with vector instructions",
            clock_mhz=240,
            sram_bytes=512 * KIB,
            arena_limit_bytes=196 * KIB,
            flash_bytes=1 * MIB,
            psram_bytes=8 * MIB,
            kernels="esp-nn-s3",
            active_mw=220.0,
            sources=(
                "SRAM 512 KB, 240 MHz: ESP32-S3 data sheet, section 1",
                "arena: free block 281-295 KB bare, 196-255 KB under heavy applications "
                "(boot logs)",
                "flash: ESP-IDF's default single-app partition table, factory partition 1 MB",
                "power: assumed 67 mA at 3.3 V, both cores busy in modem-sleep at 240 MHz; a board "
                "that runs one loop took 32 mA (lucidar.me, ESP32-S3-DevKitM-1)",
            ),
        ),
        Board(
            name="esp32-c3",
            title="ESP32-C3 (Espressif)",
            cpu="1 x RV32IMC",
            clock_mhz=160,
            sram_bytes=400 * KIB,
            arena_limit_bytes=160 * KIB,
            flash_bytes=1 * MIB,
            psram_bytes=0,
            kernels="esp-nn",
            active_mw=76.0,
            sources=(
                "SRAM 400 KB (16 KB of it cache), 160 MHz: ESP32-C3 data sheet",
                "arena: assumed 160 KB; heap region 384 KB less static data and IRAM code "
                "(components/heap/port/esp32c3/memory_layout.c), no boot log found",
                "flash: ESP-IDF's default single-app partition table, factory partition 1 MB",
                "power: ESP32-C3 data sheet, modem-sleep, CPU running at 160 MHz 23 mA at 3.3 V; "
                "a board that runs one loop took 27 mA (robdobson.com, 2023)",
            ),
        ),
        Board(
            name="esp32-p4",
            title="ESP32-P4 (Espressif)",
            cpu="2 x RV32 with PIE vector instructions",
            clock_mhz=360,
            sram_bytes=768 * KIB,
            arena_limit_bytes=384 * KIB,
            flash_bytes=1 * MIB,
            psram_bytes=16 * MIB,
            kernels="esp-nn-p4",
            active_mw=250.0,
            sources=(
                "L2MEM, the on-chip RAM, 768 KB: espressif.com; 360 MHz: the clock of esp-nn's "
                "benchmarks",
                "arena: free block 384 KB with a 256 KB cache (boot logs)",
                "flash: ESP-IDF's default single-app partition table, factory partition 1 MB",
                "power: assumed, 250 mW; no published figure found",
            ),
        ),
        Board(
            name="stm32l4r5",
            title="STM32L4R5 (Cortex-M4)",
            cpu="1 x Cortex-M4F",
            clock_mhz=120,
            sram_bytes=640 * KIB,
            arena_limit_bytes=192 * KIB,
            flash_bytes=2 * MIB,
            psram_bytes=0,
            kernels="tflm-reference",
            active_mw=43.6,
            sources=(
                "640 KB RAM, 2 MB flash, 120 MHz: MLPerf Tiny v0.5 system description",
                "arena: SRAM1, the first of three banks, 192 KB (reference manual RM0432)",
                "power: STM32L4R5 data sheet, front page, 110 uA/MHz in run mode with the LDO, "
                "at 3.3 V and 120 MHz",
            ),
        ),
        Board(
            name="nrf52840",
            title="nRF52840 (Nano 33 BLE Sense)",
            cpu="1 x Cortex-M4F",
            clock_mhz=64,
            sram_bytes=256 * KIB,
            arena_limit_bytes=192 * KIB,
            flash_bytes=1 * MIB,
            psram_bytes=0,
            kernels="tflm-reference",
            active_mw=9.9,
            sources=(
                "256 KB RAM, 1 MB flash, 64 MHz: nRF52840 product specification",
                "arena: assumed 192 KB beside the Bluetooth stack and statics",
                "power: nRF52840 product specification, CPU running CoreMark from flash at 64 MHz, "
                "3.3 mA at 3 V with the DC/DC converter; with the LDO nearly twice as much",
            ),
        ),
        Board(
            name="rpi4",
            title="Raspberry Pi 4B",
            cpu="4 x Cortex-A72",
            clock_mhz=1500,
            sram_bytes=1 * MIB,
            arena_limit_bytes=1024 * MIB,
            flash_bytes=1024 * MIB,
            psram_bytes=0,
            kernels="tflm-reference",
            active_mw=6400.0,
            sources=(
                "1.5 GHz, 4 GB RAM: raspberrypi.com; here a process gets 1 GB of it",
                "power: 1.28 A at 5 V, the whole board with all four cores under stress "
                "(pidramble.com, Power Consumption Benchmarks): an upper bound for one core",
            ),
        ),
    )
}
"""Every board the emulator knows, by name."""


def find_board(name: str) -> Board:
    """Return the board called `name`.

    Raises
    ------
    ValueError
        If no board has that name; the message lists those that exist.

    Examples
    --------
    >>> find_board("esp32").arena_limit_bytes
    112640
    """
    try:
        return BOARDS[name]
    except KeyError:
        known = ", ".join(BOARDS)
        raise ValueError(f"unknown board {name!r}; choose one of {known}") from None
