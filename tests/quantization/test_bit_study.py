"""The table of the bit-width study."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyml_course.core.errors import InvalidData
from tinyml_course.quantization.bit_study import (
    BitRow,
    accuracies,
    accuracy_by_width,
    append_row,
    difference,
    read_rows,
    select,
)

ROWS = tuple(
    BitRow(
        seed=seed, method=method, weight_bits=bits, activation_bits=8, scheme="channel",
        accuracy=0.1 * bits + 0.01 * seed + (0.05 if method == "qat" else 0.0),
    )
    for method in ("ptq", "qat")
    for seed in (2, 0, 1)
    for bits in (8, 4)
)  # fmt: skip


def test_rows_survive_the_file(tmp_path):
    """What is appended row by row is read back equal, under one head."""
    path = tmp_path / "bits.csv"
    for row in ROWS:
        append_row(path, row)
    assert read_rows(path) == ROWS
    assert 1 == path.read_text().count("accuracy")


def test_the_key_leaves_results_out():
    """A run is the same run whatever it gave, and another one with other bits."""
    assert ROWS[0].key == replace(ROWS[0], accuracy=0.5, agreement=0.9).key
    assert ROWS[0].key != replace(ROWS[0], weight_bits=3).key


def test_broken_lines_are_named(tmp_path):
    """A value that is no share is reported with file, line and the command that repairs it."""
    path = tmp_path / "bits.csv"
    append_row(path, ROWS[0])
    path.write_text(path.read_text() + "0,ptq,8,8,channel,,none,1.7,1.0\n")
    with pytest.raises(InvalidData, match=r"bits.csv, line 3.*study_quantization"):
        read_rows(path)


def test_accuracies_come_by_seed():
    """Whatever the order of the file, values are in the order of the seeds."""
    found = accuracies(ROWS, method="ptq", weight_bits=4)
    np.testing.assert_allclose(found, [0.40, 0.41, 0.42])


def test_an_open_question_is_refused():
    """Two rows of one seed, or none, are an error and never averaged."""
    with pytest.raises(ValueError, match="6 rows of 3 seeds"):
        select(ROWS, method="ptq")
    with pytest.raises(ValueError, match="0 rows"):
        select(ROWS, method="int8")


def test_differences_are_paired():
    """What the seeds share cancels: the interval of a constant gain has no width."""
    gain = difference(
        ROWS, {"method": "qat", "weight_bits": 4}, {"method": "ptq", "weight_bits": 4}
    )
    assert (gain.mean, gain.half_width) == (pytest.approx(0.05), pytest.approx(0, abs=1e-9))
    with pytest.raises(ValueError, match="same seeds"):
        difference(ROWS[:5], {"method": "ptq", "weight_bits": 8},
                   {"method": "ptq", "weight_bits": 4})  # fmt: skip


@given(st.lists(st.floats(0, 0.25), min_size=2, max_size=6))
def test_means_at_each_width(gains):
    """Each width has the mean over its own seeds."""
    rows = [
        BitRow(seed=s, method="ptq", weight_bits=bits, accuracy=g * bits / 2)
        for s, g in enumerate(gains)
        for bits in (8, 4)
    ]
    found = accuracy_by_width(rows, (8, 4), method="ptq")
    assert [f.mean for f in found] == pytest.approx([4 * np.mean(gains), 2 * np.mean(gains)])
