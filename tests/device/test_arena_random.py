"""Random graphs, with subgraphs that call each other, against the host's own plan."""

from __future__ import annotations

import random
import re
import subprocess
import sys

import pytest

from tests.device.factory import make_graphs, operand
from tests.device.test_arena_host import CHILD
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.flatbuffer import read_model

COUNT = 80
SIZES = (16, 16, 32, 48, 64, 80, 100, 128, 200, 17)
"""Bytes of the tensors; some repeat, so that the planner has ties to break."""


class RandomGraph:
    """Operators that take any shape, on the tensors made before; IF calls later subgraphs."""

    def __init__(self, rng, index, count):
        self.rng, self.later = rng, range(index + 1, count)
        self.tensors, self.ops = [operand("BOOL", 1, data=[1] if index else None)], []
        self.inputs = [] if index else [0]
        self.ready = [self.add() for _ in range(1 if index else rng.randint(1, 2))]
        self.inputs += self.ready
        for _ in range(rng.randint(2, 8)):
            self.grow()
        if rng.random() < 0.3:
            self.add()  # no operator touches it
        self.outputs = self.ready[-1:] if index else rng.sample(self.ready, rng.randint(1, 2))

    def add(self):
        """Return the number of a new tensor."""
        self.tensors.append(operand("INT8", self.rng.choice(SIZES)))
        return len(self.tensors) - 1

    def grow(self):
        """Append an operator."""
        rng = self.rng
        x = [rng.choice(self.ready) for _ in range(rng.randint(1, 3))]
        if self.later and rng.random() < 0.35:
            branches = {f"{k}SubgraphIndex": rng.choice(self.later) for k in ("then", "else")}
            op = ("IF", [0, x[0]], [self.add()], ("IfOptions", branches))
        elif rng.random() < 0.2:
            op = ("UNPACK", x[:1], [self.add(), self.add()], ("UnpackOptions", {"num": 2}))
        else:
            op = ("PACK", x, [self.add()], ("PackOptions", {"valuesCount": len(x)}))
        self.ops.append(op)
        self.ready += op[2]


def random_model(seed):
    rng = random.Random(seed)
    count = rng.choice([1, 1, 2, 3, 4])
    graphs = [RandomGraph(rng, index, count) for index in range(count)]
    return make_graphs([(g.tensors, g.ops, g.inputs, g.outputs) for g in graphs])


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    """Return (head that the host planned, the planned one) of each model."""
    pytest.importorskip("tflite_micro")
    folder = tmp_path_factory.mktemp("random")
    models = [random_model(seed) for seed in range(COUNT)]
    for number, data in enumerate(models):
        (folder / str(number)).write_bytes(data)
    paths = [folder / str(number) for number in range(COUNT)]
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *paths], capture_output=True, text=True, timeout=60
    )
    assert 0 == child.returncode, child.stderr[-500:]
    said = [int(size) for size in re.findall(r"head (\d+) bytes", child.stderr)]
    return said, [plan_arena(read_model(data), "tflm-reference").head_bytes for data in models]


def test_random_graphs_are_planned_as_the_host_plans_them(heads):
    """Lifetimes across calls, ties and gaps come out alike, model by model."""
    host, planned = heads
    assert COUNT == len(host)
    assert host == planned


def test_the_models_differ_enough_to_mean_something(heads):
    """Most heads are distinct, so a planner that is wrong somewhere shows."""
    assert len(set(heads[1])) > COUNT // 2
