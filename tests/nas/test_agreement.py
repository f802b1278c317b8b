"""Predicted costs against conversion, and converted networks on the device's runtime."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tinyml_course.core.arch import ArchSpec, LayerSpec, gesture_net
from tinyml_course.device.runtime import DeviceRuntime
from tinyml_course.device.runtime_server import RuntimeServer
from tinyml_course.device.slim import slim
from tinyml_course.nas.agreement import compare_costs, convert_random, cut_at_pooling
from tinyml_course.nas.costs import measure_cost
from tinyml_course.nas.space import DEFAULT_SPACE

pytestmark = pytest.mark.slow

CONV = LayerSpec(op="conv", filters=8)
EVERYTHING = ArchSpec(
    classes=10,
    hidden=16,
    layers=(
        replace(CONV, stride=2),
        replace(CONV, skip=True, pool=2, activation="relu"),
        LayerSpec(op="depthwise", kernel=5, skip=True),
        LayerSpec(op="separable", filters=8, skip=True, pool=2),
        LayerSpec(op="separable", filters=12, stride=2),
    ),
)
ONE_PIXEL = ArchSpec(
    classes=2,
    input_shape=(16, 16, 1),
    layers=(
        replace(CONV, stride=2, pool=2),
        replace(CONV, stride=2, pool=2),
        replace(CONV, skip=True, stride=2, pool=2),
        LayerSpec(op="depthwise", skip=True),
        LayerSpec(op="separable", filters=4, kernel=5),
    ),
)
ODD = ArchSpec(
    classes=3,
    input_shape=(15, 9, 2),
    layers=(
        LayerSpec(op="depthwise", pool=2),
        LayerSpec(op="conv", filters=2, kernel=1, pool=2, skip=True),
        LayerSpec(op="separable", filters=5, kernel=5, stride=2),
    ),
)
LONG = ArchSpec(classes=3, layers=(replace(CONV, stride=2), *[replace(CONV, skip=True)] * 11))
RANDOM = [DEFAULT_SPACE.sample(np.random.default_rng(seed)) for seed in range(3)]
NETWORKS = [gesture_net(10), EVERYTHING, ONE_PIXEL, ODD, LONG, *RANDOM]


@pytest.fixture(scope="module")
def files():
    """The converted networks, each made once."""
    return {spec: convert_random(spec, seed=0).tflite for spec in NETWORKS}


@pytest.mark.parametrize("spec", NETWORKS, ids=range(len(NETWORKS)))
def test_every_cost_equals_that_of_the_converted_file(spec, files):
    """Parameters, MACs, bytes of file and arenas of all kernel tiers agree to the last byte."""
    tiers = ("tflm-reference", "esp-nn", "esp-nn-s3", "esp-nn-p4")
    rows = compare_costs(spec, files[spec], tiers=tiers)
    assert [(row.what, row.converted) for row in rows] == [
        (row.what, row.predicted) for row in rows
    ]


def test_slimmed_files_are_predicted_within_five_per_cent(files):
    """The estimate of a slimmed file is at most five per cent above, and hardly ever below."""
    for spec, data in files.items():
        size, predicted = len(slim(data)), measure_cost(spec, form="slim").model_bytes
        assert 0.995 * size <= predicted <= 1.05 * size, spec


def answers(data, samples, servers):
    """Return what each runtime answers to the samples."""
    found = []
    for server in servers:
        with DeviceRuntime(data, server=server) as runtime:
            found.append(runtime.run(samples).astype(int))
    return found


def test_converted_networks_run_on_the_device_runtime(files):
    """TFLM's features are LiteRT's to the byte; classes may be off by the dense layers' rounding.

    TFLM rounds twice in a dense layer where LiteRT's reference rounds once, so a logit may be a
    step off; two such layers and the softmax leave a probability within two steps of 1/256.
    """
    rng = np.random.default_rng(0)
    with RuntimeServer() as device, RuntimeServer("litert-reference") as reference:
        for spec, data in files.items():
            samples = rng.integers(-128, 128, (4, *spec.input_shape)).astype(np.int8)
            features = answers(cut_at_pooling(data), samples, (device, reference))
            np.testing.assert_array_equal(*features)
            assert features[0].std() > 0
            classes = answers(data, samples, (device, reference))
            np.testing.assert_allclose(*classes, atol=2)


def test_a_wrong_specification_is_told_apart(files):
    """A skip left out changes no parameter, and the comparison sees it in the other costs."""
    plain = replace(
        EVERYTHING, layers=tuple(replace(layer, skip=False) for layer in EVERYTHING.layers)
    )
    wrong = {row.what for row in compare_costs(plain, files[EVERYTHING]) if row.error_percent}
    assert wrong == {"file bytes", "arena bytes (tflm-reference)", "arena bytes (esp-nn)"}
