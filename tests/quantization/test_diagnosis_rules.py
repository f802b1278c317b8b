"""The rules of the diagnosis on hand-made figures, and the signal-to-noise ratio against theory."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.quantization.affine import choose_qparams, roundtrip
from tinyml_course.quantization.findings import COLUMNS, Diagnosis
from tinyml_course.quantization.layer_health import LayerHealth, sqnr_db
from tinyml_course.quantization.symptoms import (
    CUT_DB,
    DROP_DB,
    TRAINED_STEPS,
    WASTED_BITS,
    find_faults,
    was_trained_on,
)

INPUT = LayerHealth(layer="input", op="INPUT", number=-1, sqnr_db=58.0)
CONV = LayerHealth(
    layer="c0", op="CONV_2D", number=0, sqnr_db=40.0, input_sqnr_db=58.0, rounding_db=42.0,
    low=0.0, high=3.0, float_high=3.0, channels=8, weight_sqnr_db=48.0, weight_steps=0.5,
)  # fmt: skip
NEXT = replace(CONV, layer="c1", number=1)
LAST = replace(CONV, layer="c2", number=2)
HEALTHY = (INPUT, CONV, NEXT, LAST)


def kinds(*layers):
    return [(finding.kind, finding.layer) for finding in find_faults(layers)]


@given(bits=st.integers(3, 12), seed=st.integers(0, 1000))
def test_rounding_noise_is_a_twelfth_of_the_squared_step(bits, seed):
    """A full-scale uniform signal keeps 6.02 dB a bit: theory and measurement agree."""
    x = np.random.default_rng(seed).uniform(-1, 1, 20_000)
    measured = sqnr_db(x, roundtrip(x, choose_qparams(-1.0, 1.0, bits=bits)))
    levels = 2**bits - 1
    theory = 10 * math.log10((4 / 12) / ((2 / levels) ** 2 / 12))
    assert abs(theory - measured) < 0.35


def test_sqnr_knows_its_limits():
    """Equal arrays are exact, noise on silence is hopeless, and the unit does not matter."""
    assert math.inf == sqnr_db(np.ones(3), np.ones(3))
    assert -math.inf == sqnr_db(np.zeros(3), np.ones(3))
    x, y = np.arange(1.0, 5.0), np.arange(1.0, 5.0) + 0.1
    assert math.isclose(sqnr_db(x, y), sqnr_db(1000 * x, 1000 * y))


def test_healthy_figures_give_no_finding():
    """Nothing is said about layers within every limit."""
    assert [] == kinds(*HEALTHY)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"cut_db": CUT_DB - 1}, "saturation"),
        ({"wasted_bits": WASTED_BITS}, "range"),
        ({"dead": (3,)}, "dead"),
        ({"bias_channels": (0,), "bias_code": 2**31 - 1}, "bias"),
        ({"weight_steps": TRAINED_STEPS + 1}, "weights"),
        ({"single_scale": True, "weak_channels": (0, 1, 2, 3)}, "outlier"),
        ({"sqnr_db": 42.0 - DROP_DB - 1}, "noise"),
    ],
)
def test_each_rule_names_its_layer(change, kind):
    """One figure beyond its limit gives one finding, at the layer where it lies."""
    assert [(kind, "c1")] == kinds(INPUT, CONV, replace(NEXT, **change), LAST)


@pytest.mark.parametrize(
    "change",
    [
        {"cut_db": CUT_DB},
        {"wasted_bits": WASTED_BITS - 0.1},
        {"weight_steps": TRAINED_STEPS},
        {"single_scale": True, "weak_channels": (0, 1, 2)},
        {"single_scale": False, "weak_channels": (0, 1, 2, 3)},
        {"sqnr_db": 42.0 - DROP_DB},
    ],
)
def test_at_its_limit_a_figure_is_not_a_fault(change):
    """The thresholds themselves, and a minority of weak channels, are tolerated."""
    assert [] == kinds(INPUT, CONV, replace(NEXT, **change), LAST)


def test_a_wrong_input_explains_what_follows():
    """If the input is cut off, later layers are counted in its evidence, not reported."""
    cut = replace(INPUT, cut_db=1.0, beyond_share=0.2)
    (finding,) = find_faults((cut, replace(CONV, cut_db=5.0), replace(NEXT, dead=(1,)), LAST))
    assert ("input", "error") == (finding.kind, finding.severity)
    assert "1 of the 3 layers" in finding.evidence


def test_saturation_in_most_layers_is_one_fault_of_the_calibration():
    """Several cut layers are named by the first, with their number."""
    layers = (INPUT, CONV, replace(NEXT, cut_db=5.0), replace(LAST, cut_db=5.0))
    (finding,) = find_faults(layers)
    assert ("saturation", "c1") == (finding.kind, finding.layer)
    assert "2 of 3 layers" in finding.evidence


def test_the_layer_with_most_dead_channels_is_named():
    """A later layer that starves is mentioned, the one with the larger share is blamed."""
    first, later = replace(CONV, dead=(0, 1, 2), dead_in_float=3), replace(NEXT, dead=(5,))
    (finding,) = find_faults((INPUT, first, later, LAST))
    assert ("c0", "warning") == (finding.layer, finding.severity)
    assert "c1 (1 of 8)" in finding.evidence


def test_outputs_of_fixed_scale_are_not_judged_by_their_range():
    """A softmax that cuts 1.0 to 255/256 does what the specification says."""
    softmax = replace(LAST, op="SOFTMAX", layer="softmax", cut_db=5.0, wasted_bits=8.0)
    assert [] == kinds(INPUT, CONV, NEXT, softmax)


@pytest.mark.parametrize(("kept_db", "expected"), [(30.0, []), (10.0, [("saturation", "c2")])])
def test_cut_logits_count_only_if_the_answer_suffers(kept_db, expected):
    """What is cut off the layer before a softmax is reported only where the softmax suffers."""
    logits = replace(LAST, cut_db=15.0)
    softmax = replace(LAST, op="SOFTMAX", layer="softmax", sqnr_db=kept_db, rounding_db=45.0)
    assert expected == kinds(INPUT, CONV, NEXT, logits, softmax)


def test_weights_that_moved_everywhere_were_trained():
    """Most layers beyond a step is training, not a fault, and silences the noise rule."""
    moved = [replace(x, weight_steps=20.0, sqnr_db=3.0) for x in HEALTHY[1:]]
    assert was_trained_on((INPUT, *moved))
    assert [] == kinds(INPUT, *moved)


def test_text_and_page_show_the_same_figures():
    """Both forms hold the verdict, each finding and each layer; names are escaped."""
    layers = (INPUT, replace(CONV, layer="<c0>", dead=(3,)), NEXT, LAST)
    diagnosis = Diagnosis(
        findings=find_faults(layers), layers=layers, samples=7,
        accuracy_float=0.9, accuracy_quantized=0.5, trained_on=True, unmatched=("odd",),
    )  # fmt: skip
    text, page = str(diagnosis), diagnosis._repr_html_()
    assert not diagnosis.healthy
    for word in ("1 finding", "90.0%", "50.0%", "float_twin", "odd", *COLUMNS):
        assert word in text
        assert word in page
    assert "dead at <c0>" in text
    assert "&lt;c0&gt;" in page
    assert "<c0>" not in page


def test_without_layers_the_verdict_stands_alone():
    """A model that could not be run is described by its findings only."""
    assert "no findings" == str(Diagnosis(findings=()))


def mutant_amplitude_sqnr(signal, noisy):
    """Forget the squares."""
    return 10 * math.log10(np.abs(signal).sum() / np.abs(signal - noisy).sum())


def mutant_peak_sqnr(signal, noisy):
    """Take the peak for the power."""
    return 10 * math.log10(np.max(signal) ** 2 / np.mean((signal - noisy) ** 2))


@pytest.mark.parametrize("mutant", [mutant_amplitude_sqnr, mutant_peak_sqnr])
def test_theory_kills_wrong_ratios(mutant):
    """Two plausible formulas miss the theory's value by more than its tolerance."""
    x = np.random.default_rng(0).uniform(-1, 1, 20_000)
    measured = mutant(x, roundtrip(x, choose_qparams(-1.0, 1.0, bits=8)))
    assert abs(20 * math.log10(255) - measured) > 0.35
