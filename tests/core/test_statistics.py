import numpy as np
import pytest

from tinyml_course.core.statistics import Interval, mean_interval


@pytest.mark.parametrize("count", [2, 3, 5, 11, 12, 20])
def test_the_interval_holds_the_true_mean_19_times_in_20(count):
    """Of 4,000 Gaussian samples of each size, 95 % (± 1.5) of the intervals cover zero."""
    samples = np.random.default_rng(0).standard_normal((4000, count))

    covered = np.mean([not mean_interval(row).excludes_zero for row in samples])

    assert 0.95 == pytest.approx(covered, abs=0.015)


def test_intervals_print_as_percent_and_points():
    """Accuracies read as percent, differences as signed points."""
    assert "91.2 ± 0.8 %" == Interval(0.912, 0.008).percent()
    assert "+1.2 ± 0.8 points" == Interval(0.012, 0.008).points()


@pytest.mark.parametrize("values", [[0.5], [], [0.5, float("nan")], [[0.1, 0.2]]])
def test_one_value_or_a_nan_has_no_interval(values):
    """An interval needs at least two finite values."""
    with pytest.raises(ValueError, match="at least two finite"):
        mean_interval(values)
