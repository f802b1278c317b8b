"""Throughput of batches through the child process, as a share of a bare loop over the runtime.

Run as `python benchmarks/bench_runtime.py [MODEL.tflite ...]`; without arguments it takes the
models of `tests/device/truth/models`. Bare loop and child alternate, so that a machine that
slows down slows both; the ratio is that of the best rounds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tinyml_course.device.runtime import DeviceRuntime

MODELS = Path(__file__).parents[1] / "tests" / "device" / "truth" / "models"
NAMES = ("mlp_small", "g_conv_w4_d2", "g_conv_w8_d3", "dscnn_fcpt", "resnet8_32x32x3")
ROUNDS = 15
ROUND_S = 0.15


def make_bare_loop(data: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """Return a loop over the runtime in this process."""
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(data, arena_size=2**26)

    def loop(batch: np.ndarray) -> np.ndarray:
        outputs = []
        for sample in batch:
            interpreter.set_input(sample[np.newaxis], 0)
            interpreter.invoke()
            outputs.append(interpreter.get_output(0))
        return np.concatenate(outputs)

    return loop


def seconds(work: Callable[[np.ndarray], Any], batch: np.ndarray) -> float:
    """Return the wall-clock time of `work(batch)`."""
    start = time.perf_counter()
    work(batch)
    return time.perf_counter() - start


def measure(data: bytes) -> tuple[float, float, int]:
    """Return samples a second of the bare loop and of the child, and the batch's size."""
    rng = np.random.default_rng(0)
    bare = make_bare_loop(data)
    with DeviceRuntime(data) as runtime:
        port = runtime.inputs[0]

        def codes(count: int) -> np.ndarray:
            return rng.integers(-128, 128, (count, *port.sample_shape)).astype(port.dtype)

        one = codes(20)
        count = max(8, int(ROUND_S / (seconds(bare, one) / len(one))))
        batch = codes(count)
        assert np.array_equal(bare(batch[:50]), runtime.run(batch[:50]))
        rounds = [(seconds(bare, batch), seconds(runtime.run, batch)) for _ in range(ROUNDS)]
    return count / min(r[0] for r in rounds), count / min(r[1] for r in rounds), count


def main(arguments: list[str]) -> None:
    """Print the table."""
    paths = [Path(a) for a in arguments] or [MODELS / f"{name}.tflite" for name in NAMES]
    print(f"{'model':<24}{'batch':>8}{'bare, 1/s':>12}{'child, 1/s':>12}{'ratio':>8}   (measured)")
    for path in paths:
        bare, child, count = measure(path.read_bytes())
        print(f"{path.stem:<24}{count:>8,}{bare:>12,.0f}{child:>12,.0f}{child / bare:>8.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
