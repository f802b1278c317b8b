"""The tabulated space: it is read as written, its costs are exact, and searches of it are right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinyml_course.core.arch import gesture_net
from tinyml_course.core.errors import InvalidData
from tinyml_course.nas.costs import Constraints, measure_cost
from tinyml_course.nas.evolution import Evolution
from tinyml_course.nas.random_search import RandomSearch
from tinyml_course.nas.space import canonical_hash
from tinyml_course.nas.tabulated import (
    SMALL_SPACE,
    TableEvaluator,
    read_entries,
    run_on_table,
    tabulated_problem,
)

SHIPPED = Path(__file__).parents[2] / "chapters" / "02_nas" / "data" / "small_space.csv"
LIMITS = Constraints(max_arena=16 * 1024, max_flash=12 * 1024)


@pytest.fixture(scope="module")
def table():
    """The table that the notebooks read."""
    return read_entries(SHIPPED, classes=10)


def test_the_shipped_table_holds_members_at_their_exact_cost(table):
    """Of every hundredth network, and of the whole file, nothing is outside space or limits."""
    assert all(SMALL_SPACE.contains(e.spec) for e in table.values())
    assert not any(LIMITS.violations(e.cost) for e in table.values())
    for entry in list(table.values())[::100]:
        exact = measure_cost(entry.spec, form="slim")
        assert exact.latency_ms == pytest.approx(entry.cost.latency_ms, abs=5e-4)
        for name in ("parameters", "macs", "arena_bytes", "model_bytes"):
            assert getattr(exact, name) == getattr(entry.cost, name)


def test_the_shipped_table_is_complete(table):
    """A sample of networks of the space is in the table if, and only if, it meets the limits."""
    rng = np.random.default_rng(0)
    for spec in (SMALL_SPACE.sample(rng) for _ in range(60)):
        fits = not LIMITS.violations(measure_cost(spec, form="slim"))
        assert fits == (canonical_hash(spec) in table)


def test_a_row_that_can_not_be_read_is_named(tmp_path):
    """The error names the file, the network and the remedy."""
    path = tmp_path / "t.csv"
    path.write_text("# note\nnetwork,accuracy\nc8k3,0.5\n")
    with pytest.raises(InvalidData, match=r"t\.csv, network 1.*tabulate_small_space"):
        read_entries(path, classes=10)


def test_what_is_not_in_the_table_is_infeasible(table):
    """Any limit on the arena excludes it; without such a limit there is no problem."""
    problem = tabulated_problem(table, LIMITS)
    assert problem.constraints.violations(problem.cost(gesture_net(10)))
    with pytest.raises(ValueError, match="arena"):
        tabulated_problem(table, Constraints())


def test_searches_ask_for_each_network_once_and_are_told_the_table(table):
    """Accuracies are the table's, no network comes twice, and the seed decides everything."""
    problem = tabulated_problem(table, LIMITS)
    for kind in (RandomSearch, Evolution):
        found = run_on_table(kind(problem, seed=3), table, 60)
        assert len({trial.hash for trial in found}) == 60
        assert all(trial.accuracy == table[trial.hash].accuracy for trial in found)
        assert found == run_on_table(kind(problem, seed=3), table, 60)


def test_the_evaluator_answers_from_the_table_and_tells_tables_apart(table):
    """It is an evaluation of fidelity 0; another accuracy is another description."""
    key, entry = next(iter(table.items()))
    evaluator = TableEvaluator(accuracies={key: entry.accuracy})
    assert evaluator(entry.spec, 0).accuracy == entry.accuracy
    assert evaluator.describe() != TableEvaluator(accuracies={key: 0.5}).describe()
