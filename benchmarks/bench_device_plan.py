"""Time to plan an arena, by the number of operators: the target is 50 ms for a thousand.

Run as `python benchmarks/bench_device_plan.py`. Three graphs of each length: a chain, a chain of
residual blocks, and one whose every tensor lives to the end. The last column is the time a
thousand operators take in proportion, so a planner that slows down with length shows it.
"""

from __future__ import annotations

import time

from tinyml_course.core.graph import OpInfo, TensorGraph, TensorInfo
from tinyml_course.device.arena import plan_arena

LENGTHS = (100, 300, 1000, 3000)
TRIES = 5
TARGET_MS = 50
IMAGE = TensorInfo(name="x", shape=(1, 16, 16, 8), dtype="INT8", scales=(1.0,), zero_points=(0,))


def make_graph(shape: str, length: int) -> TensorGraph:
    """Return `length` operators: a 'chain', 'residual' blocks of three, or all 'kept'."""
    ops = []
    for i in range(length):
        if shape == "residual" and i % 3 == 2:
            ops.append(OpInfo(name="ADD", inputs=(i, i - 2), outputs=(i + 1,)))
        else:
            ops.append(OpInfo(name="RELU", inputs=(i,), outputs=(i + 1,)))
    outputs = tuple(range(1, length + 1)) if shape == "kept" else (length,)
    return TensorGraph(
        tensors=(IMAGE,) * (length + 1), ops=tuple(ops), inputs=(0,), outputs=outputs
    )


def measure_ms(graph: TensorGraph) -> float:
    """Return the best processor time of a few plans, in milliseconds."""
    times = []
    for _ in range(TRIES):
        start = time.process_time()
        plan_arena(graph, "esp-nn-s3")
        times.append(time.process_time() - start)
    return 1000 * min(times)


def main() -> None:
    """Print the table."""
    print(f"{'graph':<12}{'operators':>10}{'ms':>9}{'ms a 1,000':>12}   (measured)")
    for shape in ("chain", "residual", "kept"):
        for length in LENGTHS if shape != "kept" else LENGTHS[:3]:
            taken = measure_ms(make_graph(shape, length))
            within = f"  target {TARGET_MS} ms" if length == 1000 else ""
            print(f"{shape:<12}{length:>10,}{taken:>9.1f}{1000 * taken / length:>12.1f}{within}")


if __name__ == "__main__":
    main()
