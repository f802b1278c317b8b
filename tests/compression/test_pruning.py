"""Structured pruning is exact: what is left computes what the masked network computed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compression.graphs import (
    NET,
    random_images,
    random_kept,
    random_model,
    randomise,
)
from tinyml_course.compression.channel_choice import pruned_spec
from tinyml_course.compression.channel_graph import find_groups, read_channels
from tinyml_course.compression.channel_values import input_ranges
from tinyml_course.compression.pruning import dead_channels, mask_channels, prune_channels
from tinyml_course.cost.estimate import estimate_cost
from tinyml_course.cost.file_size import file_bytes
from tinyml_course.cost.graph import arch_graph
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.convert import convert_int8
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.device.slim import slim
from tinyml_course.device.slim_size import slim_bytes
from tinyml_course.training.build import build

pytestmark = pytest.mark.slow


@settings(max_examples=40)
@given(st.integers(0, 2**31))
def test_the_pruned_network_computes_what_the_masked_one_does(seed):
    """Zeros made by the producers reach just those weights of the consumers that pruning drops."""
    rng = np.random.default_rng(seed)
    model = random_model(rng, blocks=int(rng.integers(1, 4)))
    kept, images = random_kept(model, rng), random_images(model, rng)

    masked, pruned = mask_channels(model, kept), prune_channels(model, kept)

    assert np.allclose(masked(images), pruned(images), rtol=1e-4, atol=1e-5)
    assert not np.allclose(0, masked(images), atol=1e-3)
    if not all(mask.all() for mask in kept.values()):
        assert pruned.count_params() < model.count_params() == masked.count_params()


@settings(max_examples=10)
@given(st.integers(0, 2**31))
def test_a_masked_channel_is_zero_wherever_it_is_consumed(seed):
    """Every consumer reads zeros at the places of the channels that go, and only there."""
    rng = np.random.default_rng(seed)
    model = random_model(rng, blocks=2)
    kept = random_kept(model, rng)
    masked = mask_channels(model, kept)

    for number, ends in input_ranges(read_channels(masked), random_images(model, rng)).items():
        consumer = read_channels(masked).calls[number].name
        for group in find_groups(model):
            for share in group.consumers:
                if share.layer == consumer:
                    values = ends[:, list(share.places)].reshape(-1, group.width)
                    gone = ~kept.get(group.name, np.ones(group.width, bool))
                    assert (values[:, gone] == 0).all()


def test_zero_filters_alone_are_no_mask():
    """With its filters at zero a channel still carries what the normalisation's offset makes."""
    rng = np.random.default_rng(1)
    model = randomise(build(NET), rng)
    kept = {"c0": np.array([True] * 5 + [False])}
    kernel = model.get_layer("c0").get_weights()[0]
    kernel[..., 5] = 0
    half = mask_channels(model, {})
    half.get_layer("c0").set_weights([kernel])
    images = random_images(model, rng)

    assert not np.allclose(half(images), prune_channels(model, kept)(images), atol=1e-3)


def test_the_pruned_specification_builds_the_pruned_model():
    """Building `pruned_spec` gives the same layers, with weights of the same shapes in order."""
    rng = np.random.default_rng(2)
    model = build(NET)
    kept = random_kept(model, rng)
    again, pruned = build(pruned_spec(NET, kept)), prune_channels(model, kept)

    assert [w.shape for w in pruned.get_weights()] == [w.shape for w in again.get_weights()]
    assert [layer.name for layer in pruned.layers] == [layer.name for layer in again.layers]
    again.set_weights(pruned.get_weights())
    images = random_images(model, rng)
    assert np.array_equal(pruned(images), again(images))


def test_file_arena_and_macs_shrink_as_the_cost_model_says():
    """The converted pruned network has the bytes, the arena and the work that were computed."""
    rng = np.random.default_rng(3)
    model = randomise(build(NET), rng)
    kept = {"c0": np.arange(6) % 2 == 0, "c3": np.arange(9) < 5}
    spec = pruned_spec(NET, kept)
    graph = arch_graph(spec)
    images = random_images(model, rng, count=32)

    tflite = convert_int8(prune_channels(model, kept), images).tflite

    assert file_bytes(spec, graph) == len(tflite) < file_bytes(NET, arch_graph(NET))
    assert len(slim(tflite)) <= slim_bytes(graph) <= 1.05 * len(slim(tflite))
    predicted = plan_arena(graph, "esp-nn").required_bytes
    assert plan_arena(read_model(tflite), "esp-nn").required_bytes == predicted
    assert predicted < plan_arena(arch_graph(NET), "esp-nn").required_bytes
    macs = estimate_cost(read_model(tflite).subgraphs[0]).macs
    assert estimate_cost(graph).macs == macs < estimate_cost(arch_graph(NET)).macs


def test_dead_channels_are_found_and_cost_nothing():
    """Planted dead channels, of three kinds, go; the outputs stay; a constant one is not dead."""
    rng = np.random.default_rng(4)
    model = randomise(build(NET), rng)
    norm, reader, hidden = (model.get_layer(name) for name in ("c3n", "h", "out"))
    gamma, beta, mean, variance = norm.get_weights()
    gamma[[1, 2]], beta[1], beta[2] = 0, -0.5, 0.7  # 1 is never active, 2 is a constant
    norm.set_weights([gamma, beta, mean, variance])
    kernel, bias = reader.get_weights()
    kernel[4], kernel[:, 3], bias[3] = 0, 0, -1  # nobody reads 4; hidden unit 3 never fires
    reader.set_weights([kernel, bias])
    outgoing, bias = hidden.get_weights()
    outgoing[0] = 0
    hidden.set_weights([outgoing, bias])
    images = random_images(model, rng, count=40)

    kept = dead_channels(model, images)

    assert {1, 4} <= set(np.flatnonzero(~kept["c3"]))
    assert kept["c3"][2]
    assert {0, 3} <= set(np.flatnonzero(~kept["h"]))
    pruned = prune_channels(model, kept)
    assert pruned.count_params() < model.count_params()
    assert np.allclose(model(images), pruned(images), rtol=1e-5, atol=1e-6)


def test_a_layer_that_is_dead_as_a_whole_keeps_a_channel():
    """No mask is empty: a group without any live channel keeps its first one."""
    model = build(NET)
    out = model.get_layer("out")
    out.set_weights([np.zeros((5, 3)), np.ones(3)])

    kept = dead_channels(model, random_images(model, np.random.default_rng(0)))

    assert [True] + [False] * 4 == kept["h"].tolist()
    assert kept["c0"].all()  # what is left of the hidden layer reads them


@settings(max_examples=8)
@given(st.integers(0, 2**31))
def test_removing_dead_channels_changes_nothing(seed):
    """With a third of the filters never active, and some unread, the outputs stay the same."""
    rng = np.random.default_rng(seed)
    model = random_model(rng, blocks=2)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            gamma, beta, mean, variance = layer.get_weights()
            dead = rng.random(len(gamma)) < 0.4
            layer.set_weights([gamma * ~dead, np.where(dead, -1, beta), mean, variance])
    kernel, *bias = model.layers[-1].get_weights()
    kernel[rng.random(len(kernel)) < 0.3] = 0
    model.layers[-1].set_weights([kernel, *bias])
    images = random_images(model, rng, count=20)

    pruned = prune_channels(model, dead_channels(model, images))

    assert np.allclose(model(images), pruned(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ({"c9": np.ones(6, bool)}, "no group of channels that may be pruned; choose from c0, c3"),
        ({"out": np.ones(3, bool)}, "no group of channels that may be pruned"),
        ({"c0": np.ones(5, bool)}, r"must be \(6,\) bool"),
        ({"c0": np.ones(6)}, "float64"),
        ({"c0": np.zeros(6, bool)}, "keep at least one"),
    ],
)
def test_a_wrong_mask_is_refused(kept, message):
    """Unknown groups, outputs, other widths, numbers and empty masks are refused by name."""
    with pytest.raises(ValueError, match=message):
        prune_channels(build(NET), kept)
