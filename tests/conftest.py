"""Fixtures for the whole suite, and the hardening of nbval."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from tinyml_course.core.environment import prepare_environment

prepare_environment()
settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = ROOT.parent / "shared" / "data" / "magic_wand_digits"


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real strokes; a test that asks for it is skipped where they are absent."""
    if not RECORDINGS.is_dir():
        pytest.skip("the real strokes are not beside this checkout")
    return RECORDINGS
