"""Fake quantization in TensorFlow against affine, ste and TensorFlow's own operators."""

import numpy as np
import pytest

from tinyml_course.core.environment import load_tensorflow
from tinyml_course.core.types import ChannelQParams, QParams
from tinyml_course.quantization import ste
from tinyml_course.quantization.affine import choose_qparams, quantize, roundtrip
from tinyml_course.quantization.fake_quant import fake_quantize, lsq_quantize

pytestmark = pytest.mark.slow

RANGES = [(-1.0, 0.9), (0.0, 6.0), (-0.3, 5.1), (-7.7, 0.2), (1.0, 6.375), (-3.0, -1.0), (0.0, 0.0)]


def gradients(function, *arguments, upstream):
    """Output and gradients of `function` by all its arguments, for a given upstream gradient."""
    tf = load_tensorflow()
    inputs = [tf.constant(np.asarray(value, np.float32)) for value in arguments]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = function(*inputs)
    found = tape.gradient(y, inputs, output_gradients=tf.constant(upstream, tf.float32))
    return y.numpy(), [g.numpy() for g in found]


def probe(low, high, bits, *, rng):
    """Values around [low, high], none near a jump of the grid or its ends."""
    q = choose_qparams(low, high, bits=bits)
    codes = rng.integers(q.limits[0] - 6, q.limits[1] + 7, 400) - q.zero_point
    shift = rng.uniform(0.02, 0.45, 400) * rng.choice([-1, 1], 400)
    return (q.scale * (codes + shift)).astype(np.float32)


@pytest.mark.parametrize("ends", RANGES)
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("narrow", [False, True])
def test_forward_is_the_affine_round_trip(ends, bits, narrow):
    """The output is `affine.roundtrip` under the same range, to float32's precision."""
    q = choose_qparams(*ends, bits=bits, narrow=narrow)
    x = probe(*ends, bits, rng=np.random.default_rng(bits))
    x = x[np.abs(x / q.scale % 1.0 - 0.5) > 1e-3]  # narrow codes have jumps elsewhere
    y = fake_quantize(x, *ends, bits=bits, narrow=narrow).numpy()
    np.testing.assert_allclose(y, roundtrip(x, q), rtol=1e-6, atol=1e-6 * q.scale)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_symmetric_ranges_have_exact_codes(bits):
    """A range from -m to m with narrow codes is the symmetric map of LiteRT's weights."""
    x = probe(-0.3, 0.3, bits, rng=np.random.default_rng(0))
    q = choose_qparams(-0.3, 0.3, bits=bits, symmetric=True)
    x = x[np.abs(x / q.scale % 1.0 - 0.5) > 1e-3]
    y = fake_quantize(x, -0.3, 0.3, bits=bits, narrow=True).numpy()
    np.testing.assert_allclose(y, roundtrip(x, q), rtol=1e-6)
    assert set(np.round(y / np.float32(q.scale))) <= set(range(q.limits[0], q.limits[1] + 1))


def test_zero_between_two_codes_goes_to_one_of_them():
    """Where zero falls half-way between two codes, as in [-1, 1], either neighbour keeps the bound.

    TensorFlow takes the upper one, `affine` the lower one; float32 can't tell the tie.
    """
    x = np.linspace(-1.0, 1.0, 1001).astype(np.float32)
    y = fake_quantize(x, -1.0, 1.0, bits=4).numpy()
    assert (np.abs(y - x) <= 1 / 15 + 1e-6).all()
    assert 0.0 in y


def test_halves_round_as_on_the_device():
    """Half-way between two codes the value goes away from zero, as in `affine.quantize`."""
    x = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], np.float32)
    y = fake_quantize(x, -7.0, 7.0, bits=4, narrow=True).numpy()
    assert quantize(x, QParams(1.0, 0, 4, True)).tolist() == y.tolist()


@pytest.mark.parametrize("ends", RANGES)
@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("narrow", [False, True])
def test_agrees_with_tensorflow_per_tensor(ends, bits, narrow):
    """Forward and all three gradients equal `fake_quant_with_min_max_vars`, ranges nudged alike.

    TensorFlow alone returns zero for the empty range, and its ranges must hold zero.
    """
    tf = load_tensorflow()
    low, high = min(ends[0], 0.0), max(ends[1], 0.0)
    rng = np.random.default_rng(3)
    q = choose_qparams(low, high, bits=bits, narrow=narrow)
    x = probe(low, high, bits, rng=rng) if high > low else np.zeros(4, np.float32)
    x = x[np.abs(x / q.scale % 1.0 - 0.5) > 1e-3]
    upstream = rng.normal(size=x.shape)
    ours, ours_gradients = gradients(
        lambda *a: fake_quantize(*a, bits=bits, narrow=narrow), x, low, high, upstream=upstream
    )
    theirs, their_gradients = gradients(
        lambda *a: tf.quantization.fake_quant_with_min_max_vars(
            *a, num_bits=bits, narrow_range=narrow
        ),
        x, low, high, upstream=upstream,
    )  # fmt: skip
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    for mine, other in zip(ours_gradients, their_gradients, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bits", [3, 8])
def test_agrees_with_tensorflow_per_channel(bits):
    """Forward and gradients equal the per-channel operator, one range a channel."""
    tf = load_tensorflow()
    rng = np.random.default_rng(1)
    ends = np.array([(-1.0, 0.9), (-0.2, 0.3), (-5.0, 3.0)], np.float32)
    x = np.stack([probe(*pair, bits, rng=rng) for pair in ends.tolist()], axis=1)
    upstream = rng.normal(size=x.shape)
    ours, mine = gradients(
        lambda *a: fake_quantize(*a, bits=bits, axis=-1), x, *ends.T, upstream=upstream
    )
    theirs, other = gradients(
        lambda *a: tf.quantization.fake_quant_with_min_max_vars_per_channel(*a, num_bits=bits),
        x, *ends.T, upstream=upstream,
    )  # fmt: skip
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    for a, b in zip(mine, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_channels_on_any_axis():
    """Channels on the third of four axes, a depthwise kernel's, keep their own grids."""
    x = np.random.default_rng(0).normal(size=(3, 3, 4, 1)) * [[[[0.1], [1.0], [5.0], [20.0]]]]
    high = np.abs(x).max(axis=(0, 1, 3)).astype(np.float32)
    y = fake_quantize(x.astype(np.float32), -high, high, bits=3, narrow=True, axis=2).numpy()
    q = ChannelQParams(
        tuple(choose_qparams(-m, m, bits=3, symmetric=True) for m in high.tolist()), axis=2
    )
    np.testing.assert_allclose(y, roundtrip(x, q), rtol=1e-5)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_gradient_is_the_hand_made_one(bits):
    """The gradient by `x` equals `ste.ste_gradient`, and the largest weight keeps its own."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=300).astype(np.float32)
    high = float(np.abs(x).max())
    for share in (1.0, 0.5):
        q = choose_qparams(-share * high, share * high, bits=bits, symmetric=True)
        upstream = rng.normal(size=x.shape)
        _, (found, _, _) = gradients(
            lambda *a, b=bits: fake_quantize(*a, bits=b, narrow=True),
            x, -share * high, share * high, upstream=upstream,
        )  # fmt: skip
        np.testing.assert_allclose(found, ste.ste_gradient(x, q, upstream), rtol=1e-6)
        assert share < 1.0 or found.all()


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_learned_step_is_the_hand_made_one(bits, narrow):
    """Output and both gradients equal `ste.lsq_quantize` and `ste.lsq_gradients`."""
    rng = np.random.default_rng(bits)
    x = rng.normal(size=200).astype(np.float32)
    scale = float(np.float32(ste.lsq_initial_scale(x, bits=bits)))
    upstream = rng.normal(size=x.shape)
    y, (by_x, by_scale) = gradients(
        lambda *a: lsq_quantize(*a, bits=bits, narrow=narrow), x, scale, upstream=upstream
    )
    options = {"bits": bits, "narrow": narrow}
    np.testing.assert_allclose(y, ste.lsq_quantize(x, scale, **options), rtol=1e-6)
    expected_x, expected_scale = ste.lsq_gradients(x, scale, upstream, **options)
    np.testing.assert_allclose(by_x, expected_x, rtol=1e-6)
    assert by_scale == pytest.approx(expected_scale, rel=1e-4)


def test_learned_steps_per_channel():
    """Each channel's step gets the gradient of its own values."""
    rng = np.random.default_rng(0)
    x, upstream = (rng.normal(size=(50, 2)).astype(np.float32) for _ in range(2))
    steps = np.array([0.2, 0.5], np.float32)
    _, (_, found) = gradients(
        lambda *a: lsq_quantize(*a, bits=3, axis=1), x, steps, upstream=upstream
    )
    expected = [
        ste.lsq_gradients(x[:, c], float(steps[c]), upstream[:, c], bits=3)[1] for c in (0, 1)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("make", ["ste", "lsq"])
def test_width_is_a_variable(make):
    """One trace serves all widths; 32 is the identity, whose gradient passes everywhere."""
    tf = load_tensorflow()
    bits, traces = tf.Variable(4, dtype=tf.int32), []

    @tf.function
    def run(x):
        traces.append(1)
        with tf.GradientTape() as tape:
            tape.watch(x)
            if make == "ste":
                y = fake_quantize(x, -1.0, 1.0, bits=bits, narrow=True)
            else:
                y = lsq_quantize(x, 2.0 ** (1.0 - tf.cast(bits, tf.float32)), bits=bits)
        return y, tape.gradient(y, x)

    x = tf.constant(np.random.default_rng(0).normal(size=5000), tf.float32)
    for width in (2, 4, 6, 8):
        bits.assign(width)
        y, _ = run(x)
        assert 2**width - 1 == len(np.unique(y))
    bits.assign(32)
    y, slope = run(x)
    assert (y.numpy() == x.numpy()).all()
    assert (slope.numpy() == 1.0).all()
    assert [1] == traces


@pytest.mark.parametrize("bits", [1, 17, 31])
def test_widths_that_no_kernel_has(bits):
    """A width outside 2 to 16 and not 32 is refused with its value."""
    with pytest.raises(ValueError, match=f"got {bits}"):
        fake_quantize([0.0], -1.0, 1.0, bits=bits)


def test_channels_need_an_axis():
    """A vector of ranges without the axis it belongs to raises ValueError."""
    with pytest.raises(ValueError, match="need the axis"):
        fake_quantize([[0.0, 1.0]], [-1.0, -1.0], [1.0, 1.0], bits=8)
