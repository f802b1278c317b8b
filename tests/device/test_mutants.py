"""Five thousand damaged models: each is refused or runs, and the caller survives them all."""

import json
import resource
import subprocess
import sys
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tinyml_course.core.errors import (
    InvalidModel,
    InvocationTimeout,
    ModelDoesNotFit,
    UnsupportedModel,
)
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.runtime import DeviceRuntime
from tinyml_course.device.runtime_server import RuntimeServer

HERE = Path(__file__).parent / "truth" / "models"
MODELS = HERE if HERE.is_dir() else Path(__file__).parents[2].parent / "shared/truth/models"
PARENTS = sorted(p for p in MODELS.glob("*.tflite") if p.stat().st_size < 20_000)
COUNT = 5000
LIMIT_BYTES = 1024**3

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PARENTS, reason="the truth's models are not in this checkout"),
    pytest.mark.skipif(find_spec("tflite_micro") is None, reason="TFLM: x86-64 Linux only"),
]


def flip_bytes(data, rng):
    places = rng.integers(0, len(data), rng.integers(1, 9))
    data[places] = rng.integers(0, 256, len(places))
    return data


def flip_structure(data, rng):
    """Damage tables rather than weights: they lie in the first 200 bytes and the last half."""
    low, high = ((0, 200), (len(data) // 2, len(data)))[rng.integers(2)]
    data[rng.integers(low, high, rng.integers(1, 5))] ^= np.uint8(1 << rng.integers(0, 8))
    return data


def truncate(data, rng):
    return data[: rng.integers(0, len(data))]


def overwrite_offset(data, rng):
    words = data[: len(data) // 4 * 4].view(np.uint32)
    wild = (0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, len(data), int(rng.integers(2**32)))
    words[rng.integers(len(words))] = wild[rng.integers(len(wild))]
    return data


def splice(data, rng):
    length = int(rng.integers(1, len(data) // 2))
    source, target = rng.integers(0, len(data) - length, 2)
    data[target : target + length] = data[source : source + length].copy()
    return data


MUTATIONS = (flip_bytes, flip_structure, truncate, overwrite_offset, splice)


def make_mutant(seed, parents):
    rng = np.random.default_rng(seed)
    data = np.frombuffer(parents[rng.integers(len(parents))], np.uint8).copy()
    return MUTATIONS[seed % len(MUTATIONS)](data, rng).tobytes()


def outcome(data, server):
    """Return how a model ends: 'runs', or the name of the error."""
    try:
        read_model(data)
        with DeviceRuntime(data, server=server, timeout_s=1.0) as runtime:
            runtime.run_all([np.zeros((1, *p.sample_shape), p.dtype) for p in runtime.inputs])
    except (InvalidModel, UnsupportedModel, InvocationTimeout, ModelDoesNotFit) as error:
        return type(error).__name__ if str(error).strip() else "an error without words"
    return "runs"


def run_all():
    """Return how all mutants end, the slowest in seconds, and the peak memory in bytes."""
    parents = [path.read_bytes() for path in PARENTS]
    ends, slowest = Counter(), 0.0
    with RuntimeServer("tflm") as server:
        for seed in range(COUNT):
            began = time.monotonic()
            ends[outcome(make_mutant(seed, parents), server)] += 1
            slowest = max(slowest, time.monotonic() - began)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {"ends": ends, "slowest_s": slowest, "peak_bytes": max(own_peak_bytes(), children)}


def own_peak_bytes():
    """Return the peak memory since this program was started.

    Not `ru_maxrss`: across exec it keeps the peak of the process that started this one, here a
    pytest worker with TensorFlow and whatever its earlier tests have left.
    """
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024


def test_five_thousand_mutants_are_refused_or_run():
    """Each mutant ends in a course error or an answer; nothing dies, hangs or eats 1 GB.

    They run in a process of their own, whose memory nothing else has touched.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.device.test_mutants"],
        cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, check=True, timeout=900,
    )  # fmt: skip
    found = json.loads(done.stdout)
    print(found)
    ends = Counter(found["ends"])
    kinds = {"runs", "InvalidModel", "UnsupportedModel", "InvocationTimeout", "ModelDoesNotFit"}
    assert (COUNT, set()) == (ends.total(), set(ends) - kinds)
    assert min(ends["runs"], ends["InvalidModel"]) > COUNT // 10
    assert found["slowest_s"] < 10
    assert found["peak_bytes"] < LIMIT_BYTES


if __name__ == "__main__":
    print(json.dumps(run_all()))
