"""The allocator's own peak, against the host's build of the runtime.

The smallest arena with which allocation succeeds depends on what each kernel looks at while it
prepares. The 32-bit truth shows that only for networks; here, operators alone are planned with
the sizes that the structures have on the host, and the host is asked for its smallest arena.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.device.factory import make_model
from tests.device.test_arena_host import CASES, POOL, binary, ints, operand, unary
from tinyml_course.device import arena, request
from tinyml_course.device.flatbuffer import read_model

FIXED_BYTES = 468
"""All that is allocated before the subgraphs, with the host's recording of allocations."""

STEP = 16

DOUBLED = (
    "TfLiteEvalTensor", "NodeAndRegistration", "SubgraphAllocations", "ScratchBufferHandle",
    "input pointers", "output pointers", "TfLiteEvalTensor, transposed",
)  # fmt: skip
LARGER = {
    "OpDataConv": 24, "OpDataFullyConnected": 24, "SoftmaxParams": 24,
    "OpData (concatenation.cc)": 56, "OpData (transpose_conv.cc)": 16, "OpDataBatchMatmul": 16,
    "TfLiteFullyConnectedParams": 16, "LogSoftmaxOpData": 12,
}  # fmt: skip
"""Bytes that 64-bit pointers and support for compressed tensors add."""

B, F, H, I = "INT8", "FLOAT32", "INT16", "INT32"  # noqa: E741
KERNEL = {"padding": 1, "strideW": 1, "strideH": 1, "depthMultiplier": 1}
IMAGE = (1, 4, 6, 3)


def window(name, filters, outputs, bias):
    constants = [operand(B, *filters, data=[1] * 60 if filters[0] == 5 else [1] * 12)]
    if bias:
        constants.append(operand(I, outputs, data=[0] * outputs))
    kind = "Conv2DOptions" if name == "CONV_2D" else "DepthwiseConv2DOptions"
    options = {k: v for k, v in KERNEL.items() if k != "depthMultiplier" or "DEPTH" in name}
    return name, [operand(B, *IMAGE), *constants], [operand(B, 1, 3, 5, outputs)], (kind, options)


def joined(count, dtype):
    options = ("ConcatenationOptions", {"axis": 1})
    return "CONCATENATION", [operand(dtype, 2, 6)] * count, [operand(dtype, 2, 6 * count)], options


def reduced(name, dtype):
    options = ("ReducerOptions", {})
    return name, [operand(dtype, *IMAGE), ints(1, 2)], [operand(dtype, 1, 3)], options


PEAKS = [
    *(window("CONV_2D", (5, 2, 2, 3), 5, bias) for bias in (True, False)),
    *(window("DEPTHWISE_CONV_2D", (1, 2, 2, 3), 3, bias) for bias in (True, False)),
    *(joined(count, dtype) for count in (2, 5) for dtype in (B, F)),
    *(reduced(name, dtype) for name in ("MEAN", "SUM", "REDUCE_MAX") for dtype in (B, F)),
    *(unary(name, B) for name in ("TANH", "RELU", "ELU", "ABS", "HARD_SWISH")),
    *(binary(name, B) for name in ("MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE")),
    binary("ADD", B, ("AddOptions", {})),
    ("PACK", [operand(B, 4)] * 3, [operand(B, 3, 4)], ("PackOptions", {"valuesCount": 3})),
    ("UNPACK", [operand(B, 3, 4)], [operand(B, 4)] * 3, ("UnpackOptions", {"num": 3})),
    ("SPLIT_V", [operand(B, 2, 6), ints(2, 4), operand(I, data=1)],
     [operand(B, 2, 2), operand(B, 2, 4)], ("SplitVOptions", {"numSplits": 2})),
    ("FULLY_CONNECTED", [operand(B, 2, 10), operand(B, 4, 10, data=[1] * 40)],
     [operand(B, 2, 4)], ("FullyConnectedOptions", {})),
    ("MAX_POOL_2D", [operand(B, *IMAGE)], [operand(B, 1, 2, 3, 3)], ("Pool2DOptions", POOL)),
    ("BATCH_MATMUL", [operand(B, 2, 6, 4), operand(B, 2, 4, 5)], [operand(B, 2, 6, 5)],
     ("BatchMatMulOptions", {})),
    *(case for case in CASES if case[0] in ("SVDF", "SPLIT", "BATCH_TO_SPACE_ND", "PRELU", "PAD",
                                            "ARG_MAX", "STRIDED_SLICE", "MIRROR_PAD")),
]  # fmt: skip

CHILD = """
import os, sys
from tflite_micro import runtime
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
for path, size in zip(sys.argv[1::2], sys.argv[2::2]):
    data, size = open(path, "rb").read(), int(size)
    for arena in (size - 48, size):
        child = os.fork()
        if child == 0:
            try:
                runtime.Interpreter.from_bytes(data, arena_size=arena)
            except BaseException:
                os._exit(1)
            os._exit(0)
        sys.stdout.write(str(int(os.waitpid(child, 0)[1] == 0)))
    sys.stdout.write(" ")
"""


def host_view_bytes(info):
    return 64 + (28 + 4 * len(info.scales) if info.scales and info.zero_points else 0)


def on_host(event):
    """Return a step of the allocator with the sizes that structures have on the host."""
    size, alignment, what = event.size, event.alignment, event.what
    if event.kind != "tail":
        return event
    if what in ("GreedyMemoryPlanner", "MicroAllocator", "MicroBuiltinDataAllocator"):
        return event._replace(size=0)
    if what == "SingleArenaBufferAllocator":
        return event._replace(size=FIXED_BYTES)
    if what in DOUBLED:
        return event._replace(size=2 * size, alignment=max(alignment, 8))
    if what.startswith("TfLiteTensor of"):
        return event._replace(size=64, alignment=8)
    if what == "TfLiteAffineQuantization":
        return event._replace(size=24, alignment=8)
    return event._replace(size=size + LARGER.get(what, 0))


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Return, for each case, whether the host takes 48 bytes less than planned, and as planned."""
    pytest.importorskip("tflite_micro")
    folder, arguments = tmp_path_factory.mktemp("peaks"), []
    with pytest.MonkeyPatch.context() as patch:
        plain, needed = arena._replay, {}

        def replay(events, residue):
            used, peak = plain([on_host(event) for event in events], residue)
            needed[residue] = peak
            return used, peak

        patch.setattr(arena, "_replay", replay)
        patch.setattr(arena, "REQUEST_BYTES", 16)
        patch.setattr(arena, "ALLOCATION_INFO_BYTES", 32)
        patch.setattr(request, "tensor_view_bytes", host_view_bytes)
        for number, case in enumerate(PEAKS):
            path = folder / str(number)
            path.write_bytes(make_model(*case))
            arena.plan_arena(read_model(path.read_bytes()), "tflm-reference")
            arguments += [path, str(needed[0] + STEP)]
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], capture_output=True, text=True, timeout=60
    )
    return child.stdout.split()


@pytest.mark.parametrize("number", range(len(PEAKS)), ids=[case[0] for case in PEAKS])
def test_allocation_succeeds_from_the_planned_peak_on(answers, number):
    """One step above the peak the host allocates, two steps below it refuses."""
    assert "01" == answers[number]
