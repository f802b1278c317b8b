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


def outcome(tmp_path, source: str, *, tags: list[str] | None = None) -> str:
    """Return nbval's closing line for a notebook of one cell, under the course's plugin."""
    shutil.copy(ROOT / "conftest.py", tmp_path)
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": tags or []})
    notebook = nbformat.v4.new_notebook(cells=[cell])
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


FORGED = """kernel = get_ipython().kernel
kernel.send_response(kernel.iopub_socket, "error",
                     {"ename": "ValueError", "evalue": "forged", "traceback": ["forged"]})
print("Traceback (most recent call last): ValueError: forged")"""


@pytest.mark.parametrize(
    "source",
    ["while True: pass", "import os\nos._exit(0)", "raise ValueError('plain')"],
    ids=["endless", "dead kernel", "error"],
)
def test_a_cell_that_does_not_end_well_fails(tmp_path, source):
    """A cell that times out, kills its kernel or raises is no pass."""
    line = outcome(tmp_path, source)
    assert "passed" not in line
    assert "failed" in line


def test_an_exception_that_never_came_is_no_exception(tmp_path):
    """A cell that is to raise, and only says that it did, fails; one that raises passes."""
    tags = ["nbval-raises-exception"]
    assert "1 failed" in outcome(tmp_path, FORGED, tags=tags)
    assert "1 passed" in outcome(tmp_path, "raise ValueError('real')", tags=tags)
