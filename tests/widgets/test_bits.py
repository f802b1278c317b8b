import json
from pathlib import Path

import numpy as np
import pytest

from tinyml_course.core.errors import InvalidData
from tinyml_course.quantization.bit_study import WIDTHS, BitRow
from tinyml_course.widgets.bits import bits_explorer, read_states, width_curve

SHIPPED = Path(__file__).parents[2] / "chapters" / "01_quantization" / "data" / "bits.jsonl"


def line(bits, scheme="channel", plant="none", method="ptq", calibration="min-max"):
    weights = np.linspace(-1, 1, 30)
    step = 1 / (2 ** (bits - 1) - 1)
    return json.dumps(
        {
            "method": method, "bits": bits, "scheme": scheme, "calibration": calibration,
            "plant": plant, "classes": ["a", "b"], "confusion": [[8, 2], [1, 9]],
            "before": weights.tolist(), "after": (np.round(weights / step) * step).tolist(),
        }
    )  # fmt: skip


def write_all(path):
    kinds = [("ptq", "min-max"), ("ptq", "mse"), ("qat", "ste")]
    networks = [("channel", "none"), ("tensor", "none"), ("tensor", "weight")]
    path.write_text(
        "\n".join(line(b, *n, *k) for b in (8, 2) for n in networks for k in kinds) + "\n"
    )
    return path


def test_every_state_draws_and_tells_the_result(tmp_path):
    """Each state has a figure, and alt text with bits, accuracy and the worst confusion."""
    explorer = bits_explorer(read_states(write_all(tmp_path / "bits.jsonl")))
    assert 2 * 3 * 3 == sum(1 for _ in explorer.states())
    for state in explorer.states():
        assert explorer.draw(**state).axes
        text = explorer.describe(**state)
        assert f"Weights of {state['bits']} bits" in text
        assert "85.0 % right" in text
        assert "a is taken for b, 2 times" in text


def test_different_weights_are_counted(tmp_path):
    """The caption counts what is left of the weights: 3 values at 2 bits."""
    states = read_states(write_all(tmp_path / "bits.jsonl"))
    assert {3} == {state.values for state in states if state.bits == 2}


def test_missing_and_broken_states_are_named(tmp_path):
    """A combination that is not there, a broken line and an empty matrix raise InvalidData."""
    path = write_all(tmp_path / "bits.jsonl")
    with pytest.raises(InvalidData, match="no state for"):
        bits_explorer(read_states(path)[:-1])
    path.write_text(line(8) + "\n{\n")
    with pytest.raises(InvalidData, match=r"bits.jsonl, line 2"):
        read_states(path)
    path.write_text(line(8).replace("[[8, 2], [1, 9]]", "[[0, 0], [0, 0]]"))
    with pytest.raises(InvalidData, match="line 1: the confusion matrix"):
        read_states(path)


def test_shipped_states_are_whole_and_small():
    """The course's own file has a state for every setting, on its grid, within 150 KB."""
    states = read_states(SHIPPED)
    bits_explorer(states)
    assert set(WIDTHS) == {state.bits for state in states}
    assert SHIPPED.stat().st_size <= 150_000
    for state in states:
        if state.network != "one scale a channel":
            assert state.values <= 2**state.bits - 1


def test_curves_are_percent():
    """A curve has the mean of the seeds at each width, in percent."""
    rows = [
        BitRow(seed=s, method="ptq", weight_bits=b, accuracy=0.5 + 0.1 * s)
        for s in (0, 1)
        for b in WIDTHS
    ]
    curve = width_curve("PTQ", rows, colour=0, method="ptq")
    np.testing.assert_allclose(curve.mean, 55.0)
    assert list(WIDTHS) == curve.bits.tolist()
