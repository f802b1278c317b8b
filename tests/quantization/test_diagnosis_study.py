"""The shipped table of healthy models: thresholds lie beyond it, and the checklist agrees."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from tinyml_course.core.statistics import mean_interval
from tinyml_course.quantization import symptoms

TABLE = (
    Path(__file__).parents[2] / "chapters" / "01_quantization" / "data" / "diagnosis_healthy.csv"
)


@pytest.fixture(scope="module")
def rows():
    """The table, one dict a model."""
    with TABLE.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def normal(rows):
    """The rows of networks with batch normalisation."""
    return [row for row in rows if row["net"] != "no normalisation"]


def losses(rows, net, way="post-training"):
    """Return int8 minus float accuracy, one value a seed."""
    chosen = [row for row in rows if (row["net"], row["way"]) == (net, way)]
    return np.array([float(r["accuracy_int8"]) - float(r["accuracy_float"]) for r in chosen])


def test_models_with_normalisation_gave_no_finding(normal):
    """All of them, post-training and aware, three shapes, five seeds, were left alone."""
    assert {""} == {row["findings"] for row in normal}
    assert {"relu6", "relu", "narrow"} == {row["net"] for row in normal}
    assert {"post-training", "aware, same rate", "aware, tenth of the rate"} == {
        row["way"] for row in normal
    }
    assert 5 <= len({row["seed"] for row in normal})


def test_models_without_normalisation_died_in_float(rows):
    """Where channels died, the float accuracy is low: the finding is no false alarm."""
    for row in rows:
        if row["net"] == "no normalisation":
            assert ("dead" in row["findings"]) == (float(row["accuracy_float"]) < 0.8)


def test_thresholds_keep_a_distance_from_healthy_figures(normal):
    """Each extreme keeps at least 6 dB, a bit or half a step from the threshold."""
    assert min(float(row["lowest_cut_db"]) for row in normal) >= symptoms.CUT_DB + 6
    assert max(float(row["largest_drop_db"]) for row in normal) <= symptoms.DROP_DB - 6
    assert max(float(row["most_wasted_bits"]) for row in normal) <= symptoms.WASTED_BITS - 1
    assert max(float(row["most_weak_channels"]) for row in normal) < 0.5
    assert max(float(row["most_weight_steps"]) for row in normal) <= symptoms.TRAINED_STEPS - 0.5


@pytest.mark.parametrize("net", ["relu", "narrow"])
def test_what_int8_costs_does_not_depend_on_ceiling_or_width(rows, net):
    """Without the tip int8 costs no more than with it, beyond the interval over the seeds."""
    gap = mean_interval(losses(rows, net) - losses(rows, "relu6"))
    assert not (gap.excludes_zero and gap.mean < 0)


def test_a_tenth_of_the_rate_is_no_better(rows):
    """Aware training at a tenth of the rate does not end above training at the same rate."""
    gap = losses(rows, "relu6", "aware, tenth of the rate") - losses(
        rows, "relu6", "aware, same rate"
    )
    interval = mean_interval(gap)
    assert not (interval.excludes_zero and interval.mean > 0)
