"""Quantization-aware copies of float models."""

import numpy as np
import pytest

from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.quantization.qat import quantize_aware
from tinyml_course.training.build import small_cnn

pytestmark = pytest.mark.slow


def test_the_copy_starts_from_what_the_model_has_learnt():
    """Trained weights are carried over: outputs stay close, weights identical."""
    seed_everything(0)
    model = small_cnn(3, width=4)
    aware = quantize_aware(model)
    copies = [v.numpy() for v in aware.trainable_variables]
    for variable in model.trainable_variables:
        assert any(np.array_equal(copy, variable.numpy()) for copy in copies), variable.name
    x = np.random.default_rng(0).random((4, 32, 32, 1), dtype=np.float32)
    np.testing.assert_allclose(np.asarray(aware(x)), np.asarray(model(x)), atol=0.1)


def test_layers_without_a_scheme_are_named_with_the_remedy():
    """SeparableConv2D, and a layer that tfmot does not know, raise ValueError that names it."""
    keras = load_keras()
    layers = keras.layers
    separable = keras.Sequential(
        [layers.Input((8, 8, 1)), layers.SeparableConv2D(2, 3, use_bias=False, name="sep")]
    )
    with pytest.raises(ValueError, match=r"'sep' is a SeparableConv2D.*DepthwiseConv2D"):
        quantize_aware(separable)
    strange = keras.Sequential([layers.Input((8, 4)), layers.LSTM(3, name="memory")])
    with pytest.raises(ValueError, match="no 8-bit scheme"):
        quantize_aware(strange)
