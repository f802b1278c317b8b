"""The search inside a pipeline: within the limits, repeatable, never half done."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from tests.nas.toy import ToyEvaluator
from tests.pipeline.states import small_samples
from tinyml_course.core.arch import simplify
from tinyml_course.core.errors import CourseError
from tinyml_course.nas.catalog import make_searcher
from tinyml_course.nas.costs import measure_cost
from tinyml_course.nas.crew import Crew
from tinyml_course.nas.pool import SerialExecutor
from tinyml_course.pipeline import search_stage
from tinyml_course.pipeline.catalog import baseline_net
from tinyml_course.pipeline.requirements import Requirements
from tinyml_course.pipeline.stage import Context
from tinyml_course.pipeline.stages import FILE_MARGIN, Search
from tinyml_course.pipeline.state import SpecState


@contextmanager
def serial_crew(address, **options):  # noqa: ARG001
    """Evaluate in this process."""
    yield Crew(SerialExecutor(), jobs=1)


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """Real strategies and costs; accuracies by formula."""

    def make(name, problem, samples, settings):
        return make_searcher(name, problem, samples, settings)[0], ToyEvaluator()

    monkeypatch.setattr(search_stage, "connect_crew", serial_crew)
    monkeypatch.setattr(search_stage, "make_searcher", make)


def context(**changes):
    """Return what the stage sees: 12 KB of both."""
    asked = Requirements(max_flash=12_288, max_arena=12_288, max_latency=40.0)
    return Context(**{"samples": small_samples(), "requirements": asked, "seed": 3, **changes})


def test_the_network_keeps_all_limits_with_a_margin():
    """Exact costs below the limits, the file two per cent lower; another network than before."""
    start = SpecState(spec=baseline_net(2))
    found = Search(evaluations=8)(start, context()).spec
    cost = measure_cost(found, form="slim")
    assert cost.model_bytes <= 12_288 / (1 + FILE_MARGIN)
    assert (cost.arena_bytes <= 12_288, cost.latency_ms <= 40) == (True, True)
    assert (found == simplify(found), found.classes) == (True, 2)
    assert start.spec != found


def test_equal_contexts_find_equal_networks():
    """The seed decides, and nothing else does."""
    start, stage = SpecState(spec=baseline_net(2)), Search(evaluations=4)
    first = stage(start, context())
    assert first.fingerprint == stage(start, context()).fingerprint
    assert first.fingerprint != stage(start, context(seed=4)).fingerprint


def test_half_a_search_is_no_stage(monkeypatch):
    """Ctrl-C in the search ends the run; nothing is handed on."""

    def interrupt(self, spec, seed):  # noqa: ARG001
        raise KeyboardInterrupt

    monkeypatch.setattr(ToyEvaluator, "__call__", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Search(evaluations=8)(SpecState(spec=baseline_net(2)), context())


def test_a_search_in_which_all_trainings_fail_says_why(monkeypatch):
    """The first fault is in the message."""

    def fail(self, spec, seed):  # noqa: ARG001
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(ToyEvaluator, "__call__", fail)
    with pytest.raises(CourseError, match=r"trained no network.*no such kernel"):
        Search(evaluations=4)(SpecState(spec=baseline_net(2)), context())
