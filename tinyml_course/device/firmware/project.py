"""An ESP-IDF project around one model, ready for `idf.py build`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tinyml_course.core.boards import BOARDS, Board, find_board
from tinyml_course.core.errors import UnsupportedModel
from tinyml_course.core.files import write_atomically
from tinyml_course.core.types import ModelArtifact
from tinyml_course.device.emulate import Device
from tinyml_course.device.firmware.cases import CASES, SelfTest, make_self_test
from tinyml_course.device.firmware.operators import resolver_methods
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.refusals import refusals
from tinyml_course.device.report import DeviceReport

COMPONENT_VERSION = "^1.3.7"
"""Of espressif/esp-tflite-micro; older ones may lay the arena out differently."""

FILES = (
    "CMakeLists.txt",
    "README.md",
    "partitions.csv",
    "sdkconfig.defaults",
    "main/CMakeLists.txt",
    "main/cases.cc",
    "main/cases.h",
    "main/idf_component.yml",
    "main/main.cc",
    "main/model.cc",
    "main/model.h",
)
BYTES_PER_LINE = 16
ALIGNMENT = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Firmware:
    """A project as text, with the figures in it.

    Attributes
    ----------
    files : dict of str to bytes
        Name in the project to content.
    arena_bytes : int
        Arena that the firmware reserves: the computed minimum, rounded up to 16.
    methods : tuple of str
        Methods that register the model's operators.
    report : DeviceReport
        The emulator's verdict on the same bytes.
    """

    files: dict[str, bytes]
    arena_bytes: int
    methods: tuple[str, ...]
    report: DeviceReport


def write_firmware(
    model: ModelArtifact | bytes,
    out: Path,
    *,
    board: str,
    samples: NDArray[Any] | Sequence[NDArray[Any]] | None = None,
    seed: int = 0,
) -> Firmware:
    """Write an ESP-IDF project for `model` into the folder `out`, whole or not at all.

    Parameters
    ----------
    model : ModelArtifact or bytes
        A .tflite; these very bytes are flashed.
    out : Path
        A folder; files of the same names are replaced, others stay.
    board : str
        One of Espressif's boards in `core.boards.BOARDS`.
    samples, seed
        Inputs of the self-test, as `make_self_test` takes them.

    Returns
    -------
    Firmware
        What was written.

    Raises
    ------
    ValueError
        If the board is unknown or not Espressif's, or the samples do not match the model.
    FileExistsError
        If `out` is a file.
    CourseError
        As `make_firmware`.
    """
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{out} is a file; name a folder")
    firmware = make_firmware(model, board=board, samples=samples, seed=seed)
    write_atomically(out, firmware.files)
    return firmware


def make_firmware(
    model: ModelArtifact | bytes,
    *,
    board: str,
    samples: NDArray[Any] | Sequence[NDArray[Any]] | None = None,
    seed: int = 0,
) -> Firmware:
    """Return the project that `write_firmware` writes.

    Raises
    ------
    InvalidModel
        If the bytes are no valid .tflite.
    UnsupportedModel
        If the runtime refuses the model, or its resolver lacks an operator.
    ModelDoesNotFit
        If arena or flash exceed the board's limits.

    References
    ----------
    .. [1] ESP-IDF programming guide, Build System; Partition Tables.
    .. [2] espressif/esp-tflite-micro, examples/hello_world.
    """
    target = find_board(board)
    if not target.name.startswith("esp32"):
        known = ", ".join(name for name in BOARDS if name.startswith("esp32"))
        raise ValueError(f"ESP-IDF does not build for {board}; choose one of {known}")
    data = model.tflite if isinstance(model, ModelArtifact) else model
    parsed = read_model(data)
    refused = refusals(parsed)
    if refused:
        raise UnsupportedModel("\n".join(refused))
    methods = resolver_methods(op.name for graph in parsed.subgraphs for op in graph.ops)
    report = Device(board).emulate(data)
    test = make_self_test(data, samples, seed=seed)
    arena_bytes = -(-report.plan.required_bytes // ALIGNMENT) * ALIGNMENT
    files = _render(target, data, report, test, methods, arena_bytes)
    return Firmware(files=files, arena_bytes=arena_bytes, methods=methods, report=report)


def _render(
    board: Board,
    data: bytes,
    report: DeviceReport,
    test: SelfTest,
    methods: tuple[str, ...],
    arena_bytes: int,
) -> dict[str, bytes]:
    """Return each file's content."""
    values = {
        "board": board,
        "idf_target": board.name.replace("-", ""),
        "component_version": COMPONENT_VERSION,
        "data": data,
        "report": report,
        "plan": report.plan,
        "test": test,
        "cases": CASES,
        "methods": methods,
        "arena_bytes": arena_bytes,
    }
    return {name: _template(name).render(**values).encode() for name in FILES}


def c_bytes(data: bytes, indent: int = 4) -> str:
    """Return `data` as the lines of a C array's initialiser.

    Examples
    --------
    >>> c_bytes(bytes([28, 0, 255]))
    '    0x1c, 0x00, 0xff,'
    """
    lines = (data[i : i + BYTES_PER_LINE] for i in range(0, len(data), BYTES_PER_LINE))
    return "\n".join(" " * indent + " ".join(f"0x{byte:02x}," for byte in line) for line in lines)


@lru_cache
def _template(name: str) -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tinyml_course.device.firmware", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["c_bytes"] = c_bytes
    return environment.get_template(f"{name}.jinja")
