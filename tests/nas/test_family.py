"""The family of networks of chapter 0, and its table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tinyml_course.core.errors import InvalidData
from tinyml_course.nas.family import (
    Candidate,
    are_neighbours,
    family_members,
    family_net,
    read_candidates,
    write_candidates,
)

ONE = Candidate(
    op="conv", depth=2, width=4, parameters=200, macs=10_000, weight_bytes=250,
    activation_bytes=2048, error_percent=12.5, error_sd=0.25, seeds=3, train_seconds=2.5,
)  # fmt: skip


def test_members_are_distinct_networks():
    """No two members describe the same network, so that no point is measured twice."""
    specs = [family_net(10, op=o, depth=d, width=w) for o, d, w in family_members()]
    assert len(set(specs)) == len(specs)


def test_deeper_members_keep_the_last_size():
    """Only the first three blocks halve the image."""
    strides = [layer.stride for layer in family_net(3, op="separable", depth=5, width=2).layers]
    assert [2, 2, 2, 1, 1] == strides


def test_a_written_table_reads_back_equal(tmp_path):
    """Writing and reading returns the same candidates."""
    rows = (ONE, replace(ONE, op="separable", error_percent=1 / 3))
    write_candidates(tmp_path / "table.csv", rows)
    assert rows == read_candidates(tmp_path / "table.csv")


def test_a_broken_row_is_named_with_its_line(tmp_path):
    """A value that is no number names the file, the line and the command that repairs it."""
    path = tmp_path / "table.csv"
    write_candidates(path, (ONE, ONE))
    path.write_text(path.read_text().replace("12.5", "?", 1))
    with pytest.raises(InvalidData, match=r"table\.csv, line 2: .*sweep_foundations"):
        read_candidates(path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, False),
        ({"width": 8}, True),
        ({"width": 16}, False),
        ({"depth": 3}, True),
        ({"op": "separable"}, True),
        ({"op": "separable", "depth": 3}, False),
        ({"op": "separable", "depth": 1}, True),
    ],
)
def test_neighbours_differ_by_one_step(change, expected):
    """One step changes one choice; a single block has no operation to change."""
    assert expected == are_neighbours(ONE, replace(ONE, **change))
