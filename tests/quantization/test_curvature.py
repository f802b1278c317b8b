"""Hessian traces against exact Hessians of small networks."""

from __future__ import annotations

import numpy as np
import pytest

from tests.quantization.test_sensitivity import gestures
from tinyml_course.core.environment import load_keras, load_tensorflow, seed_everything
from tinyml_course.quantization.curvature import HessianTrace, estimate_traces, hessian_product
from tinyml_course.quantization.sensitivity import find_weight_layers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def case():
    """Return a small network with two layers, its samples, and the exact Hessian as a matrix."""
    seed_everything(0)
    keras, tf = load_keras(), load_tensorflow()
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((4, 4, 1)),
            layers.Conv2D(2, 2, strides=2, activation="tanh", name="conv"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="out"),
        ]
    )
    data = gestures(32, shape=(4, 4, 1))
    kernels = [layer.kernel for layer in find_weight_layers(model)]
    with tf.GradientTape(persistent=True) as outer:
        with tf.GradientTape() as inner:
            outputs = model(data.images)
            loss = tf.reduce_mean(
                keras.losses.sparse_categorical_crossentropy(data.labels, outputs)
            )
        slopes = inner.gradient(loss, kernels)
        flat = tf.concat([tf.reshape(slope, [-1]) for slope in slopes], 0)
    blocks = [outer.jacobian(flat, kernel) for kernel in kernels]
    matrix = np.concatenate([np.reshape(block, (len(flat), -1)) for block in blocks], axis=1)
    return model, data, matrix


def test_the_product_is_the_exact_hessians(case):
    """Multiplying a random vector over both layers equals the stored matrix times it."""
    model, data, matrix = case
    rng = np.random.default_rng(0)
    vectors = [rng.normal(size=layer.kernel.shape) for layer in find_weight_layers(model)]
    flat = np.concatenate([v.ravel() for v in vectors])
    found = np.concatenate([v.ravel() for v in hessian_product(model, data)(vectors)])
    np.testing.assert_allclose(matrix @ flat, found, atol=1e-5 * np.abs(matrix).max())


def test_the_trace_is_estimated_within_its_standard_error(case):
    """Each layer's estimate lies within four standard errors, which are below a tenth of it."""
    model, data, matrix = case
    traces = estimate_traces(model, data, seed=0, probes=300)
    diagonal, start = np.diag(matrix), 0
    for trace in traces:
        exact = diagonal[start : start + trace.weights].sum()
        start += trace.weights
        assert abs(trace.trace - exact) <= 4 * trace.standard_error
        assert trace.standard_error < 0.1 * exact
    assert len(diagonal) == start


def test_damage_of_a_random_error_is_the_second_order_term(case):
    """Averaged over directions, half of e H e is half the mean curvature times e's square."""
    model, _, matrix = case
    size = find_weight_layers(model)[0].kernel.numpy().size
    block = matrix[:size, :size]
    trace = HessianTrace(layer="c", weights=size, trace=np.trace(block), standard_error=0.0)
    errors = np.random.default_rng(0).normal(size=(20_000, size))
    exact = 0.5 * np.mean(np.einsum("ni,ij,nj->n", errors, block, errors))
    assert trace.predict_damage(np.mean(np.sum(errors**2, axis=1))) == pytest.approx(
        exact, rel=0.05
    )


def test_the_seed_decides_and_one_probe_is_refused(case):
    """The same seed gives the same estimate; a standard error from one probe raises ValueError."""
    model, data, _ = case
    assert estimate_traces(model, data, seed=1, probes=2) == estimate_traces(
        model, data, seed=1, probes=2
    )
    with pytest.raises(ValueError, match="at least two probes"):
        estimate_traces(model, data, seed=0, probes=1)
