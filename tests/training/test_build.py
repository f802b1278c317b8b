"""Keras models from specifications."""

import numpy as np
import pytest

from tinyml_course.core.arch import ArchSpec, LayerSpec, gesture_net, place_blocks, simplify
from tinyml_course.core.environment import load_keras, load_tensorflow, seed_everything
from tinyml_course.nas.space import DEFAULT_SPACE
from tinyml_course.training.build import build, dense_net, small_cnn

pytestmark = pytest.mark.slow


def trainable(layer: LayerSpec, channels: int) -> int:
    """Return the trained parameters of one block by the textbook formula."""
    squares = layer.kernel**2
    if layer.op == "conv":
        return squares * channels * layer.filters + 2 * layer.filters
    depthwise = squares * channels + 2 * channels
    return depthwise + (channels * layer.filters + 2 * layer.filters) * (layer.op == "separable")


@pytest.mark.parametrize("width", [4, 8])
def test_parameters_match_the_textbook_formula(width):
    """Weights and normalisations are those that the specification implies, and no bias."""
    spec = gesture_net(10, width=width)
    channels, expected = 1, 0
    for layer in spec.layers:
        expected += trainable(layer, channels)
        channels = layer.filters or channels
    expected += (channels + 1) * 10
    actual = sum(int(np.prod(v.shape)) for v in build(spec).trainable_variables)
    assert actual == expected


def test_output_is_a_probability_for_each_class():
    """Rows of the output are non-negative and sum to one."""
    out = np.asarray(small_cnn(3, width=4)(np.zeros((2, 32, 32, 1), np.float32)))
    assert out.shape == (2, 3)
    np.testing.assert_allclose(out.sum(axis=1), 1.0, rtol=1e-6)


def test_strides_halve_the_image():
    """Two blocks of stride 2 turn 32 x 32 pixels into 8 x 8."""
    halving = LayerSpec(op="conv", filters=4, stride=2)
    model = build(ArchSpec(layers=(halving, halving), classes=2))
    assert model.layers[-3].output_shape == (None, 8, 8, 4)


def test_the_same_seed_gives_the_same_weights():
    """Initial weights are a function of the seed."""

    def first_weights(seed):
        seed_everything(seed)
        return dense_net(3, hidden=(4,)).get_weights()[0]

    np.testing.assert_array_equal(first_weights(1), first_weights(1))
    assert not np.array_equal(first_weights(1), first_weights(2))


def test_a_skip_adds_the_blocks_input():
    """With convolutions of zeros a block with a skip returns its input: only the sum is left."""
    skipping = LayerSpec(op="conv", filters=1, skip=True)
    model = build(ArchSpec(layers=(skipping,), classes=2, input_shape=(4, 4, 1)))
    model.get_layer("c0").set_weights([np.zeros((3, 3, 1, 1), np.float32)])
    inner = load_keras().Model(model.input, model.get_layer("s0").output)
    x = np.random.default_rng(0).random((2, 4, 4, 1), dtype=np.float32)
    np.testing.assert_array_equal(np.asarray(inner(x)), x)


def test_a_pooling_keeps_the_largest_of_each_window():
    """The block's last step takes maxima of 2 x 2, with a window cut off at the border."""
    block = LayerSpec(op="depthwise", kernel=1, pool=2, activation="relu")
    model = build(ArchSpec(layers=(block,), classes=2, input_shape=(3, 4, 1)))
    inner = load_keras().Model(model.input, [model.get_layer(n).output for n in ("d0a", "p0")])
    before, after = map(np.asarray, inner(np.arange(12, dtype=np.float32).reshape(1, 3, 4, 1)))
    expected = [[before[0, :2, :2].max(), before[0, :2, 2:].max()],
                [before[0, 2:, :2].max(), before[0, 2:, 2:].max()]]  # fmt: skip
    np.testing.assert_array_equal(after[0, :, :, 0], expected)


def test_a_spelling_builds_the_network_that_it_means():
    """A skip that cannot act and a stride on one pixel leave no trace in the model."""
    idle = LayerSpec(op="conv", filters=4, stride=4, pool=2, skip=True)
    spec = ArchSpec(layers=(idle, idle), classes=2, input_shape=(4, 4, 1))
    kinds = [[type(layer).__name__ for layer in build(s).layers] for s in (spec, simplify(spec))]
    assert kinds[0] == kinds[1]
    assert kinds[0].count("Add") == 1
    assert "MaxPooling2D" not in kinds[0]


def stratified(count: int) -> list[ArchSpec]:
    """Return random networks in which every kind of part occurs."""
    rng = np.random.default_rng(0)
    found = [DEFAULT_SPACE.sample(rng) for _ in range(count)]
    layers = [layer for spec in found for layer in spec.layers]
    assert {layer.op for layer in layers} == {"conv", "depthwise", "separable"}
    assert {layer.stride for layer in layers} == {layer.pool for layer in layers} == {1, 2}
    assert any(layer.skip for layer in layers)
    assert {spec.hidden for spec in found} == {0, 16, 32}
    return found


def test_networks_of_the_space_build_and_learn():
    """Shapes are those of the specification, and one step moves every weight by a finite amount."""
    tf, rng = load_tensorflow(), np.random.default_rng(0)
    for spec in stratified(20):
        model = build(spec)
        assert model.get_layer("pool").input_shape[1:] == place_blocks(spec)[-1].output_shape
        x = rng.random((4, *spec.input_shape), dtype=np.float32)
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(tf.math.log(model(x, training=True)[:, 0]))
        gradients = tape.gradient(loss, model.trainable_variables)
        assert all(g is not None and np.all(np.isfinite(g)) for g in gradients), spec
        load_keras().backend.clear_session()


def test_a_network_with_skips_and_pools_trains_aware_of_its_rounding():
    """Quantization-aware training takes sums and poolings; the file costs what was predicted."""
    from tinyml_course.cost.file_size import file_bytes
    from tinyml_course.cost.graph import arch_graph
    from tinyml_course.device.arena import plan_arena
    from tinyml_course.device.convert import convert_int8
    from tinyml_course.device.flatbuffer import read_model
    from tinyml_course.quantization.qat import quantize_aware

    block = LayerSpec(op="conv", filters=4, stride=2)
    skipping = LayerSpec(op="separable", filters=4, skip=True, pool=2)
    spec = ArchSpec(layers=(block, skipping), classes=3, hidden=8)
    x = np.random.default_rng(0).random((8, 32, 32, 1), dtype=np.float32)
    aware = quantize_aware(build(spec), calibration=x)
    aware.compile("adam", "sparse_categorical_crossentropy")
    aware.fit(x, np.arange(8) % 3, verbose=0)
    data = convert_int8(aware, x).tflite
    file, graph = read_model(data).subgraphs[0], arch_graph(spec)
    assert len(data) == file_bytes(spec, graph, aware=True)
    assert [op.name for op in graph.ops] == [op.name for op in file.ops]
    for tier in ("tflm-reference", "esp-nn"):
        planned = [plan_arena(network, tier).required_bytes for network in (graph, file)]
        assert planned[0] == planned[1]
