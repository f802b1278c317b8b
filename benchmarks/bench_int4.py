"""What four bits buy and cost: truth models before and after their filters are packed.

Run as `python benchmarks/bench_int4.py [MODEL.tflite ...]`; without arguments it takes the models
of `tests/device/truth/models` that have int8 filters. Every filter that the kernels take in four
bits is rounded to them: the table is about bytes and time, not about accuracy. Weights and files
are measured, arena and latency on the ESP32 modelled.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tinyml_course.core.boards import find_board
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.int4 import filter_bytes, fit_int4
from tinyml_course.device.latency import model_latency
from tinyml_course.device.repack import pack_int4
from tinyml_course.device.slim import slim

MODELS = Path(__file__).parents[1] / "tests" / "device" / "truth" / "models"
BOARD = find_board("esp32")


def measure(data: bytes) -> tuple[float, float, float, float]:
    """Return weight bytes, slimmed file bytes, arena bytes and milliseconds of a model."""
    model = read_model(data)
    return (
        filter_bytes(data),
        len(slim(data)),
        plan_arena(model, BOARD.kernels).required_bytes,
        model_latency(model.subgraphs[0], BOARD).milliseconds,
    )


def main(arguments: list[str]) -> None:
    """Print one row of ratios a model."""
    paths = [Path(a) for a in arguments] or sorted(MODELS.glob("*.tflite"))
    print(f"{'model':<24}{'weights':>10}{'file':>10}{'arena':>10}{'latency':>10}   int4 to int8")
    for path in paths:
        data = path.read_bytes()
        ops = [fit.op for fit in fit_int4(data) if not fit.reason]
        if not ops:
            continue
        before, after = measure(data), measure(pack_int4(data, ops, requantize=True))
        ratios = "".join(f"{b / a:>10.2f}" for a, b in zip(before, after, strict=True))
        print(f"{path.stem:<24}{ratios}")


if __name__ == "__main__":
    main(sys.argv[1:])
