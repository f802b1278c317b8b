"""Experiments on number formats and error growth, and the numbers behind them."""

import itertools

import pytest
from matplotlib.figure import Figure

from tinyml_course.widgets.quantizer import (
    GROWTH,
    QUANTIZER,
    SPELLING,
    TENSORS,
    grow_error,
    quantize_tensor,
    spell,
)


@pytest.mark.parametrize("experiment", [SPELLING, QUANTIZER, GROWTH], ids=lambda e: e.name)
def test_states_draw(experiment):
    """Every state has a description, no two alike, and states across the grid draw a figure."""
    states = list(experiment.states())
    said = [experiment.describe(**state) for state in states]
    assert all(said)
    assert len(set(said)) > 0.9 * len(said)
    for state in itertools.islice(states, 0, None, max(1, len(states) // 8)):
        assert isinstance(experiment.draw(**state), Figure)


def test_spelling_tells_what_each_format_loses():
    """FP16 overflows at 70000, bfloat16 does not; the integers stop at 8."""
    stored = {s.name: s.stored for s in spell(70000.0)}
    assert float("inf") == stored["FP16"]
    assert stored["bfloat16"] == pytest.approx(70000, rel=2**-8)
    assert stored["INT8"] == pytest.approx(8.0)
    assert stored["INT4"] == pytest.approx(8.0)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("tensor", list(TENSORS))
@pytest.mark.parametrize("share", [1.0, 1.5])
def test_full_range_saturates_nothing(tensor, symmetric, share):
    """With the whole range covered no error exceeds half a step."""
    result = quantize_tensor(TENSORS[tensor], bits=4, share=share, symmetric=symmetric)
    assert 0.0 == result.saturated
    assert result.worst <= result.q.scale / 2 * (1 + 1e-9)


def test_cutting_the_range_pays_at_few_bits_only():
    """Three quarters of the range beat all of it at 4 bits, and lose at 8."""
    x = TENSORS["weights (bell)"]

    def rms(bits, share):
        return quantize_tensor(x, bits=bits, share=share, symmetric=False).rms

    assert rms(4, 0.75) < rms(4, 1.0)
    assert rms(8, 0.75) > rms(8, 1.0)


def test_relu_wants_an_asymmetric_map():
    """After ReLU a symmetric map errs twice as much: half of its codes go unused."""
    x = TENSORS["activations after ReLU"]
    errors = [quantize_tensor(x, bits=6, share=1.0, symmetric=s).rms for s in (False, True)]
    assert 2.0 == pytest.approx(errors[1] / errors[0], rel=0.05)


def test_gain_moves_the_sum_but_not_the_relative_error():
    """Scaling every layer leaves error over signal alone, and changes error over sum."""
    small, large = grow_error(8, 8, 0.6), grow_error(8, 8, 2.0)
    relative = [float(g.total[-1] / g.signal[-1]) for g in (small, large)]
    assert relative[0] == pytest.approx(relative[1])
    assert small.total[-1] < small.summed[-1]
    assert large.total[-1] > large.summed[-1]
