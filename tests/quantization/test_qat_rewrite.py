"""Float models rewritten into layers that int8 kernels have."""

import numpy as np
import pytest

from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.quantization.qat import prepare_float, quantize_aware

pytestmark = pytest.mark.slow

SHAPE = (12, 12, 3)


def layers():
    """Return Keras 2's layers."""
    return load_keras().layers


def scramble(model, rng):
    """Give every weight of `model` a random value, variances a positive one; return it."""
    for variable in model.variables:
        low = 0.3 if "variance" in variable.name else -1.0
        variable.assign(rng.uniform(low, 1.5, variable.shape))
    return model


def stack(*parts, shape=SHAPE):
    """Return a Sequential model of `parts` with random weights."""
    model = load_keras().Sequential([layers().Input(shape), *parts])
    return scramble(model, np.random.default_rng(0))


def images(count: int = 8):
    """Return random images in [0, 1]."""
    return np.random.default_rng(1).random((count, *SHAPE), dtype=np.float32)


def kinds(model):
    """Return the classes of the model's layers, inputs left out."""
    names = [type(layer).__name__ for layer in model.layers]
    return [name for name in names if name != "InputLayer"]


EXACT = {
    "separable without bias": lambda k: [k.SeparableConv2D(5, 3, use_bias=False)],
    "separable with bias": lambda k: [k.SeparableConv2D(5, 3, strides=2, padding="same")],
    "separable, two a channel": lambda k: [k.SeparableConv2D(5, 3, depth_multiplier=2)],
    "separable with relu": lambda k: [k.SeparableConv2D(5, 3, activation="relu")],
    "convolution with relu6": lambda k: [k.Conv2D(4, 3, activation="relu6")],
    "activation layer": lambda k: [k.Conv2D(4, 3), k.Activation("relu")],
    "dense with softmax": lambda k: [k.Flatten(), k.Dense(4, activation="softmax")],
}


@pytest.mark.parametrize("parts", EXACT.values(), ids=EXACT)
def test_splitting_a_layer_changes_no_bit(parts):
    """A separable convolution or an activation on its own computes exactly the same."""
    seed_everything(0)
    model = stack(*parts(layers()))
    np.testing.assert_array_equal(
        np.asarray(prepare_float(model)(images())), np.asarray(model(images()))
    )


FOLDED = {
    "at the input": lambda k: [k.BatchNormalization(), k.Conv2D(4, 3)],
    "after an activation": lambda k: [k.Conv2D(4, 3, activation="relu"), k.BatchNormalization()],
    "after pooling": lambda k: [k.MaxPooling2D(2), k.BatchNormalization(scale=False), k.ReLU()],
    "twice": lambda k: [k.Conv2D(4, 3), k.BatchNormalization(), k.BatchNormalization()],
    "after a dense layer": lambda k: [
        k.Flatten(), k.Dense(6, use_bias=False), k.BatchNormalization(), k.ReLU()
    ],
    "after a dense layer with bias": lambda k: [
        k.Flatten(), k.Dense(6), k.BatchNormalization(center=False)
    ],
    "before a dense layer": lambda k: [
        k.Flatten(), k.Dense(6, activation="relu"), k.BatchNormalization(), k.Dropout(0.5),
        k.Dense(3),
    ],
    "of pooled channels": lambda k: [
        k.GlobalAveragePooling2D(), k.BatchNormalization(), k.Dense(3, use_bias=False)
    ],
}  # fmt: skip


@pytest.mark.parametrize("parts", FOLDED.values(), ids=FOLDED)
def test_a_normalisation_without_a_convolution_becomes_weights(parts):
    """None is left that a convolution can't absorb, and the outputs agree to float32 rounding."""
    seed_everything(0)
    model = stack(*parts(layers()))
    ready = prepare_float(model)
    before = [kind for kind in kinds(ready) if kind == "BatchNormalization"]
    assert len(before) == (1 if parts is FOLDED["twice"] else 0)
    expected = np.asarray(model(images()))
    np.testing.assert_allclose(
        np.asarray(ready(images())), expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max()
    )


def test_a_normalisation_after_a_convolution_keeps_learning():
    """It stays a layer of its own: its statistics go on moving in training."""
    model = stack(layers().Conv2D(4, 3), layers().BatchNormalization(), layers().ReLU())
    assert kinds(prepare_float(model)) == ["Conv2D", "BatchNormalization", "ReLU"]


def test_nested_models_are_laid_flat():
    """Layers of the inner model appear in place, with the same outputs and unique names."""
    k, keras = layers(), load_keras()
    inner = keras.Sequential([k.Input(SHAPE), k.Conv2D(3, 3, padding="same", name="c"), k.ReLU()])
    outer = keras.Sequential([k.Input(SHAPE), k.Conv2D(3, 1, name="c"), inner, k.Flatten()])
    model = scramble(outer, np.random.default_rng(0))
    ready = prepare_float(model)
    assert kinds(ready) == ["Conv2D", "Conv2D", "ReLU", "Flatten"]
    assert len({layer.name for layer in ready.layers}) == len(ready.layers)
    np.testing.assert_array_equal(np.asarray(ready(images())), np.asarray(model(images())))


def test_several_inputs_and_outputs_keep_their_order():
    """Branches, a sum, a concatenation, two inputs and two outputs survive."""
    k, keras = layers(), load_keras()
    left, right = k.Input(SHAPE), k.Input(SHAPE)
    both = k.Add()([k.Conv2D(3, 1)(left), right])
    joined = k.Concatenate()([both, left])
    model = keras.Model([left, right], [k.GlobalAveragePooling2D()(joined), k.ReLU()(both)])
    scramble(model, np.random.default_rng(0))
    samples = [images(), images()[::-1].copy()]
    for made, expected in zip(prepare_float(model)(samples), model(samples), strict=True):
        np.testing.assert_array_equal(np.asarray(made), np.asarray(expected))


def test_a_width_for_a_separable_layer_reaches_both_parts():
    """Its name in `weight_bits` stands for the depthwise and the 1x1 convolution."""
    model = stack(layers().SeparableConv2D(5, 3, name="s"), layers().Conv2D(2, 3))
    aware = quantize_aware(model, weight_bits={"s": 4})
    bits = [layer.quantize_config.bits for layer in aware.layers if hasattr(layer, "layer")]
    assert bits == [4, 4, 8]


REFUSED = {
    "Conv1D": (lambda k: [k.Conv1D(3, 3, name="bad")], (8, 3), "Conv2D with a kernel of"),
    "LSTM": (lambda k: [k.LSTM(3, name="bad")], (8, 3), "convert_int8"),
    "Rescaling": (lambda k: [k.Rescaling(1 / 255, name="bad")], SHAPE, "before the model"),
    "elu": (lambda k: [k.Conv2D(3, 3, activation="elu", name="bad")], SHAPE, "use one of"),
    "ceiling": (lambda k: [k.ReLU(3.0, name="bad")], SHAPE, r"ReLU\(6.0\)"),
    "dilation": (lambda k: [k.Conv2D(3, 3, dilation_rate=2, name="bad")], SHAPE, "stride"),
    "groups": (lambda k: [k.Conv2D(3, 3, groups=3, name="bad")], SHAPE, "DepthwiseConv2D"),
    "dense on images": (lambda k: [k.Dense(3, name="bad")], SHAPE, "1x1 Conv2D"),
    "vectors": (
        lambda k: [k.Flatten(), k.BatchNormalization(name="bad"), k.ReLU()], SHAPE, "a Dense",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("parts", "shape", "remedy"), REFUSED.values(), ids=REFUSED)
def test_a_layer_without_an_int8_form_is_named_with_its_remedy(parts, shape, remedy):
    """The error says which layer it is and what to use instead."""
    with pytest.raises(ValueError, match=f"'bad'.*{remedy}"):
        quantize_aware(stack(*parts(layers()), shape=shape))


def test_operators_on_tensors_are_refused():
    """``x * 2`` in a Functional model is no layer that can be quantized."""
    x = layers().Input(SHAPE)
    with pytest.raises(ValueError, match="write it with layers"):
        quantize_aware(load_keras().Model(x, x * 2.0))


def test_a_layer_used_twice_is_refused():
    """Its copies would train apart, so the error asks for two layers; ReLU may be shared."""
    k = layers()
    x, shared, relu = k.Input(SHAPE), k.Conv2D(3, 1, name="twin"), k.ReLU()
    with pytest.raises(ValueError, match="'twin' is called more than once"):
        quantize_aware(load_keras().Model(x, shared(shared(x))))
    once = load_keras().Model(x, relu(k.Conv2D(3, 1)(relu(x))))
    np.testing.assert_array_equal(
        np.asarray(prepare_float(once)(images())), np.asarray(once(images()))
    )


def test_what_is_no_graph_is_refused():
    """A model without a known input, or of another Keras, raises ValueError with the remedy."""
    for strange in (load_keras().Sequential([layers().Dense(3)]), object()):
        with pytest.raises(ValueError, match="begin with Input"):
            quantize_aware(strange)
