"""The planned arena beside the real 32-bit runtime's, tier by tier: what differs, and by how much.

Run as `python benchmarks/bench_device_arena.py`; it reads `tests/device/truth`. The targets are 0 B
for the arena and its head, and 16 B for the smallest arena with which allocation succeeds.
"""

from __future__ import annotations

import json
from pathlib import Path

from tinyml_course.core.types import MemoryPlan
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.flatbuffer import read_model

TRUTH = Path(__file__).parents[1] / "tests" / "device" / "truth"
TIERS = {
    "tflm_ref": "tflm-reference",
    "esp_nn_esp32_c3": "esp-nn",
    "esp_nn_s3": "esp-nn-s3",
    "esp_nn_p4": "esp-nn-p4",
}


def differences(plan: MemoryPlan, truth: dict[str, int]) -> tuple[int, int, int]:
    """Return how many bytes arena, head and smallest arena are off."""
    return (
        abs(plan.arena_bytes - truth["arena_used"]),
        abs(plan.head_bytes - truth["nonpersistent"]),
        abs(plan.arena_min_bytes - truth["min_arena"]),
    )


def main() -> None:
    """Print the table."""
    figures = json.loads((TRUTH / "arena_truth.json").read_text())
    print(
        f"{'kernels':<18}{'models':>7}{'arena':>9}{'head':>9}{'smallest':>10}   worst, B (measured)"
    )
    for key, tier in TIERS.items():
        rows = [
            differences(
                plan_arena(
                    read_model((TRUTH / "models" / f"{name}.tflite").read_bytes()),
                    tier,  # type: ignore[arg-type]
                ),
                truth[key],
            )
            for name, truth in figures.items()
            if key in truth
        ]
        arena, head, smallest = (max(column) for column in zip(*rows, strict=True))
        print(f"{tier:<18}{len(rows):>7}{arena:>9}{head:>9}{smallest:>10}")


if __name__ == "__main__":
    main()
