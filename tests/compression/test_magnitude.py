"""Magnitude pruning: what becomes zero, and what does not become smaller."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_course.compression.magnitude import count_zeros, measure_file, prune_weights
from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.environment import seed_everything
from tinyml_course.data.synthetic import draw_gestures
from tinyml_course.training.build import build
from tinyml_course.training.fit import fit

pytestmark = pytest.mark.slow

SPEC = ArchSpec(
    classes=3,
    layers=(
        LayerSpec(op="conv", filters=8, stride=4, activation="relu"),
        LayerSpec(op="conv", filters=24, stride=2, activation="relu"),
    ),
)


def test_weights_become_zero_and_only_gzip_notices():
    """Masks hold to the end of training; the .tflite stays as large, the archive shrinks."""
    gestures = draw_gestures(samples_per_class=20, people=2, seed=0)
    seed_everything(0)
    model = build(SPEC)
    fit(model, gestures, epochs=1, progress=False)  # offsets of zero would leave the biases out
    before = [w.copy() for w in model.get_weights()]

    sparse = prune_weights(model, gestures, sparsity=0.75, epochs=3, progress=False)

    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert [layer.name for layer in model.layers] == [layer.name for layer in sparse.layers]
    for name in ("c0", "c1", "out"):
        kernel = sparse.get_layer(name).get_weights()[0]
        assert abs(np.mean(kernel == 0) - 0.75) <= 1 / kernel.size + 1e-9
    moved = sparse.get_layer("c1").get_weights()[0] - model.get_layer("c1").get_weights()[0]
    assert np.count_nonzero(moved) > 0.9 * moved.size
    dense_file, sparse_file = (measure_file(m, gestures.images) for m in (model, sparse))
    assert dense_file.sparsity == 0
    assert 0.75 == pytest.approx(sparse_file.sparsity, abs=0.01)
    assert abs(sparse_file.tflite_bytes - dense_file.tflite_bytes) <= 16
    assert sparse_file.gzip_bytes < 0.85 * dense_file.gzip_bytes


def test_zeros_are_counted_in_kernels_only():
    """Biases and offsets begin as zeros and do not count; a kernel's zeros do."""
    model = build(SPEC)
    assert 0 == count_zeros(model)

    kernel = model.get_layer("c0").get_weights()[0]
    model.get_layer("c0").set_weights([np.zeros_like(kernel)])

    total = 9 * 8 + 9 * 8 * 24 + 24 * 3
    assert 72 / total == count_zeros(model)


@pytest.mark.parametrize(("sparsity", "epochs"), [(0.0, 1), (1.0, 1), (0.5, 0)])
def test_impossible_requests_are_refused(sparsity, epochs):
    """Sparsity of none or all, or no training, is an error."""
    with pytest.raises(ValueError, match="sparsity must be in"):
        prune_weights(build(SPEC), None, sparsity=sparsity, epochs=epochs)
