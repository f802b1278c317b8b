"""What few bits cost one layer at a time."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.core.types import GestureSet
from tinyml_course.quantization.affine import choose_qparams, roundtrip
from tinyml_course.quantization.sensitivity import (
    find_weight_layers,
    measure_score,
    measure_sensitivity,
    measure_widths,
    quantize_kernel,
)
from tinyml_course.training.build import small_cnn


def gestures(count=24, classes=3, shape=(32, 32, 1)):
    """Return random images with labels."""
    rng = np.random.default_rng(0)
    return GestureSet(
        images=rng.random((count, *shape), dtype=np.float32),
        labels=rng.integers(0, classes, count),
        class_names=tuple("abc"[:classes]),
        persons=("p",) * count,
    )


@pytest.mark.parametrize("axes", [1, 2])
def test_each_output_channel_has_its_own_scale(axes):
    """Quantizing a kernel at once equals quantizing every channel's weights alone."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 3, 4, 2)) * 10.0 ** rng.integers(-2, 3, (4, 2) if axes == 2 else 2)
    expected = np.empty_like(kernel)
    places = [(slice(None),) * 2 + (c, m) for c in range(4) for m in range(2)]
    for place in places if axes == 2 else [(..., m) for m in range(2)]:
        w = kernel[place]
        q = choose_qparams(w.min(), w.max(), bits=4, symmetric=True)
        expected[place] = roundtrip(w, q)
    np.testing.assert_allclose(expected, quantize_kernel(kernel, 4, axes), rtol=1e-6)


def test_a_dense_layer_has_a_single_scale():
    """All weights of a matrix lie on one grid of the largest weight's seventh."""
    matrix = np.random.default_rng(0).normal(size=(20, 6))
    codes = quantize_kernel(matrix, 4, 0) / (np.abs(matrix).max() / 7)
    np.testing.assert_allclose(np.round(codes), codes, atol=1e-5)
    assert len(np.unique(np.round(codes))) > 9


def test_scaling_a_channel_scales_what_comes_back():
    """Folding a normalisation, negative factors too, commutes with quantization per channel."""
    rng = np.random.default_rng(0)
    kernel, factor = rng.normal(size=(3, 3, 4, 5)), rng.normal(size=5)
    folded = quantize_kernel(kernel * factor, 4, 1)
    np.testing.assert_allclose(quantize_kernel(kernel, 4, 1) * factor, folded, atol=1e-5)


@pytest.mark.slow
def test_only_the_named_layer_is_rounded_and_the_model_is_kept():
    """Each row is the score with one kernel replaced by its round trip; the model is unchanged."""
    seed_everything(0)
    model, data = small_cnn(3, width=4), gestures()
    before = model.get_weights()
    rows = measure_sensitivity(model, data, bits=(8, 2))
    assert [layer.name for layer in find_weight_layers(model)] == [r.layer for r in rows[::2]]
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    base = measure_score(model, data)
    for row in rows:
        layer = next(item for item in find_weight_layers(model) if item.name == row.layer)
        kept = layer.kernel.numpy()
        rounded = quantize_kernel(kept, row.bits, layer.channel_axes)
        layer.kernel.assign(rounded)
        score = measure_score(model, data)
        layer.kernel.assign(kept)
        assert (row.loss_increase, row.accuracy_drop) == pytest.approx(
            (score.loss - base.loss, base.accuracy - score.accuracy), abs=1e-6
        )
        assert np.sum((rounded - kept) ** 2) == pytest.approx(row.squared_error, rel=1e-4)
    assert rows[1].squared_error > 100 * rows[0].squared_error


@pytest.mark.slow
def test_what_has_no_weights_is_named():
    """Unknown layers and models without weights raise ValueError."""
    keras = load_keras()
    with pytest.raises(ValueError, match="no layer 'nothing' with weights; there are c0, d1"):
        measure_widths(small_cnn(3, width=4), {"nothing": 4}, gestures())
    empty = keras.Sequential([keras.layers.Input((4,)), keras.layers.Softmax()])
    with pytest.raises(ValueError, match="no Conv2D, DepthwiseConv2D or Dense"):
        find_weight_layers(empty)
