"""Specifications of networks."""

import pytest

from tinyml_course.core.arch import ArchSpec, LayerSpec, place_block, place_blocks, simplify


@pytest.mark.parametrize(
    "fields",
    [
        {"op": "conv"},
        {"op": "depthwise", "filters": 8},
        {"op": "pool", "filters": 8},
        {"op": "conv", "filters": 8, "kernel": 0},
        {"op": "conv", "filters": -1},
        {"op": "conv", "filters": 8, "activation": "swish"},
        {"op": "conv", "filters": 8, "pool": 0},
    ],
)
def test_impossible_layers_are_refused(fields):
    """A layer that no network can have raises ValueError."""
    with pytest.raises(ValueError, match=r"must be|filters="):
        LayerSpec(**fields)


def test_a_classifier_needs_two_classes_and_a_layer():
    """One class or no layer raises ValueError."""
    with pytest.raises(ValueError, match="at least 2 classes, got 1"):
        ArchSpec(layers=(LayerSpec(op="depthwise"),), classes=1)
    with pytest.raises(ValueError, match="at least one layer"):
        ArchSpec(layers=(), classes=3)


@pytest.mark.parametrize("fields", [{"input_shape": (32, 0, 1)}, {"hidden": -1}])
def test_impossible_networks_are_refused(fields):
    """An empty input or a negative head raises ValueError."""
    with pytest.raises(ValueError, match="must be"):
        ArchSpec(layers=(LayerSpec(op="depthwise"),), classes=3, **fields)


@pytest.mark.parametrize(
    ("layer", "shape", "acts"),
    [
        (LayerSpec(op="conv", filters=4, skip=True), (8, 8, 4), True),
        (LayerSpec(op="conv", filters=4, skip=True), (8, 8, 3), False),
        (LayerSpec(op="conv", filters=4, skip=True, stride=2), (8, 8, 4), False),
        (LayerSpec(op="conv", filters=4, skip=True, stride=2), (1, 1, 4), True),
        (LayerSpec(op="depthwise", skip=True, pool=2), (8, 8, 4), True),
    ],
)
def test_a_skip_acts_where_the_convolution_keeps_its_shape(layer, shape, acts):
    """Channels, stride and map decide; the pooling comes after the sum."""
    assert place_block(layer, shape).layer.skip == acts


def test_nothing_shrinks_a_single_pixel():
    """Stride and pooling vanish where they do nothing, and stay where one side shrinks."""
    layer = LayerSpec(op="conv", filters=4, stride=2, pool=2)
    pixel, row = place_block(layer, (1, 1, 4)).layer, place_block(layer, (1, 3, 4)).layer
    assert (1, 1) == (pixel.stride, pixel.pool)
    assert (2, 2) == (row.stride, row.pool)


def test_each_block_starts_from_what_the_one_before_left():
    """Shapes chain from the input through strides, pools and channels."""
    halving = LayerSpec(op="conv", filters=6, stride=2, pool=2)
    spec = ArchSpec(layers=(halving, LayerSpec(op="depthwise"), halving), classes=2)
    shapes = [block.output_shape for block in place_blocks(spec)]
    assert [(8, 8, 6), (8, 8, 6), (2, 2, 6)] == shapes
    assert [spec.input_shape, *shapes[:-1]] == [b.input_shape for b in place_blocks(spec)]


def test_simplifying_twice_changes_nothing_more():
    """The simplest spelling is its own simplest spelling, and hashes alike."""
    idle = LayerSpec(op="conv", filters=4, stride=64, skip=True, pool=64)
    once = simplify(ArchSpec(layers=(idle, idle), classes=2))
    assert once == simplify(once)
    assert (64, 1) == (once.layers[0].stride, once.layers[1].stride)
