"""Budgets and sizes as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.core.errors import InvalidData
from tinyml_course.nas.budget import Budget, parse_budget, parse_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("200", Budget(evaluations=200)),
        ("90s", Budget(seconds=90.0)),
        ("1.5M", Budget(seconds=90.0)),
        (" 2 h ", Budget(seconds=7200.0)),
    ],
)
def test_budgets_are_numbers_or_times(text, expected):
    """A bare number counts evaluations, a unit makes it a time."""
    assert expected == parse_budget(text)


@pytest.mark.parametrize("text", ["", "0", "-3", "10 minutes", "1.5", "0m", "nan", "1e3", "9" * 99])
def test_other_budgets_are_refused_with_an_example(text):
    """The error shows what was given and how to write it."""
    with pytest.raises(InvalidData, match="10m"):
        parse_budget(text)


@given(st.integers(1, 10**6), st.sampled_from(["KB", "kb", "K", "KiB", " KB"]))
def test_a_kilobyte_is_1024_bytes(number, unit):
    """However it is spelt, as everywhere in the course."""
    assert 1024 * number == parse_size(f"{number}{unit}")


@pytest.mark.parametrize("text", ["", "0", "0KB", "-1KB", "16 potatoes", "KB", "1e99", "0.0001b"])
def test_other_sizes_are_refused_with_an_example(text):
    """The error shows what was given and how to write it."""
    with pytest.raises(InvalidData, match="16KB"):
        parse_size(text)


@pytest.mark.parametrize("limits", [{}, {"evaluations": 0}, {"seconds": 0.0}, {"seconds": -1.0}])
def test_a_budget_limits_something(limits):
    """No limit, or none that allows anything, is refused."""
    with pytest.raises(ValueError, match="budget"):
        Budget(**limits)
