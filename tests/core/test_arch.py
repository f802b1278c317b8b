"""Specifications of networks."""

import pytest

from tinyml_course.core.arch import ArchSpec, LayerSpec


@pytest.mark.parametrize(
    "fields",
    [
        {"op": "conv"},
        {"op": "depthwise", "filters": 8},
        {"op": "pool", "filters": 8},
        {"op": "conv", "filters": 8, "kernel": 0},
        {"op": "conv", "filters": -1},
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
