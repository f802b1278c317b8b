"""A notebook cell can't talk its way past the check."""

import shutil
import subprocess
import sys

import nbformat
import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SWALLOW_TIMEOUT = """import time
try:
    time.sleep(60)
except KeyboardInterrupt:
    pass"""

HIDE_TRACEBACK = """get_ipython().showtraceback = lambda *args, **options: None
get_ipython()._showtraceback = lambda *args: None
raise ValueError("hidden")"""


def outcome(tmp_path, source: str) -> str:
    """Return nbval's closing line for a notebook of one cell, under the course's plugin."""
    shutil.copy(ROOT / "conftest.py", tmp_path)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbformat.write(notebook, tmp_path / "cell.ipynb")
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax",
        "--nbval-current-env", "--nbval-cell-timeout", "3", "cell.ipynb",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    return done.stdout.strip().splitlines()[-1]


def test_an_honest_cell_passes(tmp_path):
    """The plugin lets a cell through that runs."""
    assert "1 passed" in outcome(tmp_path, "1 + 1")


@pytest.mark.parametrize("source", [SWALLOW_TIMEOUT, HIDE_TRACEBACK], ids=["timeout", "traceback"])
def test_a_cell_that_hides_its_failure_fails(tmp_path, source):
    """Swallowing the interrupt or the traceback does not turn a failure into a pass."""
    assert "1 failed" in outcome(tmp_path, source)
