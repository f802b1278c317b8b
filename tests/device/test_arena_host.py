"""Operators outside the 32-bit truth, against the host's build of the same runtime.

Its head equals the 32-bit one; of its tail, what holds no pointers does. It is built with support
for compressed tensors, which adds to convolutions, dense layers and concatenation.
"""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

from tests.device.factory import load_schema, make_model, operand
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.op_memory import PARSED
from tinyml_course.device.refusals import refusals

F, B, H, I = "FLOAT32", "INT8", "INT16", "INT32"  # noqa: E741
V, IMAGE = (2, 10), (1, 4, 6, 3)


def unary(name, dtype=F, options=None, shape=V):
    return name, [operand(dtype, *shape)], [operand(dtype, *shape)], options


def binary(name, dtype, options=None):
    return name, [operand(dtype, *V), operand(dtype, *V)], [operand(dtype, *V)], options


def ints(*values):
    return operand(I, len(values), data=values)


AXES = ints(1, 2)
POOL = {"padding": 1, "strideW": 2, "strideH": 2, "filterWidth": 2, "filterHeight": 2}
CASES = [
    binary("DIV", B, ("DivOptions", {})),
    binary("SQUARED_DIFFERENCE", H),
    binary("MAXIMUM", B, ("MaximumMinimumOptions", {})),
    binary("SUB", B, ("SubOptions", {})),
    binary("MUL", H, ("MulOptions", {})),
    binary("FLOOR_DIV", F),
    *(unary(n) for n in ("EXP", "FLOOR", "CEIL", "COS", "SIN", "LOG", "NEG", "SQRT", "ROUND")),
    *(unary(n, B) for n in ("ABS", "RSQRT", "ELU", "HARD_SWISH", "RELU", "RELU6")),
    unary("LEAKY_RELU", B, ("LeakyReluOptions", {"alpha": 0.1})),
    unary("L2_NORMALIZATION", F, ("L2NormOptions", {})),
    ("LOGICAL_NOT", [operand("BOOL", *V)], [operand("BOOL", *V)], None),
    ("LESS", [operand(B, *V)] * 2, [operand("BOOL", *V)], ("LessOptions", {})),
    ("SELECT_V2", [operand("BOOL", *V), *[operand(B, *V)] * 2], [operand(B, *V)], None),
    ("CAST", [operand(B, *V)], [operand(I, *V)], ("CastOptions", {})),
    ("CUMSUM", [operand(B, *V), operand(I, data=1)], [operand(B, *V)], ("CumsumOptions", {})),
    ("ARG_MAX", [operand(B, *V), operand(I, data=1)], [operand(I, 2)],
     ("ArgMaxOptions", {"outputType": 2})),
    ("SHAPE", [operand(F, *V)], [operand(I, 2)], ("ShapeOptions", {"outType": 2})),
    ("SQUEEZE", [operand(B, 1, 7, 1)], [operand(B, 7)],
     ("SqueezeOptions", {"squeezeDims": [0, 2]})),
    ("EXPAND_DIMS", [operand(B, *V), operand(I, data=1)], [operand(B, 2, 1, 10)], None),
    ("RESHAPE", [operand(B, *V), ints(-1, 5)], [operand(B, 4, 5)], None),
    ("SLICE", [operand(B, *V), ints(0, 1), ints(1, 4)], [operand(B, 1, 4)], None),
    ("GATHER", [operand(B, 2, 5, 3), ints(0, 1, 2, 3)], [operand(B, 2, 4, 3)],
     ("GatherOptions", {"axis": 1})),
    ("MIRROR_PAD", [operand(B, 3, 4), operand(I, 2, 2, data=[[1, 1], [1, 1]])],
     [operand(B, 5, 6)], ("MirrorPadOptions", {"mode": 0})),
    ("PAD", [operand(B, 3, 4), operand(I, 2, 2, data=[[1, 1], [1, 1]])], [operand(B, 5, 6)], None),
    ("SPACE_TO_DEPTH", [operand(B, *IMAGE)], [operand(B, 1, 2, 3, 12)],
     ("SpaceToDepthOptions", {"blockSize": 2})),
    ("RESIZE_BILINEAR", [operand(B, 1, 4, 4, 2), ints(8, 8)], [operand(B, 1, 8, 8, 2)],
     ("ResizeBilinearOptions", {})),
    ("L2_POOL_2D", [operand(F, *IMAGE)], [operand(F, 1, 2, 3, 3)], ("Pool2DOptions", POOL)),
    ("MEAN", [operand(H, *IMAGE), AXES], [operand(H, 1, 3)], ("ReducerOptions", {})),
    ("SUM", [operand(F, *IMAGE), AXES], [operand(F, 1, 3)], ("ReducerOptions", {})),
    ("MEAN", [operand("UINT8", *IMAGE), AXES], [operand("UINT8", 1, 3)], ("ReducerOptions", {})),
    ("REDUCE_MIN", [operand(B, *IMAGE), AXES], [operand(B, 1, 3)], ("ReducerOptions", {})),
    ("REDUCE_ALL", [operand("BOOL", *V), ints(1)], [operand("BOOL", 2)], ("ReducerOptions", {})),
    ("QUANTIZE", [operand(F, *V)], [operand(B, *V)], ("QuantizeOptions", {})),
    ("DEQUANTIZE", [operand(B, *V)], [operand(F, *V)], ("DequantizeOptions", {})),
    ("PRELU", [operand(B, *IMAGE), operand(B, 1, 1, 3, data=[1, 1, 1])], [operand(B, *IMAGE)],
     None),
    ("SVDF", [operand(B, 1, 8), operand(B, 6, 8, data=np.ones((6, 8))),
              operand(H, 6, 5, data=np.ones((6, 5))), operand(I, 3, data=[0, 0, 0], scale=0.25),
              operand(H, 1, 30, variable=True)],
     [operand(B, 1, 3)], ("SVDFOptions", {"rank": 2})),
    ("SPLIT", [operand(I, data=1), operand(B, 2, 6)], [operand(B, 2, 3)] * 2,
     ("SplitOptions", {"numSplits": 2})),
    ("BATCH_TO_SPACE_ND", [operand(B, 4, 2, 2, 1), ints(2, 2),
                           operand(I, 2, 2, data=[[0, 0], [0, 0]])],
     [operand(B, 1, 4, 4, 1)], None),
    ("PACK", [operand(B, 4)] * 3, [operand(B, 3, 4)], ("PackOptions", {"valuesCount": 3})),
    ("STRIDED_SLICE", [operand(B, *V), ints(0, 1), ints(2, 9), ints(1, 2)], [operand(B, 2, 4)],
     ("StridedSliceOptions", {})),
]  # fmt: skip

CHILD = """
import os, sys
from tflite_micro import runtime
for path in sys.argv[1:]:
    os.write(2, b"=== " + os.path.basename(path).encode() + b"\\n")
    data = open(path, "rb").read()
    try:
        runtime.Interpreter.from_bytes(data, arena_size=100_000).print_allocations()
    except RuntimeError as fault:
        os.write(2, str(fault).encode())
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Return, for each case, the model and what the host's runtime said of its allocations."""
    pytest.importorskip("tflite_micro")
    folder = tmp_path_factory.mktemp("models")
    models = [make_model(*case) for case in CASES]
    paths = []
    for number, data in enumerate(models):
        paths.append(folder / str(number))
        paths[-1].write_bytes(data)
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *paths], capture_output=True, text=True, timeout=60
    )
    assert 0 == child.returncode, child.stderr[-500:]
    said = dict(part.split("\n", 1) for part in child.stderr.split("=== ")[1:])
    return [(data, said[str(number)]) for number, data in enumerate(models)]


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case[0] for case in CASES])
def test_operators_outside_the_truth_take_what_the_host_says(measured, number):
    """Head, and the persistent bytes of kernels whose data hold no pointers, are the host's."""
    data, said = measured[number]
    model = read_model(data)
    plan, graph = plan_arena(model, "tflm-reference"), model.subgraphs[0]
    head = int(re.search(r"head (\d+) bytes", said)[1])
    asked = int(re.search(r"'Persistent buffer data'.*requested (\d+) bytes", said)[1])
    kernel = asked - 8 * (len(graph.inputs) + len(graph.outputs))
    parsed = {what for _, _, what in PARSED.values()}
    mine = sum(e.size_bytes for e in plan.tail if e.op >= 0 and e.what not in parsed)
    assert plan.exact
    assert () == refusals(model)
    assert (head, kernel) == (plan.head_bytes, mine)


@pytest.mark.parametrize("name", ["SELECT", "REDUCE_PROD", "TILE", "POW", "GELU", "TOPK_V2"])
def test_operators_without_a_kernel_are_refused(name):
    """What the runtime's resolver does not know is refused by name."""
    load_schema()
    reasons = refusals(read_model(make_model(*unary(name))))
    assert reasons[0].startswith(f"op 0 {name}: the runtime has no kernel")
