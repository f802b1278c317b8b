"""The child process that runs models: a server that forks one process per model.

Run as a script with the name of a runtime. It imports nothing of the course, so that it starts
fast; the parent imports the frame format from here. A model may crash, hang or exhaust its own
process; the server reports how it ended and is ready for the next one.

Frames in both directions are a kind (one byte), a length (uint32) and as many bytes:

====  =================  ==================================================================
kind  direction          payload
====  =================  ==================================================================
S     server to parent   empty: the runtime is imported
M     parent to server   arena bytes (uint64), the .tflite
R     model to parent    JSON: inputs and outputs
B     parent to model    rows (uint32), keep state (uint8), each input's rows
O     model to parent    rows (uint32), each output's rows
E     model to parent    what the runtime said
Q     parent to model    empty: exit
X     server to parent   wait status (uint32), the end of what was written to stderr
====  =================  ==================================================================
"""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import sys
import time
from typing import Any, Protocol

HEADER = struct.Struct("<cI")
MODEL_HEADER = struct.Struct("<Q")
BATCH_HEADER = struct.Struct("<IB")
ROWS_HEADER = struct.Struct("<I")
EXIT_HEADER = struct.Struct("<I")

MAX_MODEL_BYTES = 256 * 1024**2
MEMORY_LIMIT_BYTES = 960 * 1024**2
"""Address space of a model's process; keeps its memory below 1 GB."""
FLUSH_S = 0.02
"""Longest time that finished rows wait before they are sent; the parent's clock relies on it."""
LOG_BYTES = 4096
CPU_SECONDS = 60
"""Processor time between two signs of progress after which the system ends the process."""


class Backend(Protocol):
    """A runtime with one model loaded."""

    stateful: bool
    """Whether state may survive between invocations."""

    def ports(self) -> dict[str, list[dict[str, Any]]]:
        """Return shape, dtype, scale and zero point of each input and output."""

    def set_input(self, value: Any, index: int) -> None:
        """Copy `value` into input `index`."""

    def invoke(self) -> None:
        """Run the model once."""

    def get_output(self, index: int) -> Any:
        """Return a copy of output `index`."""

    def reset(self) -> None:
        """Set the state that survives between invocations back to its start."""


class TflmBackend:
    """TensorFlow Lite Micro."""

    def __init__(self, model: bytes, arena_bytes: int) -> None:
        from tflite_micro import runtime

        self._interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
        self.set_input = self._interpreter.set_input
        self.invoke = self._interpreter.invoke
        self.get_output = self._interpreter.get_output
        self.reset = self._interpreter.reset
        self.stateful = _has_state(runtime.schema_fb, model)

    def ports(self) -> dict[str, list[dict[str, Any]]]:
        """Return shape, dtype, scale and zero point of each input and output."""
        return {
            "inputs": _until_out_of_range(self._interpreter.get_input_details),
            "outputs": _until_out_of_range(self._interpreter.get_output_details),
        }


class LiteRtBackend:
    """LiteRT with its reference kernels, where TFLM has no wheel."""

    def __init__(self, model: bytes, arena_bytes: int) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        del arena_bytes  # LiteRT has no arena of its own
        self._interpreter = Interpreter(
            model_content=model,
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        )
        self._interpreter.allocate_tensors()
        self._inputs = self._interpreter.get_input_details()
        self._outputs = self._interpreter.get_output_details()
        self.invoke = self._interpreter.invoke
        self.reset = self._interpreter.reset_all_variables
        self.stateful = True

    def ports(self) -> dict[str, list[dict[str, Any]]]:
        """Return shape, dtype, scale and zero point of each input and output."""
        return {
            "inputs": [_port(details) for details in self._inputs],
            "outputs": [_port(details) for details in self._outputs],
        }

    def set_input(self, value: Any, index: int) -> None:
        """Copy `value` into input `index`."""
        self._interpreter.set_tensor(self._inputs[index]["index"], value)

    def get_output(self, index: int) -> Any:
        """Return a copy of output `index`."""
        return self._interpreter.get_tensor(self._outputs[index]["index"])


def _has_state(schema: Any, model: bytes) -> bool:
    """Tell whether a model has variables; a needless reset costs a tenth of a small model."""
    root = schema.Model.GetRootAs(model)
    handle = schema.BuiltinOperator.VAR_HANDLE
    codes = (root.OperatorCodes(index) for index in range(root.OperatorCodesLength()))
    graphs = (root.Subgraphs(index) for index in range(root.SubgraphsLength()))
    return any(code.BuiltinCode() == handle for code in codes) or any(
        graph.Tensors(index).IsVariable()
        for graph in graphs
        for index in range(graph.TensorsLength())
    )


def _until_out_of_range(details_of: Any) -> list[dict[str, Any]]:
    ports: list[dict[str, Any]] = []
    while True:
        try:
            ports.append(_port(details_of(len(ports))))
        except IndexError:
            return ports


def _port(details: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    quantization = details["quantization_parameters"]
    scales, zero_points = quantization["scales"], quantization["zero_points"]
    return {
        "shape": [int(n) for n in details["shape"]],
        "dtype": np.dtype(details["dtype"]).name,
        "scale": float(scales[0]) if len(scales) else 0.0,
        "zero_point": int(zero_points[0]) if len(zero_points) else 0,
    }


def read_exactly(fd: int, buffer: Any) -> bool:
    """Fill `buffer` from `fd`; False where the stream ends before it is full."""
    view = memoryview(buffer).cast("B")
    while len(view):
        count = os.readv(fd, [view])
        if count == 0:
            return False
        view = view[count:]
    return True


def write_frame(fd: int, kind: bytes, *parts: Any) -> None:
    """Write one frame whose payload is the concatenation of `parts`."""
    views = [memoryview(part).cast("B") for part in parts]
    size = sum(len(view) for view in views)
    for view in (memoryview(HEADER.pack(kind, size)), *views):
        while len(view):
            view = view[os.write(fd, view) :]


def _read_header(fd: int) -> tuple[bytes, int]:
    """Return kind and length of the next frame; a closed stream counts as a request to exit."""
    header = bytearray(HEADER.size)
    if not read_exactly(fd, header):
        return b"Q", 0
    kind, size = HEADER.unpack(header)
    return kind, size


def _written_log() -> bytes:
    """Return the end of what was written to standard error, a seekable file."""
    size = os.fstat(2).st_size
    return os.pread(2, LOG_BYTES, max(0, size - LOG_BYTES))


def _allow_cpu() -> None:
    """Let the process compute for another `CPU_SECONDS`, even if the parent is gone."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + CPU_SECONDS, hard))


def _limit_resources() -> None:
    """Bound memory, the log's size and processor time; no core dumps."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
    if sys.platform == "linux":  # macOS has no working limit of the address space
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    _allow_cpu()


def _run_batch(
    backend: Backend, ports: dict[str, list[dict[str, Any]]], stdin: int, stdout: int
) -> None:
    """Read one batch, run it row by row, and send outputs as they come."""
    header = bytearray(BATCH_HEADER.size)
    read_exactly(stdin, header)
    rows, keep_state = BATCH_HEADER.unpack(header)
    samples = zip(*(_read_rows(stdin, rows, port) for port in ports["inputs"]), strict=True)
    outputs: list[list[Any]] = [[] for _ in ports["outputs"]]
    get_output, set_input, invoke = backend.get_output, backend.set_input, backend.invoke
    resets = backend.stateful and not keep_state
    due = time.monotonic() + FLUSH_S
    for row in range(rows):
        if resets:
            backend.reset()
        for index, value in enumerate(next(samples, ())):
            set_input(value, index)
        invoke()
        for index, values in enumerate(outputs):
            values.append(get_output(index))
        if row == rows - 1 or time.monotonic() > due:
            parts = [b"".join(values) for values in outputs]
            write_frame(stdout, b"O", ROWS_HEADER.pack(len(outputs[0])), *parts)
            for values in outputs:
                values.clear()
            _allow_cpu()
            due = time.monotonic() + FLUSH_S


def _read_rows(stdin: int, rows: int, port: dict[str, Any]) -> Any:
    """Read `rows` samples of one input, each in the shape that the runtime takes."""
    import numpy as np

    array = np.empty((rows, *port["shape"]), port["dtype"])
    read_exactly(stdin, array)
    return array


def _serve_model(make: Any, model: bytes, arena_bytes: int, stdin: int, stdout: int) -> None:
    """Load one model and answer batches until asked to exit."""
    try:
        _limit_resources()
        backend = make(model, arena_bytes)
        ports = backend.ports()
        write_frame(stdout, b"R", json.dumps(ports).encode())
        while _read_header(stdin)[0] == b"B":
            _run_batch(backend, ports, stdin, stdout)
    except Exception as error:  # whatever it is, the parent turns it into an error of its own
        text = f"{type(error).__name__}: {error}".encode()
        write_frame(stdout, b"E", _written_log()[-LOG_BYTES:], b"\n", text[:LOG_BYTES])


def _serve(make: Any, stdin: int, stdout: int) -> None:
    """Fork one process per model until the parent closes the stream."""
    write_frame(stdout, b"S")
    while True:
        kind, size = _read_header(stdin)
        if kind != b"M" or not MODEL_HEADER.size <= size <= MAX_MODEL_BYTES:
            return
        frame = bytearray(size)
        if not read_exactly(stdin, frame):
            return
        (arena_bytes,) = MODEL_HEADER.unpack_from(frame)
        os.ftruncate(2, 0)
        os.lseek(2, 0, os.SEEK_SET)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _serve_model(make, bytes(frame[MODEL_HEADER.size :]), arena_bytes, stdin, stdout)
            os._exit(0)
        status = os.waitpid(pid, 0)[1]
        write_frame(stdout, b"X", EXIT_HEADER.pack(status), _written_log())


def main(name: str) -> None:
    """Import the runtime called `name` ('tflm' or 'litert-reference') and serve models."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # to outlive, and reap, the model's process
    stdout = os.dup(1)
    os.dup2(2, 1)  # what native code prints must not enter the frames
    if name == "tflm":
        from tflite_micro import runtime  # noqa: F401

        _serve(TflmBackend, 0, stdout)
    else:
        import ai_edge_litert.interpreter  # noqa: F401

        _serve(LiteRtBackend, 0, stdout)


if __name__ == "__main__":
    main(sys.argv[1])
