"""Quantization-aware copies of float models."""

import numpy as np
import pytest

from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.device.convert import convert_int8
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.quantization.qat import prepare_float, quantize_aware
from tinyml_course.quantization.qat_layers import largest_code, load_tfmot
from tinyml_course.training.build import small_cnn

pytestmark = pytest.mark.slow

KERNEL_OPS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def images(count: int = 32):
    """Return random images in [0, 1]."""
    return np.random.default_rng(1).random((count, 32, 32, 1), dtype=np.float32)


def settled_cnn():
    """Return a gesture network whose normalisations have random statistics, some gammas < 0."""
    seed_everything(0)
    model, rng = small_cnn(3, width=4), np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, load_keras().layers.BatchNormalization):
            n = layer.gamma.shape[0]
            gamma = rng.uniform(0.3, 2, n) * rng.choice([-1, 1], n)
            layer.set_weights(
                [gamma, rng.normal(size=n), rng.normal(size=n), rng.uniform(0.2, 3, n)]
            )
    return model


def kernels(tflite: bytes):
    """Return the weights of the file: (codes with the channels last, scales) of each kernel."""
    from ai_edge_litert.interpreter import Interpreter

    reader = Interpreter(model_content=tflite)
    reader.allocate_tensors()
    graph = read_model(tflite).subgraphs[0]
    found = []
    for op in graph.ops:
        if op.name in KERNEL_OPS:
            codes = reader.get_tensor(op.inputs[1])
            if op.name != "DEPTHWISE_CONV_2D":
                codes = np.moveaxis(codes, 0, -1)
            found.append((codes, np.array(graph.tensors[op.inputs[1]].scales)))
    return found


def rounded_kernels(aware):
    """Return what each kernel is rounded to, times the normalisation's factor, channels last."""
    found, factors = [], {}
    wrappers = [layer for layer in aware.layers if hasattr(layer, "quantize_config")]
    for wrapper, after in zip(wrappers, [*wrappers[1:], None], strict=True):
        norm = after.layer if after is not None else None
        if isinstance(norm, load_keras().layers.BatchNormalization):
            spread = np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
            factors[wrapper.name] = norm.gamma.numpy() / spread
    for wrapper in wrappers:
        for weight, quantizer, ranges in wrapper._weight_vars:
            rounded = np.asarray(quantizer(weight, False, ranges))
            if rounded.ndim == 4 and rounded.shape[-1] == 1 and "depthwise" in weight.name:
                rounded = np.moveaxis(rounded, -1, 0)[0][None]
            found.append(rounded * factors.get(wrapper.name, 1.0))
    return found


def test_the_copy_starts_from_what_the_model_has_learnt():
    """Trained weights are carried over: outputs stay close, weights identical."""
    model = settled_cnn()
    aware = quantize_aware(model)
    copies = [v.numpy() for v in aware.trainable_variables]
    for variable in model.trainable_variables:
        assert any(np.array_equal(copy, variable.numpy()) for copy in copies), variable.name
    np.testing.assert_allclose(np.asarray(aware(images(4))), np.asarray(model(images(4))), atol=0.1)


def test_training_the_copy_leaves_the_model_alone():
    """No variable of the model changes when its copy is trained."""
    model = settled_cnn()
    before = model.get_weights()
    aware = quantize_aware(model)
    aware.compile("sgd", "sparse_categorical_crossentropy")
    aware.fit(images(), np.zeros(32), verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_eight_bits_agree_with_tfmots_own_scheme():
    """With one scale for each depthwise kernel, as there, the outputs are tfmot's to the bit."""
    model, x = settled_cnn(), images()
    theirs = load_tfmot().quantization.keras.quantize_model(model)
    ours = quantize_aware(model, granularity="tfmot")
    for aware in (theirs, ours):
        aware(x, training=True)
    np.testing.assert_array_equal(np.asarray(ours(x)), np.asarray(theirs(x)))


def test_stored_codes_are_the_ones_that_training_saw():
    """Code times scale is the rounded, folded weight; no code exceeds 2**(bits - 1) - 1.

    Kills a converter-side spread over +-127 (4 bits would fall between the int8 codes), a
    scale of the wrong channel, and a factor folded before rounding.
    """
    widths = {"c0": 6, "d1": 4, "c1": 4, "d2": 2, "c2": 3, "d3": 7, "out": 4}
    aware, x = quantize_aware(settled_cnn(), weight_bits=widths), images()
    aware(x, training=True)
    stored = kernels(convert_int8(aware, x).tflite)
    largest = [np.abs(codes).max() for codes, _ in stored]
    assert largest == [largest_code(bits) for bits in (6, 4, 4, 2, 3, 7, 8, 4)]
    for (codes, scales), expected in zip(stored, rounded_kernels(aware), strict=True):
        np.testing.assert_allclose(codes * scales, expected.reshape(codes.shape), rtol=2e-5)


@pytest.mark.parametrize(
    ("widths", "message"),
    [({"c9": 4}, "'c9', which has no kernel.*c0, d1"), ({"c0": 1}, r"2\.\.8, got 1"),
     (9, r"2\.\.8, got 9"), (4.5, r"2\.\.8, got 4\.5"), ({"c0n": 4}, "has no kernel")],
)  # fmt: skip
def test_wrong_widths_are_refused(widths, message):
    """An unknown layer, one without a kernel, or a width outside of 2..8 raise ValueError."""
    with pytest.raises(ValueError, match=message):
        quantize_aware(small_cnn(3, width=4), weight_bits=widths)


def test_channels_share_a_scale_on_request():
    """'tensor': before the normalisation's factor, all channels of a kernel have one step."""
    model = load_keras().Sequential(
        [load_keras().layers.Input((32, 32, 1)), load_keras().layers.Conv2D(4, 3, name="c")]
    )
    for granularity, distinct in (("tensor", 1), ("channel", 4)):
        aware = quantize_aware(model, granularity=granularity)
        aware(images(), training=True)
        ((_, scales),) = kernels(convert_int8(aware, images()).tflite)
        assert len(set(scales.tolist())) == distinct
    with pytest.raises(ValueError, match="channel, tfmot, tensor"):
        quantize_aware(model, granularity="axis")


def test_a_model_without_rewritings_is_kept_as_it_is():
    """The float model that is quantized computes exactly what the trained one does."""
    model = settled_cnn()
    np.testing.assert_array_equal(
        np.asarray(prepare_float(model)(images())), np.asarray(model(images()))
    )
