"""Fixtures for the whole suite, and the hardening of nbval."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.browser import launch_browser
from tests.built_site import find_or_build
from tinyml_course.core.environment import prepare_environment

prepare_environment()
settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job ignores Ctrl-C, and so would the processes that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent

LONG = frozenset(
    {
        "test_arena_peak.py", "test_arena_random.py", "test_cli.py", "test_emulate.py",
        "test_firmware.py", "test_imports.py", "test_load.py", "test_marker.py",
        "test_observers.py", "test_progress.py", "test_release.py", "test_repack.py",
        "test_runtime.py", "test_slim.py", "test_budget.py", "test_why_small.py",
        "test_allocation.py", "test_arena_walk.py", "test_grade.py", "test_memory_map.py",
        "test_svg.py", "test_palette.py", "test_strategies.py", "test_search_job.py",
        "test_crosslinks.py", "test_spelling.py", "test_front_page.py", "test_tasks_nas.py",
        "test_ranking.py", "test_surrogate.py", "test_run.py", "test_optimize_job.py",
        "test_search_stage.py",
        "test_tasks_pipeline.py",
    }
)  # fmt: skip
"""Files that start processes, search at length or draw many figures: too long for the fast tier."""
LONG_WIDGETS = frozenset({"test_fake_quant.py", "test_qat.py", "test_quantizer.py"})
"""The same, below ``tests/widgets`` only."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of long files as slow."""
    for item in items:
        if ROOT / "tests" not in item.path.parents:
            continue
        in_widgets = item.path.parent.name == "widgets"
        if item.path.name in LONG or (in_widgets and item.path.name in LONG_WIDGETS):
            item.add_marker("slow")


RECORDINGS = ROOT.parent / "shared" / "data" / "magic_wand_digits"


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real strokes; a test that asks for it is skipped where they are absent."""
    if not RECORDINGS.is_dir():
        pytest.skip("the real strokes are not beside this checkout")
    return RECORDINGS


@pytest.fixture(scope="session")
def site(testrun_uid: str) -> Path:
    """The folder of the built book, made up to date once a run."""
    return find_or_build(ROOT, testrun_uid)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One headless Chromium for the tests of a file; they are skipped where there is none.

    Not for the whole session: Playwright keeps an event loop running, and the notebooks that
    another file's tests run need their own.
    """
    with launch_browser() as running:
        yield running
