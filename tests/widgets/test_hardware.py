"""The roofline experiment: every state describes itself, and the limits are named rightly."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from tinyml_course.cost.roofline import ROOFS, layer_load
from tinyml_course.widgets.hardware import ROOFLINE, name_limit


def test_every_state_describes_itself_and_a_sample_draws():
    """No combination of the controls fails; every 24th one is drawn."""
    for number, state in enumerate(ROOFLINE.states()):
        assert ROOFLINE.describe(**state)
        if number % 24 == 0:
            assert isinstance(ROOFLINE.draw(**state), Figure)


@pytest.mark.parametrize(
    ("kind", "batch", "board", "expected"),
    [
        ("dense", 1, "esp32", "kernels"),
        ("dense", 1, "rpi4", "DRAM"),
        ("dense", 64, "rpi4", "kernels"),
        ("conv 3x3", 1, "rpi4", "kernels"),
    ],
)
def test_the_lowest_ceiling_is_named(kind, batch, board, expected):
    """A dense layer waits for DRAM on the Pi at batch 1; on the chips the kernels are slower."""
    load = layer_load(kind, channels=16, side=16, batch=batch)
    assert expected == name_limit(load, ROOFS[board])
