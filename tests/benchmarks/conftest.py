"""Makes the scripts of ``benchmarks`` importable."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def study_search(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The comparison of searches."""
    return _load("study_search", monkeypatch)


@pytest.fixture
def search_methods(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Its searches."""
    return _load("search_methods", monkeypatch)


@pytest.fixture
def tutorial_evolution(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The tutorial's search."""
    return _load("tutorial_evolution", monkeypatch)


def _load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    assert (FOLDER / f"{name}.py").is_file()
    sys.modules.pop(name, None)
    return importlib.import_module(name)
