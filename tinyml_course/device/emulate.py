"""The emulated board: does the model fit, what does it answer, how long does it take."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.boards import BOARDS, Board, find_board
from tinyml_course.core.errors import InvocationTimeout, ModelDoesNotFit, UnsupportedModel
from tinyml_course.core.types import KernelTier, MemoryPlan, ModelArtifact
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.explain import PeakExplanation, explain_peak
from tinyml_course.device.flash import modelled_code_bytes
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.latency import model_latency
from tinyml_course.device.refusals import refusals, warnings
from tinyml_course.device.report import DeviceReport
from tinyml_course.device.runtime import DeviceRuntime

_WITH_PSRAM = ", ".join(board.name for board in BOARDS.values() if board.psram_bytes)
SLOWER_IN_PSRAM = (
    "the arena lies in external RAM: the modelled latency assumes internal RAM, expect more"
)


class Device:
    """A board of the table, ready to emulate models.

    Parameters
    ----------
    board : str
        Name in `core.boards.BOARDS`.
    kernels : KernelTier, optional
        Kernels that the firmware links; the board's own by default.
    arena_bytes : int, optional
        Arena that the firmware reserves; the board's largest free block by default.
    psram : bool, default False
        Place the arena in the board's external RAM: larger and slower than the modelled
        latency, which assumes internal RAM.

    Raises
    ------
    ValueError
        If the board is unknown or has no PSRAM, or the arena is not positive.

    Examples
    --------
    >>> Device("esp32").arena_limit_bytes
    112640
    """

    def __init__(
        self,
        board: str,
        *,
        kernels: KernelTier | None = None,
        arena_bytes: int | None = None,
        psram: bool = False,
    ) -> None:
        self.board: Board = find_board(board)
        self.kernels: KernelTier = kernels or self.board.kernels
        if arena_bytes is not None and arena_bytes <= 0:
            raise ValueError(f"arena_bytes must be positive, got {arena_bytes}")
        if psram and not self.board.psram_bytes:
            raise ValueError(f"{self.board.title} has no PSRAM; boards with it: {_WITH_PSRAM}")
        self.psram = psram
        block = self.board.psram_bytes if psram else self.board.arena_limit_bytes
        self.arena_limit_bytes = arena_bytes or block

    def emulate(
        self,
        model: ModelArtifact | bytes,
        x: NDArray[Any] | None = None,
        y: NDArray[np.integer[Any]] | None = None,
        *,
        strict: bool = True,
    ) -> DeviceReport:
        """Return the report on `model`: verdict, memory, latency, and its answers to `x`.

        Parameters
        ----------
        model : ModelArtifact or bytes
            A .tflite.
        x : (N, ...) float32 or the input's own type, optional
            Samples; float ones are quantized with the model's input scale.
        y : (N,) int, optional
            Right classes of `x`; with them the report has the accuracy of these very bytes.
        strict : bool, default True
            Raise where the model does not fit; else say so in the report.

        Raises
        ------
        InvalidModel
            If the bytes are no .tflite or crash the runtime.
        ModelDoesNotFit
            If a limit is exceeded and `strict` is set; each reason names a remedy.
        """
        data = model.tflite if isinstance(model, ModelArtifact) else model
        parsed = read_model(data)
        graph = parsed.subgraphs[0]
        plan = plan_arena(parsed, self.kernels)
        peak = explain_peak(plan, graph)
        code_bytes = modelled_code_bytes(op.name for sub in parsed.subgraphs for op in sub.ops)
        refused = refusals(parsed)
        ran = _Execution(refused=refused) if refused else _run(data, x)
        reasons = (*ran.refused, *self._exceeded(plan, peak, len(data) + code_bytes))
        if reasons and strict:
            raise ModelDoesNotFit(reasons)
        return DeviceReport(
            board=self.board,
            kernels=self.kernels,
            reasons=reasons,
            refused=bool(ran.refused),
            warnings=warnings(parsed) + ((SLOWER_IN_PSRAM,) if self.psram else ()),
            model_bytes=len(data),
            code_bytes=code_bytes,
            arena_limit_bytes=self.arena_limit_bytes,
            plan=plan,
            peak=peak,
            latency=model_latency(graph, self.board, self.kernels),
            runtime=ran.runtime,
            outputs=ran.outputs,
            accuracy=_accuracy(ran.outputs, y),
            test_samples=0 if ran.outputs is None else len(ran.outputs),
        )

    def _exceeded(
        self, plan: MemoryPlan, peak: PeakExplanation, flash_bytes: int
    ) -> tuple[str, ...]:
        """Return each limit that is exceeded, with figure and remedy; empty if it fits."""
        found = []
        if flash_bytes > self.board.flash_bytes:
            found.append(
                f"flash: model and code take {flash_bytes:,} B, the partition holds "
                f"{self.board.flash_bytes:,} B; use fewer filters, or a larger app partition"
            )
        if plan.required_bytes > self.arena_limit_bytes:
            elsewhere = ""
            if not self.psram and plan.required_bytes <= self.board.psram_bytes:
                elsewhere = f"; or place the arena in the {self.board.psram_bytes:,} B of PSRAM"
            found.append(
                f"arena: {plan.required_bytes:,} B needed, {self.arena_limit_bytes:,} B in one "
                f"free block on {self.board.title}; {peak}{elsewhere}"
            )
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _Execution:
    """What the runtime answered, or why it refused the model."""

    runtime: str = ""
    outputs: NDArray[Any] | None = None
    refused: tuple[str, ...] = ()


def _run(data: bytes, x: NDArray[Any] | None) -> _Execution:
    """Load the model into the runtime and run the samples, or a blank one where none are given.

    Some kernels accept their tensors and refuse them only when they run.
    """
    try:
        with DeviceRuntime(data) as runtime:
            if x is not None:
                return _Execution(runtime.name, runtime.run(x))
            with suppress(InvocationTimeout):  # a slow model is no misfit
                runtime.run_all([np.zeros((1, *p.sample_shape), p.dtype) for p in runtime.inputs])
            return _Execution(runtime.name)
    except UnsupportedModel as refusal:
        return _Execution(refused=(str(refusal),))


def _accuracy(outputs: NDArray[Any] | None, y: NDArray[np.integer[Any]] | None) -> float | None:
    if outputs is None or y is None:
        return None
    if len(outputs) != len(y):
        raise ValueError(f"got {len(y)} labels for {len(outputs)} samples; give one per sample")
    return float(np.mean(outputs.reshape(len(outputs), -1).argmax(axis=1) == y))


def choose_kernels(board: str, family: str | None) -> KernelTier:
    """Return the kernels of `board` for a family's name; its own by default.

    Parameters
    ----------
    board : str
        Name of the board.
    family : {'tflm-reference', 'esp-nn'}, optional
        ESP-NN has other kernels on each chip; a chip gets its own.

    Raises
    ------
    ValueError
        If the board or the family is unknown, or the board has no ESP-NN kernels.

    Examples
    --------
    >>> choose_kernels("esp32-s3", "esp-nn")
    'esp-nn-s3'
    """
    own = find_board(board).kernels
    if family is None or (family == "esp-nn" and own.startswith("esp-nn")):
        return own
    if family == "tflm-reference":
        return "tflm-reference"
    if family == "esp-nn":
        raise ValueError(f"ESP-NN has no kernels for {board}; use --kernels tflm-reference")
    raise ValueError(f"kernels must be tflm-reference or esp-nn, got {family!r}")


def run_raw(data: bytes, inputs: Sequence[bytes]) -> bytes:
    """Return the raw bytes of all outputs, one after another, for the raw bytes of each input.

    Raises
    ------
    ValueError
        If the number or the sizes of the inputs do not match the model's.
    CourseError
        As `DeviceRuntime` does.
    """
    with DeviceRuntime(data) as runtime:
        if len(inputs) != len(runtime.inputs):
            raise ValueError(
                f"the model has {len(runtime.inputs)} inputs, got {len(inputs)} files; "
                "give one --input for each"
            )
        batches = []
        for number, (raw, port) in enumerate(zip(inputs, runtime.inputs, strict=True)):
            if len(raw) != port.sample_bytes:
                raise ValueError(
                    f"input {number} takes {port.sample_bytes} B ({port.dtype} {port.shape}), "
                    f"the file has {len(raw)} B"
                )
            batches.append(np.frombuffer(raw, port.dtype).reshape(1, *port.sample_shape))
        return b"".join(output.tobytes() for output in runtime.run_all(batches))
