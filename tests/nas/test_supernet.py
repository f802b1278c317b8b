"""The supernet against Keras models of its own weights."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_course.core.arch import LayerSpec
from tinyml_course.nas.inherit import inherit
from tinyml_course.nas.space import SearchSpace
from tinyml_course.nas.supernet import Supernet
from tinyml_course.nas.weight_sharing import initial_weights

pytestmark = pytest.mark.slow

SPACE = SearchSpace(
    classes=3, input_shape=(12, 9, 1), widths=(2, 4), min_depth=1, max_depth=3, hidden=(0, 5)
)
"""Small, with odd and even sides, and every kind of choice."""

IMAGES = np.random.default_rng(0).random((12, 12, 9, 1), np.float32)
CALIBRATION = np.random.default_rng(1).random((16, 12, 9, 1), np.float32)
LABELS = np.random.default_rng(2).integers(0, 3, 12)


@pytest.fixture(scope="module")
def supernet() -> Supernet:
    """An untrained supernet whose scales and shifts differ from channel to channel."""
    rng, weights = np.random.default_rng(4), initial_weights(SPACE, 0)
    for name, value in weights.items():
        if name.endswith(("gamma", "beta", "bias")):
            value += rng.normal(0, 0.3, value.shape).astype(np.float32)
    return Supernet(SPACE, weights)


def networks(count: int) -> list:
    """Return random networks, and one with each operation, stride, pooling and skip."""
    conv = LayerSpec(op="conv", filters=4, kernel=5)
    every = [
        (conv, LayerSpec(op="depthwise", stride=2), LayerSpec(op="separable", filters=2, pool=2)),
        (LayerSpec(op="conv", filters=2, stride=2, activation="relu"),
         LayerSpec(op="separable", filters=2, kernel=5, skip=True)),
        (conv, LayerSpec(op="conv", filters=4, skip=True),
         LayerSpec(op="conv", filters=2, stride=2)),
    ]  # fmt: skip
    rng = np.random.default_rng(7)
    chosen = [SPACE.settle(layers, hidden) for layers, hidden in zip(every, (5, 0, 5), strict=True)]
    return chosen + [SPACE.sample(rng) for _ in range(count)]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def test_extracted_network_computes_the_same(supernet):
    """A Keras model that inherits its weights gives the path's probabilities to float tolerance."""
    images = supernet.load_images(IMAGES, calibration=CALIBRATION)
    for spec in networks(5):
        logits = supernet.calibrated(spec, images).logits
        model = inherit(supernet, spec, CALIBRATION)
        found = model(IMAGES, training=False).numpy()
        assert np.abs(found - softmax(logits)).max() < 1e-5, spec


def test_statistics_are_those_of_the_network_itself(supernet):
    """Mean and variance of each normalisation are those of its input on the training images."""
    import tf_keras

    for spec in networks(0):
        model = inherit(supernet, spec, CALIBRATION)
        norms = [layer for layer in model.layers if "BatchNorm" in type(layer).__name__]
        inner = tf_keras.Model(model.inputs, [layer.input for layer in norms])
        inputs = inner(CALIBRATION, training=False)
        inputs = inputs if isinstance(inputs, list) else [inputs]
        for layer, x in zip(norms, inputs, strict=True):
            x = x.numpy().reshape(-1, x.shape[-1])
            assert layer.moving_mean.numpy() == pytest.approx(x.mean(0), abs=1e-5)
            assert layer.moving_variance.numpy() == pytest.approx(x.var(0), rel=1e-3, abs=1e-6)


def test_scores_do_not_depend_on_other_images(supernet):
    """An image gets the same logits alone as among others: only the training images calibrate."""
    spec = networks(0)[0]
    whole = supernet.calibrated(spec, supernet.load_images(IMAGES, calibration=CALIBRATION))
    alone = supernet.calibrated(spec, supernet.load_images(IMAGES[3:4], calibration=CALIBRATION))
    assert alone.logits[0] == pytest.approx(whole.logits[3], abs=1e-5)


def test_gradient_is_that_of_the_extracted_network(supernet):
    """On each weight it uses, the path's gradient is Keras' own; elsewhere it is zero."""
    from tinyml_course.core.environment import load_tensorflow

    tf = load_tensorflow()
    for spec in networks(0)[:2]:
        gradients, loss = supernet.gradients(IMAGES, LABELS, [spec])
        model = inherit(supernet, spec, CALIBRATION)
        with tf.GradientTape() as tape:
            outputs = model(IMAGES, training=True)
            wanted = tf.reduce_mean(
                tf.keras.losses.sparse_categorical_crossentropy(LABELS, outputs)
            )
        keras = tape.gradient(wanted, model.trainable_variables)
        assert loss == pytest.approx(float(wanted), rel=1e-5)
        ours = sum(float(np.square(g.numpy()).sum()) for g in gradients)
        assert ours == pytest.approx(
            sum(float(np.square(g.numpy()).sum()) for g in keras), rel=1e-3
        )
        stem = dict(zip(supernet.weights, gradients, strict=True))["0/conv"].numpy()
        margin, width = (5 - spec.layers[0].kernel) // 2, spec.layers[0].filters
        inside = stem[margin : 5 - margin, margin : 5 - margin, :, :width]
        assert inside == pytest.approx(keras[0].numpy(), rel=1e-3, abs=1e-5)
        assert np.count_nonzero(stem) == np.count_nonzero(inside)


def test_gradients_are_averaged_over_networks(supernet):
    """Two networks' gradient is the mean of theirs, and doesn't remember earlier calls."""
    a, b = networks(0)[:2]
    both, loss = supernet.gradients(IMAGES, LABELS, [a, b])
    (of_a, loss_a), (of_b, loss_b) = (supernet.gradients(IMAGES, LABELS, [s]) for s in (a, b))
    assert loss == pytest.approx((loss_a + loss_b) / 2)
    for mean, one, other in zip(both, of_a, of_b, strict=True):
        assert mean.numpy() == pytest.approx((one.numpy() + other.numpy()) / 2, abs=1e-6)


def test_no_path_is_traced_twice(supernet):
    """However many networks are scored and trained, each graph has been traced once."""
    images = supernet.load_images(IMAGES, calibration=CALIBRATION)
    for spec in networks(3):
        supernet.calibrated(spec, images)
        supernet.gradients(IMAGES, LABELS, [spec])
    assert supernet.traced == (1, 1)


def test_foreign_weights_and_networks_are_refused():
    """Weights of another space are refused by the name of the array that differs."""
    weights = initial_weights(SPACE, 0)
    with pytest.raises(ValueError, match=r"'output'.*got None"):
        Supernet(SPACE, {k: v for k, v in weights.items() if k != "output"})
    wide = SearchSpace(classes=3, input_shape=(12, 9, 1), widths=(2, 8), max_depth=3, hidden=(0, 5))
    with pytest.raises(ValueError, match="0/conv"):
        Supernet(wide, weights)
