"""Published energies and what follows from them."""

from __future__ import annotations

import pytest

from tinyml_course.cost.energy import OPERATIONS, board_picojoules_per_mac, mac_picojoules


@pytest.mark.parametrize("width", ["int8", "int32", "float16", "float32"])
def test_multiplying_costs_more_than_adding(width):
    """At every width the published multiply is dearer than the add."""
    assert OPERATIONS[f"{width} multiply"].picojoules > OPERATIONS[f"{width} add"].picojoules


def test_larger_memories_cost_more_per_read():
    """Energy per read grows with the memory's size, DRAM last."""
    reads = [op.picojoules for op in OPERATIONS.values() if op.kind == "memory"]
    assert sorted(reads) == reads


def test_float_mac_is_fifteen_times_an_int8_mac():
    """The published 3.7 + 0.9 pJ against 0.2 + 0.1 pJ."""
    ratio = mac_picojoules("float32 multiply", "float32 add") / mac_picojoules(
        "int8 multiply", "int32 add"
    )
    assert 4.6 / 0.3 == pytest.approx(ratio)


def test_board_energy_is_power_times_time():
    """The ESP32 spends 162 mW over 380 ms on 7,157,888 MACs."""
    assert 0.162 * 0.380 / 7_157_888 * 1e12 == pytest.approx(board_picojoules_per_mac("esp32"))
