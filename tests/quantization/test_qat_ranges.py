"""The ranges from which quantization-aware training starts."""

import numpy as np
import pytest

from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.quantization.qat import quantize_aware
from tinyml_course.training.build import small_cnn

pytestmark = pytest.mark.slow


def images(count: int = 300):
    """Return random images in [0, 1], more than one batch of them."""
    return np.random.default_rng(1).random((count, 32, 32, 1), dtype=np.float32)


def ranges(aware):
    """Return the (low, high) of each quantized activation by the layer's name."""
    found = {}
    for layer in aware.layers:
        kept = {v.name.split("/")[-1][:-2]: float(v) for v in layer.variables if v.shape == ()}
        low = next((v for k, v in kept.items() if k.endswith("_min") and "kernel" not in k), None)
        high = next((v for k, v in kept.items() if k.endswith("_max") and "kernel" not in k), None)
        if low is not None:
            found[layer.name] = (low, high)
    return found


def test_calibrated_ranges_are_what_the_float_model_shows():
    """Each range runs from 0 or the smallest value to the largest, over all samples."""
    seed_everything(0)
    model, x = small_cnn(3, width=4), images()
    found = ranges(quantize_aware(model, calibration=x))
    for name in ("c0a", "d1a", "c3a", "pool"):
        inner = load_keras().Model(model.input, model.get_layer(name).output)
        values = np.asarray(inner(x))
        assert found[f"quant_{name}"] == pytest.approx((0.0, values.max()), rel=1e-6)
    assert found["quant_x"] == pytest.approx((0.0, x.max()))


def test_the_calibrated_copy_predicts_before_it_is_trained():
    """Its outputs are the float model's, but for rounding; without samples the input is lost."""
    seed_everything(0)
    model, x = small_cnn(3, width=4), images(64)
    expected = np.asarray(model(x))
    np.testing.assert_allclose(
        np.asarray(quantize_aware(model, calibration=x)(x)), expected, atol=0.01
    )
    blind = np.asarray(quantize_aware(model)(x))
    np.testing.assert_array_equal(blind, np.broadcast_to(blind[0], blind.shape))


@pytest.mark.parametrize("samples", [images(0), [images(2), images(2)]], ids=["none", "two inputs"])
def test_samples_that_do_not_match_the_inputs_are_refused(samples):
    """No samples, or arrays for another number of inputs, raise ValueError with the remedy."""
    with pytest.raises(ValueError, match="one array an input"):
        quantize_aware(small_cnn(3, width=4), calibration=samples)
