"""The study's tables on disk, and what the shipped ones say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyml_course.core.errors import InvalidData
from tinyml_course.quantization.mixed_results import (
    PlanResult,
    SensitivityRow,
    UntrainedPlan,
    read_rows,
    select,
    write_rows,
)

DATA = Path(__file__).parents[2] / "chapters" / "01_quantization" / "data"
RESULT = PlanResult(
    seed=3, model="mixed", bits="84", weight_bytes=7, constant_bytes=19, file_bytes=900,
    slim_bytes=600, arena_bytes=5000, latency_ms=1.25, accuracy=0.1 + 0.2,
)  # fmt: skip


def test_rows_come_back_as_they_were_written(tmp_path):
    """Numbers keep every digit, and digits of widths stay text."""
    path = tmp_path / "a.csv"
    write_rows(path, [RESULT])
    assert (RESULT,) == read_rows(path, PlanResult)


def test_damaged_tables_name_the_line_and_the_command(tmp_path):
    """A value that is no number raises InvalidData with file, line and how to make it again."""
    path = tmp_path / "a.csv"
    write_rows(path, [UntrainedPlan(bits="84", weight_bytes=7, loss_increase=0.1, accuracy=0.9)])
    path.write_text(path.read_text().replace("0.9", "many"))
    with pytest.raises(InvalidData, match=r"a\.csv, line 2: .*study_mixed_precision"):
        read_rows(path, UntrainedPlan)
    with pytest.raises(ValueError, match=r"no rows for b\.csv"):
        write_rows(tmp_path / "b.csv", [])


def test_results_are_found_by_model_and_seed():
    """Rows of one model come by their seeds; an unknown model raises ValueError."""
    assert {3: RESULT} == select([RESULT], "mixed")
    with pytest.raises(ValueError, match="no results of a model called 'int9'"):
        select([RESULT], "int9")


def test_the_shipped_study_has_five_seeds_and_all_plans():
    """Every model was measured with five seeds, every layer in each, and all 256 plans once."""
    results = read_rows(DATA / "mixed_results.csv", PlanResult)
    assert {5} == {len(select(results, model)) for model in {r.model for r in results}}
    rows = read_rows(DATA / "mixed_sensitivity.csv", SensitivityRow)
    assert 5 * 8 * 2 == len(rows)
    plans = read_rows(DATA / "mixed_plans.csv", UntrainedPlan)
    assert 256 == len({plan.bits for plan in plans}) == len(plans)
