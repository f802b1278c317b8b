"""Bytes of each truth model before and after slimming, and where they went.

Run as `python benchmarks/bench_slim.py [MODEL.tflite ...]`; without arguments it takes the models
of `tests/device/truth/models`, smallest first, and sums up the six smallest. `constants` are the
bytes that must stay: weights, biases and shapes that the operators read.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.slim import slim

MODELS = Path(__file__).parents[1] / "tests" / "device" / "truth" / "models"
SMALLEST = 6


def constant_bytes(data: bytes) -> int:
    """Return the bytes of the distinct buffers that tensors use."""
    tensors = [tensor for graph in read_model(data).subgraphs for tensor in graph.tensors]
    return sum({tensor.buffer: tensor.constant_bytes for tensor in tensors}.values())


def main(arguments: list[str]) -> None:
    """Print the table."""
    paths = [Path(a) for a in arguments] or list(MODELS.glob("*.tflite"))
    paths.sort(key=lambda path: path.stat().st_size)
    print(f"{'model':<24}{'file, B':>10}{'slim, B':>10}{'less':>8}{'constants':>11}{'ms':>7}")
    sums = [0, 0]
    for number, path in enumerate(paths):
        data = path.read_bytes()
        start = time.perf_counter()
        small = slim(data)
        elapsed_ms = 1000 * (time.perf_counter() - start)
        less = 1 - len(small) / len(data)
        print(
            f"{path.stem:<24}{len(data):>10,}{len(small):>10,}{less:>8.1%}"
            f"{constant_bytes(small):>11,}{elapsed_ms:>7.1f}"
        )
        if number < SMALLEST:
            sums = [sums[0] + len(data), sums[1] + len(small)]
    less = 1 - sums[1] / sums[0]
    print(f"{'the smallest, in sum':<24}{sums[0]:>10,}{sums[1]:>10,}{less:>8.1%}   (measured)")


if __name__ == "__main__":
    main(sys.argv[1:])
