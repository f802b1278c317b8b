"""Running a model's very bytes: the device's runtime in a child process."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.errors import (
    CourseError,
    InvalidModel,
    ModelDoesNotFit,
    UnsupportedModel,
)
from tinyml_course.device.ports import Port, dequantize, parse_port
from tinyml_course.device.runtime_child import (
    BATCH_HEADER,
    EXIT_HEADER,
    LOG_BYTES,
    MAX_MODEL_BYTES,
    MODEL_HEADER,
    ROWS_HEADER,
)
from tinyml_course.device.runtime_server import RuntimeName, RuntimeServer, describe_status

ARENA_BYTES = 256 * 1024**2
"""Arena on this machine, reserved but only touched where used; the board's is planned exactly."""
TIMEOUT_S = 10.0
CHUNK_BYTES = 256 * 1024
MESSAGE_BYTES = 2**16

_TOO_SMALL = ("Failed to resize buffer", "Failed to allocate", "Not enough", "arena size is too")
_REFUSED = ("not support", "Didn't find op", "Unsupported", "failed to prepare", "registration")


class DeviceRuntime:
    """A model loaded into the device's runtime, in a child process that may crash alone.

    TFLM on x86-64 Linux; elsewhere LiteRT's reference kernels, which differ from it by at most
    one step in a few fully connected layers. `name` says which, and the report repeats it.

    Parameters
    ----------
    data : bytes
        A .tflite.
    name : {'tflm', 'litert-reference'}, optional
        The runtime; TFLM where it is installed by default.
    arena_bytes : int, optional
        Arena on this machine, whose pointers are wider than the board's; ample by default.
    timeout_s : float
        Longest time for loading and for each invocation.
    server : RuntimeServer, optional
        A running child to load the model into; the caller closes it.

    Attributes
    ----------
    name : str
        What executes the model.
    inputs, outputs : tuple of Port
        Shape, type and scale of each.

    Raises
    ------
    InvalidModel
        If the bytes crash the runtime or are no model.
    UnsupportedModel
        If the runtime refuses the model, with its own words.
    ModelDoesNotFit
        If `arena_bytes` is too small.
    InvocationTimeout
        If loading takes too long.
    RuntimeUnavailable
        If no runtime is installed.
    """

    def __init__(
        self,
        data: bytes,
        *,
        name: RuntimeName | None = None,
        arena_bytes: int | None = None,
        timeout_s: float = TIMEOUT_S,
        server: RuntimeServer | None = None,
    ) -> None:
        if not 0 < len(data) <= MAX_MODEL_BYTES - MODEL_HEADER.size:
            raise InvalidModel(f"a model has 1 to {MAX_MODEL_BYTES:,} B, got {len(data):,}")
        if arena_bytes is not None and arena_bytes <= 0:
            raise ValueError(f"arena_bytes must be positive, got {arena_bytes}")
        self._timeout_s = timeout_s
        self._own_server = server is None
        self._server = server or RuntimeServer(name)
        self.name: RuntimeName = self._server.name
        self._arena_bytes = arena_bytes or ARENA_BYTES
        self._closed = False
        try:
            self.inputs, self.outputs = self._load(data)
            self._server.loaded = True
        finally:
            if self._own_server and not self._server.loaded:
                self._server.close()

    def __enter__(self) -> DeviceRuntime:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Process group of the child."""
        return self._server.pid

    def close(self) -> None:
        """End the child, or unload the model where the server is shared; safe to call again."""
        if self._own_server:
            self._server.close()
        elif self._server.loaded and not self._closed:
            self._server.send(b"Q", ())
            with contextlib.suppress(CourseError):  # the server is closed then, too
                self._server.receive(limit_bytes=MESSAGE_BYTES, silence_s=self._timeout_s)
            self._server.loaded = False
        self._closed = True

    def run(self, batch: NDArray[Any], *, keep_state: bool = False) -> NDArray[Any]:
        """Return the output codes of each sample, for a model with one input and one output.

        Parameters
        ----------
        batch : (N, ...) float or the input's own type
            Samples; floats are quantized with the input's scale.
        keep_state : bool, default False
            Let variables (of LSTM, SVDF) survive from sample to sample, as in a stream.

        Returns
        -------
        (N, ...) of the output's type

        Raises
        ------
        ValueError
            If the model has several inputs or outputs, or the batch does not match.
        InvalidModel
            If the model crashes; the child is gone then.
        UnsupportedModel
            If a kernel does not support the types that it finds.
        InvocationTimeout
            If one invocation takes longer than `timeout_s`; the child is gone then.
        """
        if len(self.outputs) != 1:
            raise ValueError(f"the model has {len(self.outputs)} outputs; use `run_all`")
        return self.run_all([batch], keep_state=keep_state)[0]

    def run_all(
        self, batches: Sequence[NDArray[Any]], *, keep_state: bool = False
    ) -> tuple[NDArray[Any], ...]:
        """Return the codes of each output for batches of each input; see `run`."""
        arrays = self._encode(batches)
        count = len(arrays[0]) if arrays else 1
        results = tuple(np.empty((count, *p.sample_shape), p.dtype) for p in self.outputs)
        row_bytes = sum(port.sample_bytes for port in self.inputs + self.outputs)
        chunk = max(1, min(CHUNK_BYTES // row_bytes, 4096))
        for start in range(0, count, chunk):
            rows = min(chunk, count - start)
            parts = [array[start : start + rows] for array in arrays]
            self._server.send(b"B", [BATCH_HEADER.pack(rows, keep_state), *parts])
        done = 0
        try:
            while done < count:
                done += self._receive_rows([result[done : done + chunk] for result in results])
        except BaseException:  # an interrupt too: answers would be out of step from here on
            self._server.close()
            raise
        return results

    def dequantize(self, codes: NDArray[Any], *, output: int = 0) -> NDArray[np.float32]:
        """Return the reals that codes of an output stand for."""
        return dequantize(codes, self.outputs[output])

    def _encode(self, batches: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        if self._closed or not self._server.loaded:
            raise ValueError("this runtime is closed; make a new one")
        if len(batches) != len(self.inputs):
            raise ValueError(f"the model has {len(self.inputs)} inputs, got {len(batches)} arrays")
        arrays = [
            port.encode(batch, what=f"input {index}")
            for index, (port, batch) in enumerate(zip(self.inputs, batches, strict=True))
        ]
        if len({len(array) for array in arrays}) > 1:
            raise ValueError(f"inputs need as many samples each, got {[len(a) for a in arrays]}")
        return arrays

    def _load(self, data: bytes) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
        if self._server.loaded:
            raise ValueError("the server holds another model; close that runtime first")
        if not self._server.alive:
            self._server.restart()
        self._server.send(b"M", [MODEL_HEADER.pack(self._arena_bytes), data])
        kind, payload = self._receive(MESSAGE_BYTES)
        if kind == b"E":
            self._receive(MESSAGE_BYTES)  # how its process ended; the server is free again
            raise self._refusal(payload.decode(errors="replace"))
        try:
            if kind != b"R":
                raise ValueError
            stored = json.loads(payload)
            inputs, outputs = (
                tuple(parse_port(p) for p in stored[s]) for s in ("inputs", "outputs")
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self._server.close()
            if isinstance(error, InvalidModel):
                raise
            raise InvalidModel("the model made the runtime answer nonsense") from None
        if not outputs:
            self._server.close()
            raise InvalidModel("the model has no outputs")
        return inputs, outputs

    def _receive(self, limit_bytes: int) -> tuple[bytes, bytes]:
        """Receive a frame; the report of a crash becomes an error."""
        kind, payload = self._server.receive(limit_bytes=limit_bytes, silence_s=self._timeout_s)
        if kind == b"X" and len(payload) >= EXIT_HEADER.size:
            status = os.waitstatus_to_exitcode(EXIT_HEADER.unpack_from(payload)[0])
            if status != 0:
                said = payload[EXIT_HEADER.size :].decode(errors="replace")
                raise self._crash(describe_status(status), said)
        return kind, payload

    def _receive_rows(self, targets: list[NDArray[Any]]) -> int:
        """Receive some rows of outputs into `targets`; return how many."""
        row_bytes = sum(port.sample_bytes for port in self.outputs)
        limit = ROWS_HEADER.size + len(targets[0]) * row_bytes
        kind, payload = self._receive(max(limit, 4 * LOG_BYTES))
        if kind == b"E":
            words = _last_words(payload.decode(errors="replace"))
            fault = f"the runtime failed while it ran the model: {words}"
            if "support" in words:
                raise UnsupportedModel(f"{fault}; use another layer or type")
            raise InvalidModel(f"{fault}; convert it again")
        rows = (len(payload) - ROWS_HEADER.size) // row_bytes
        if kind != b"O" or not 0 < rows <= len(targets[0]) or payload[:4] != ROWS_HEADER.pack(rows):
            raise InvalidModel("the model made the runtime answer nonsense; convert it again")
        offset = ROWS_HEADER.size
        for target, port in zip(targets, self.outputs, strict=True):
            values = np.frombuffer(payload, port.dtype, target[:rows].size, offset)
            target[:rows] = values.reshape(target[:rows].shape)
            offset += values.nbytes
        return rows

    def _crash(self, how: str, said: str) -> InvalidModel:
        arena = (
            f"; the arena of {self._arena_bytes:,} B may be too small"
            if self._arena_bytes < 2**16
            else ""
        )
        words = f": {_last_words(said)}" if said.strip() else ""
        return InvalidModel(
            f"the model crashed the runtime ({how}){words}{arena}; convert it again"
        )

    def _refusal(self, said: str) -> InvalidModel | UnsupportedModel | ModelDoesNotFit:
        words = _last_words(said)
        if any(sign in said for sign in _TOO_SMALL):
            return ModelDoesNotFit(
                (f"an arena of {self._arena_bytes:,} B on this machine is too small: {words}",)
            )
        if any(sign in said for sign in _REFUSED):
            return UnsupportedModel(f"the runtime refuses the model: {words}")
        return InvalidModel(f"the runtime can't load the model: {words}")


def run_model(
    data: bytes, inputs: Sequence[NDArray[Any]], *, timeout_s: float = TIMEOUT_S
) -> tuple[NDArray[Any], ...]:
    """Return each output of one invocation; inputs and outputs have the shapes of the file.

    Raises
    ------
    CourseError
        As `DeviceRuntime` does.
    ValueError
        If the inputs do not match.
    """
    with DeviceRuntime(data, timeout_s=timeout_s) as runtime:
        if len(inputs) != len(runtime.inputs):
            raise ValueError(f"the model has {len(runtime.inputs)} inputs, got {len(inputs)}")
        batches = [
            np.asarray(x).reshape(1, *port.sample_shape)
            for x, port in zip(inputs, runtime.inputs, strict=True)
        ]
        return tuple(
            y.reshape(port.shape)
            for y, port in zip(runtime.run_all(batches), runtime.outputs, strict=True)
        )


def _last_words(said: str) -> str:
    """Return what the runtime said, on one line, without what counting its ports made it say."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    lines = [line for line in lines if "put index" not in line or "out of range" not in line]
    return " / ".join(dict.fromkeys(lines))[-600:] or "no message"
