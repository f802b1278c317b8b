"""Published comparisons of float and integer arithmetic."""

from __future__ import annotations

from tinyml_course.cost.floats import FLOAT_CASES


def test_a_chip_without_fpu_pays_most():
    """Software floating point is the largest slowdown in the table, and the only one above 10."""
    slow = [case.chip for case in FLOAT_CASES if case.slowdown > 10]
    assert ["ESP32-C3 (no FPU)"] == slow


def test_every_case_names_its_source():
    """Each published figure says where it stands."""
    assert all(case.source and case.unit for case in FLOAT_CASES)
