"""Simulated quantized networks against NumPy and against LiteRT's converted ones."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.environment import load_keras, load_tensorflow, seed_everything
from tinyml_course.device.convert import convert_int8
from tinyml_course.quantization.affine import (
    choose_channel_qparams,
    choose_qparams,
    quantize,
    roundtrip,
)
from tinyml_course.quantization.observers import MinMax, MseOptimal, Percentile
from tinyml_course.quantization.simulate import (
    bake,
    calibrate,
    inner_layer,
    kernel_layers,
    quantized_weights,
    set_weight_bits,
    simulate,
)
from tinyml_course.quantization.simulate_graph import plan_layers
from tinyml_course.training.build import build
from tinyml_course.training.fit import predict

pytestmark = pytest.mark.slow

IMAGES = np.random.default_rng(0).random((64, 32, 32, 1), dtype=np.float32)


def scramble(model, seed=0):
    """Give every variable of `model` a random value, the normalisations' statistics included."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        sizes = [w.shape for w in layer.get_weights()]
        if isinstance(layer, load_keras().layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.2, 2.0, size=s) for s in sizes])
        elif sizes:
            layer.set_weights([rng.normal(0, 1.5 / np.sqrt(np.prod(s[:-1])), s) for s in sizes])
    return model


@pytest.fixture(scope="module")
def gesture_net():
    """A convolution and a separable block as the course builds them, with random weights."""
    seed_everything(0)
    blocks = (
        LayerSpec(op="conv", filters=4, stride=4),
        LayerSpec(op="separable", filters=8, stride=2),
    )
    return scramble(build(ArchSpec(classes=3, layers=blocks)), seed=2)


@pytest.fixture(scope="module")
def branched():
    """A Functional model with a residual sum, pooling, a bias and an inline activation."""
    keras = load_keras()
    layers = keras.layers
    x = layers.Input((32, 32, 1), name="x")
    first = layers.Conv2D(4, 3, strides=4, padding="same", activation="relu", name="a")(x)
    side = layers.Conv2D(4, 3, padding="same", name="b")(first)
    y = layers.ReLU(name="r")(layers.Add(name="sum")([first, side]))
    y = layers.Dense(5, activation="relu", name="d")(
        layers.Flatten(name="f")(layers.MaxPooling2D(name="p")(y))
    )
    return scramble(keras.Model(x, layers.Dense(3, activation="softmax", name="o")(y)))


def test_float_widths_change_nothing(gesture_net, branched):
    """At 32 bits everywhere the copy computes what the model does, so it starts from there."""
    for model in (gesture_net, branched):
        copy = simulate(model, weight_bits=32, activation_bits=32)
        np.testing.assert_allclose(predict(copy, IMAGES), predict(model, IMAGES), atol=1e-6)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_weights_lie_on_affines_grids(gesture_net, bits):
    """Convolutions have one symmetric grid a channel, dense layers one in all, as in `affine`."""
    found = quantized_weights(simulate(gesture_net, weight_bits=bits, activation_bits=32))
    for name, values in found.items():
        kernel = gesture_net.get_layer(name).get_weights()[0].astype(float)
        axis = 2 if name.startswith("d") else 3
        if kernel.ndim == 2:
            q = choose_qparams(kernel.min(), kernel.max(), bits=bits, symmetric=True)
        else:
            q = choose_channel_qparams(kernel, axis=axis, bits=bits)
        np.testing.assert_allclose(values, roundtrip(kernel, q), rtol=1e-5, atol=1e-7)


def test_one_grid_for_all_channels_is_a_grid_of_the_folded_weights(gesture_net):
    """Per tensor, weights times gamma over sigma have one common step, as on the chip."""
    simulated = simulate(gesture_net, weight_bits=4, activation_bits=32, per_channel=False)
    for name, axis in (("c0", 3), ("d1", 2), ("c1", 3)):
        norm = gesture_net.get_layer(f"{name}n")
        gamma, _, _, variance = norm.get_weights()
        factor = np.expand_dims(gamma / np.sqrt(variance + norm.epsilon), 0)
        factor = factor[..., None] if axis == 2 else factor
        folded = quantized_weights(simulated)[name] * factor
        kernel = gesture_net.get_layer(name).get_weights()[0].astype(float) * factor
        q = choose_qparams(kernel.min(), kernel.max(), bits=4, symmetric=True)
        np.testing.assert_allclose(folded, roundtrip(kernel, q), rtol=1e-4, atol=1e-6)


def litert_logits(tflite, images):
    """Dequantized logits of an int8 .tflite by LiteRT's reference kernels, and their step."""
    interpreter = Interpreter(
        model_content=tflite, experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )  # fmt: skip
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    softmax = next(op for op in interpreter._get_ops_details() if op["op_name"] == "SOFTMAX")
    scale, zero = interpreter._get_tensor_details(softmax["inputs"][0], 0)["quantization"]
    rows = []
    for image in images:
        q_in = np.round(image / given["quantization"][0]) + given["quantization"][1]
        interpreter.set_tensor(given["index"], np.clip(q_in, -128, 127).astype(np.int8)[None])
        interpreter.invoke()
        rows.append(scale * (interpreter.get_tensor(softmax["inputs"][0])[0].astype(float) - zero))
    return np.array(rows), scale


@pytest.mark.parametrize("kind", ["gesture_net", "branched"])
def test_simulation_agrees_with_the_converted_model(kind, request):
    """At 8 bits the logits are LiteRT's to a step or two; the float model is twice as far away."""
    model = request.getfixturevalue(kind)
    theirs, step = litert_logits(convert_int8(model, IMAGES).tflite, IMAGES)

    def gap(network):
        ours = np.log(predict(network, IMAGES))  # softmax leaves differences of logits
        return np.sqrt(np.mean((ours - ours[:, :1] - theirs + theirs[:, :1]) ** 2)) / step

    assert gap(simulate(model, IMAGES)) <= 1.5
    assert gap(simulate(model, IMAGES)) <= 0.5 * gap(model)


def test_plan_rounds_where_the_chip_does(gesture_net, branched):
    """Behind fused ReLUs, sums and pooling means there is a grid; between them there is none."""
    stored = {name: plan.stores_output for name, plan in plan_layers(branched).items()}
    assert {"a", "b", "r", "d", "o"} == {name for name, has in stored.items() if has}
    plans = plan_layers(gesture_net)
    assert plans["c0"].reads_input
    assert "c0n" == plans["c0"].normaliser
    assert [False, False, True] == [plans[n].stores_output for n in ("c0", "c0n", "c0a")]
    assert plans["pool"].stores_output


def test_ranges_come_from_the_observer(gesture_net):
    """Calibration records what each layer gives, and the observer chooses from it."""
    keras = load_keras()
    simulated = simulate(gesture_net, IMAGES, observer=MinMax())
    hidden = keras.Model(gesture_net.inputs, gesture_net.get_layer("c0a").output)(IMAGES)
    activation = simulated.get_layer("c0a").range_out
    assert float(np.max(hidden)) == pytest.approx(float(activation.high), rel=0.02)
    calibrate(simulated, IMAGES, Percentile(percent=90.0))
    assert float(activation.high) < 0.95 * np.max(hidden)


def test_training_moves_weights_and_ranges_and_keeps_the_grid(gesture_net):
    """One epoch at 3 bits changes the float weights and ranges; each channel keeps 7 values."""
    keras = load_keras()
    simulated = simulate(gesture_net, IMAGES, weight_bits=3)
    before = inner_layer(simulated.get_layer("c1")).get_weights()[0].copy()
    low = float(simulated.get_layer("c0").range_in.high)
    simulated.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    simulated.fit(2 * IMAGES, np.arange(64) % 3, verbose=0)
    assert (inner_layer(simulated.get_layer("c1")).get_weights()[0] != before).mean() > 0.9
    assert float(simulated.get_layer("c0").range_in.high) > low
    for name, values in quantized_weights(simulated).items():
        channels = values.reshape(-1, values.shape[2 if name.startswith("d") else -1])
        assert max(len(np.unique(c)) for c in channels.T) <= 7


def test_learned_steps_are_trained(gesture_net):
    """LSQ adds a step per channel, starts it at the smallest error, and training moves it."""
    keras = load_keras()
    simulated = simulate(gesture_net, weight_bits=3, activation_bits=32, estimator="lsq")
    kernel = simulated.get_layer("c1")
    column = kernel.matrix().numpy()[:, 0]
    best = MseOptimal(bits=3, symmetric=True)(column)[1] / 3
    assert best == pytest.approx(float(kernel.scale[0]), rel=1e-5)
    before = kernel.scale.numpy().copy()
    simulated.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    simulated.fit(IMAGES, np.arange(64) % 3, verbose=0)
    assert (kernel.scale.numpy() != before).all()


def test_widths_by_layer(gesture_net):
    """A mapping sets the layers it names; the rest have 8 bits; assigning changes them later."""
    simulated = simulate(gesture_net, weight_bits={"c1": 2}, activation_bits=32)
    assert {"c1": 2, "c0": 8}.items() <= {
        name: int(layer.bits) for name, layer in kernel_layers(simulated).items()
    }.items()
    set_weight_bits(simulated, {"d1": 6})
    assert [8, 6, 2] == [int(kernel_layers(simulated)[n].bits) for n in ("c0", "d1", "c1")]
    set_weight_bits(simulated, 4)
    counts = [len(np.unique(w)) for w in quantized_weights(simulated)["out"].reshape(1, -1)]
    assert max(counts) <= 15


def test_baked_model_converts_to_the_same_codes(gesture_net):
    """LiteRT's converter finds the simulation's 8-bit codes again in the baked weights."""
    simulated = simulate(gesture_net, IMAGES)
    baked = bake(simulated)
    np.testing.assert_allclose(
        predict(baked, IMAGES),
        predict(simulate(gesture_net, activation_bits=32), IMAGES),
        atol=1e-6,
    )
    for name in ("c1", "d1"):
        axis = 2 if name == "d1" else 3
        codes = [
            quantize(w, choose_channel_qparams(w, axis=axis))
            for w in (baked.get_layer(name).get_weights()[0].astype(float),
                      gesture_net.get_layer(name).get_weights()[0].astype(float))
        ]  # fmt: skip
        assert (codes[0] == codes[1]).all()


def test_what_cannot_be_simulated_is_named(gesture_net):
    """Unknown layers, widths, layer names and missing samples raise ValueError with the remedy."""
    keras = load_keras()
    strange = keras.Sequential(
        [keras.layers.Input((8, 8, 1)), keras.layers.SeparableConv2D(2, 3, name="sep")]
    )
    with pytest.raises(ValueError, match=r"'sep' is a SeparableConv2D.*DepthwiseConv2D"):
        simulate(strange, activation_bits=32)
    with pytest.raises(ValueError, match="no layer 'c9'"):
        simulate(gesture_net, activation_bits=32, weight_bits={"c9": 4})
    with pytest.raises(ValueError, match="got 24"):
        simulate(gesture_net, activation_bits=32, weight_bits=24)
    with pytest.raises(ValueError, match="calibration samples"):
        simulate(gesture_net)
    with pytest.raises(ValueError, match="'ste' or 'lsq', got 'pact'"):
        simulate(gesture_net, IMAGES, estimator="pact")


def test_gradients_are_nearly_those_of_the_float_model(gesture_net):
    """At 8 bits every kernel's gradient points where the float model's does."""
    tf, names = load_tensorflow(), ("c0", "d1", "c1", "out")

    def kernel_gradients(model):
        kernels = [inner_layer(model.get_layer(n)).trainable_weights[0] for n in names]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(-tf.math.log(model(IMAGES)[:, 0]))
        return [g.numpy().ravel() for g in tape.gradient(loss, kernels)]

    ours, theirs = (kernel_gradients(m) for m in (simulate(gesture_net, IMAGES), gesture_net))
    for name, a, b in zip(names, ours, theirs, strict=True):
        assert a @ b > 0.95 * np.linalg.norm(a) * np.linalg.norm(b), name
