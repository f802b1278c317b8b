"""Schedules of bit widths: what they say, and what they do to the weights in training."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.test_fit import bars
from tinyml_course.core.arch import ArchSpec, LayerSpec
from tinyml_course.core.environment import load_keras, seed_everything
from tinyml_course.quantization.schedule import (
    WIDTHS,
    ByEpoch,
    ByPlateau,
    count_values,
    lower_bits,
)
from tinyml_course.quantization.simulate import kernel_layers, simulate
from tinyml_course.training.build import build, dense_net
from tinyml_course.training.fit import fit

LOSSES = st.lists(st.floats(0.0, 10.0), max_size=60)


@given(st.lists(st.integers(1, 5), min_size=4, max_size=4))
def test_each_stage_lasts_as_long_as_it_says(epochs):
    """The widths of all epochs in a row are each stage's width, repeated."""
    plan = ByEpoch(epochs=tuple(epochs))
    found = [plan.width([0.0] * done) for done in range(sum(epochs) + 3)]
    assert np.repeat(WIDTHS, [*epochs, 3]).tolist() == found


@given(LOSSES, st.integers(1, 4))
def test_plateaus_step_down_one_stage_at_a_time(losses, patience):
    """Widths never rise, skip no stage, and each stage lasts at least `patience` epochs."""
    plan = ByPlateau(patience=patience)
    stages = [WIDTHS.index(plan.width(losses[:done])) for done in range(len(losses) + 1)]
    assert set(np.diff(stages)) <= {0, 1}
    lengths = np.bincount(stages)[:-1]
    assert (lengths >= patience).all()


def test_a_falling_loss_keeps_the_width():
    """While the loss falls by a tenth an epoch, the first width stays; when it stops, it goes."""
    plan = ByPlateau(patience=2, min_drop=0.02)
    falling = list(0.9 ** np.arange(20.0))
    assert 32 == plan.width(falling)
    assert 16 == plan.width([*falling, falling[-1], falling[-1]])


@pytest.mark.parametrize("widths", [(), (8, 8), (4, 8), (32, 24), (8, 1)])
def test_impossible_stages_are_refused(widths):
    """Widths that do not fall, or that no grid has, raise ValueError with them."""
    with pytest.raises(ValueError, match="must fall"):
        ByPlateau(widths=widths)


@pytest.mark.parametrize("epochs", [(2,), (2, 2, 2, 0), (1,) * 5])
def test_stages_without_length_are_refused(epochs):
    """A stage without a length, or of no epochs, raises ValueError."""
    with pytest.raises(ValueError, match="at least 1 epoch"):
        ByEpoch(epochs=epochs)


@pytest.fixture(scope="module", params=["ste", "lsq"])
def lowered(request):
    """A small network trained through all widths: counts after each epoch, callback, model."""
    keras = load_keras()
    seed_everything(0)
    blocks = (LayerSpec(op="conv", filters=4, stride=4), LayerSpec(op="separable", filters=70))
    model = build(ArchSpec(classes=2, layers=blocks))
    simulated = simulate(model, activation_bits=32, estimator=request.param)
    lower, counts, traces = lower_bits(ByEpoch(epochs=(1, 1, 2, 1))), [], []

    def note(*_):
        counts.append(count_values(simulated))
        traces.append(simulated.train_function.experimental_get_tracing_count())

    watch = keras.callbacks.LambdaCallback(on_epoch_end=note)
    fit(simulated, bars(), epochs=7, callbacks=[lower, watch], progress=False)
    return counts, traces, lower, simulated


@pytest.mark.slow
def test_distinct_values_follow_the_schedule(lowered):
    """No channel ever has more values than its width has codes, and wide dense layers use most."""
    counts, _, lower, _ = lowered
    assert [32, 16, 8, 8, 6, 4, 4] == lower.widths
    for bits, count in zip(lower.widths, counts, strict=True):
        assert max(count.values()) <= 2**bits - 1
    assert counts[0]["out"] > 2**7 - 1 > counts[-1]["out"] == 15


@pytest.mark.slow
def test_nothing_is_traced_again(lowered):
    """The graph of the first epoch runs in the last one, four widths later."""
    _, traces, _, simulated = lowered
    assert [traces[0]] * 7 == traces
    assert {4} == {int(layer.bits) for layer in kernel_layers(simulated).values()}


@pytest.mark.slow
def test_a_callback_that_only_prints_is_caught():
    """A mutant that announces widths and assigns none leaves more values than 4 bits have."""
    seed_everything(0)
    simulated = simulate(dense_net(2, hidden=(4,)), weight_bits=32, activation_bits=32)
    printer = load_keras().callbacks.LambdaCallback(on_epoch_begin=lambda *_: 4)
    fit(simulated, bars(), epochs=1, callbacks=[printer], progress=False)
    assert max(count_values(simulated).values()) > 15


@pytest.mark.slow
def test_models_without_quantized_weights_are_refused():
    """On a plain model the callback raises ValueError instead of doing nothing."""
    with pytest.raises(ValueError, match="simulate"):
        fit(dense_net(2), bars(), epochs=1, callbacks=[lower_bits(ByPlateau())], progress=False)
