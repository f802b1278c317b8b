"""Which channels belong together."""

from __future__ import annotations

import pytest

from tests.compression.graphs import NET
from tinyml_course.compression.channel_choice import group_widths
from tinyml_course.compression.channel_graph import find_groups
from tinyml_course.core.environment import load_keras
from tinyml_course.training.build import build

pytestmark = pytest.mark.slow


def test_the_models_groups_are_the_specifications():
    """Blocks that a skip ties are one group; names and widths agree with the specification."""
    groups = [g for g in find_groups(build(NET)) if g.prunable]

    assert group_widths(NET) == {g.name: g.width for g in groups}
    assert {"c0": 6, "c3": 9, "h": 5} == group_widths(NET)
    assert ["c0", "c1"] == [share.layer for share in groups[0].producers]
    assert ("c0n", "d1", "d1n", "c1n", "d2", "d2n", "d3", "d3n") == groups[0].followers
    assert ["c1", "c3"] == [share.layer for share in groups[0].consumers]


def test_a_sum_of_two_branches_side_by_side_splits_the_layer_it_is_added_to():
    """Places of a concatenation are those of the branches in order: so the other filters split."""
    layers = load_keras().layers
    image = layers.Input((4, 4, 1), name="x")
    a, b, c = (layers.Conv2D(n, 1, name=m)(image) for n, m in ((2, "a"), (3, "b"), (5, "c")))
    total = layers.Add()([layers.Concatenate()([a, b]), c])
    wide = layers.DepthwiseConv2D(3, depth_multiplier=2, name="d")(total)
    model = load_keras().Model(image, layers.Dense(2, name="out")(layers.Flatten()(wide)))

    groups = {group.name: group for group in find_groups(model)}

    assert {"x": 1, "a": 2, "b": 3, "out": 2} == {n: g.width for n, g in groups.items()}
    assert ["a", "b"] == [name for name, group in groups.items() if group.prunable]
    assert [("b", (0, 1, 2)), ("c", (2, 3, 4))] == [
        (share.layer, share.places) for share in groups["b"].producers
    ]
    assert ("d",) == groups["b"].followers
    (reader,) = groups["a"].consumers
    assert reader.places == tuple(10 * pixel + i for pixel in range(4) for i in range(4))


def test_a_part_of_a_layer_is_named_by_its_places():
    """Filters of one layer that are tied to different layers are groups of their own."""
    layers = load_keras().layers
    image = layers.Input((4, 4, 1), name="x")
    c = layers.Conv2D(5, 1, name="c")(image)
    a, b = (layers.Conv2D(n, 1, name=m)(c) for n, m in ((2, "a"), (3, "b")))
    total = layers.Add()([c, layers.Concatenate()([a, b])])
    model = load_keras().Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(total)))

    groups = [group for group in find_groups(model) if group.prunable]

    assert ["c[0:2]", "c[2:5]"] == [group.name for group in groups]
    assert [2, 3] == [group.width for group in groups]


def test_a_sigmoid_keeps_its_channels():
    """Sigmoid makes 1/2 of zero, and softmax mixes channels: such groups may not be pruned."""
    keras = load_keras()
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((4, 4, 1)), layers.Conv2D(3, 1, activation="sigmoid", name="a"),
         layers.Conv2D(3, 1, name="b"), layers.Softmax(), layers.Flatten(), layers.Dense(2)]
    )  # fmt: skip

    assert not any(group.prunable for group in find_groups(model))


def test_layers_that_cannot_be_followed_are_refused():
    """A reshape, groups and a layer that is called twice are refused with a remedy."""
    keras = load_keras()
    layers = keras.layers
    image = layers.Input((4, 4, 2))
    twice = layers.Conv2D(2, 1, name="twice")
    for output, message in (
        (layers.Reshape((8, 4))(image), "is a Reshape.*Flatten"),
        (layers.Conv2D(2, 1, groups=2)(image), "2 groups"),
        (twice(twice(image)), "'twice' is called more than once"),
        (layers.Concatenate(axis=1)([image, image]), "concatenate along the last axis"),
    ):
        with pytest.raises(ValueError, match=message):
            find_groups(keras.Model(image, output))
