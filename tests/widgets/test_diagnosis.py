"""The guessing game: cases survive their file, and nothing is given away before the reveal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from tinyml_course.quantization.findings import Diagnosis
from tinyml_course.quantization.layer_health import LayerHealth
from tinyml_course.quantization.symptoms import find_faults
from tinyml_course.widgets.diagnosis import VIEWS, fault_game, make_case, read_cases, write_cases

SHIPPED = (
    Path(__file__).parents[2] / "chapters" / "01_quantization" / "data" / "diagnosis_cases.json"
)
INPUT = LayerHealth(
    layer="input", op="INPUT", number=-1, sqnr_db=58.0, rounding_db=50.0, low=0.0, high=1.0
)
CONV = LayerHealth(
    layer="c0", op="CONV_2D", number=0, sqnr_db=40.0, input_sqnr_db=58.0, rounding_db=42.0,
    low=0.0, high=3.0, float_high=3.0, channels=8, weight_sqnr_db=48.0,
)  # fmt: skip


def diagnosis(*layers):
    return Diagnosis(
        findings=find_faults(layers), layers=layers, samples=9, accuracy_float=0.9,
        accuracy_quantized=0.5,
    )  # fmt: skip


@pytest.fixture
def cases():
    """A healthy patient and one with dead channels."""
    return (
        make_case("A", "Nothing happened.", diagnosis(INPUT, CONV)),
        make_case("B", "ReLU shut.", diagnosis(INPUT, replace(CONV, dead=(1, 2), dead_in_float=2))),
    )


def test_cases_survive_their_file(cases, tmp_path):
    """Writing and reading give the same cases."""
    write_cases(tmp_path / "cases.json", cases)
    assert cases == read_cases(tmp_path / "cases.json")


def test_the_fault_is_named_only_when_revealed(cases):
    """Alt text without the reveal holds the figures, not the answer; with it, both."""
    game = fault_game(cases)
    for view in VIEWS:
        hidden = game.describe(letter="B", view=view, reveal=False)
        assert "dead" not in hidden
        assert "c0 40" in hidden
        assert "dead at c0: ReLU shut." in game.describe(letter="B", view=view, reveal=True)
    assert "75%" in game.describe(letter="B", view="channels", reveal=False)


def test_every_state_draws_and_a_reveal_adds_the_healthy_profile(cases):
    """All states give a figure; the revealed sick patient has one line more on the left."""
    game = fault_game(cases)
    for state in game.states():
        assert isinstance(game.draw(**state), Figure)
    lines = [
        len(game.draw(letter="B", view="ranges", reveal=reveal).axes[0].get_lines())
        for reveal in (False, True)
    ]
    assert [2, 3] == lines


def test_the_shipped_game_has_one_healthy_patient_and_five_different_faults():
    """The stored cases have the same layers, one healthy patient, and every fault once."""
    cases = read_cases(SHIPPED)
    faults = [case.fault for case in cases]
    assert 6 == len(cases) == len(set(faults))
    assert 1 == faults.count("healthy")
    assert 1 == len({tuple(layer.layer for layer in case.layers) for case in cases})
    healthy = next(case for case in cases if case.fault == "healthy")
    assert all(healthy.accuracy_quantized >= case.accuracy_quantized for case in cases)
