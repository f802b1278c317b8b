"""Make nbval's verdict depend on what the kernel replied, not on what the cell printed.

nbval shares a kernel with the notebook's code: a cell that swallows its interrupt after a
timeout, replaces the traceback hook or prints a forged error would pass. The reply on the
shell channel carries the true status of each cell.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

try:
    from nbval.kernel import RunningKernel
except ImportError:  # the course is used without its tests
    RunningKernel = None


os.environ.setdefault(
    "TINYML_COURSE_PROGRESS",  # exercises record what is checked; not in the user's own file
    os.path.join(tempfile.gettempdir(), f"tinyml-course-tests-{os.getuid()}", "progress.sqlite3"),
)

if RunningKernel is not None:
    _get_message = RunningKernel.get_message

    def _remember_status(self: Any, stream: str, timeout: float | None = None) -> Any:
        message = _get_message(self, stream, timeout=timeout)
        if stream == "shell" and message["msg_type"] == "execute_reply":
            self.last_status = message["content"]["status"]
        return message

    RunningKernel.get_message = _remember_status


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    """Fail a notebook cell whose reply says error, or that timed out, whatever nbval thinks."""
    report = yield
    notebook = item.parent
    if call.when != "call" or not hasattr(notebook, "timed_out") or report.outcome == "skipped":
        return report
    status = getattr(notebook.kernel, "last_status", "error")
    expected = "error" if item.options["check_exception"] else "ok"
    if (notebook.timed_out or status != expected) and report.outcome != "failed":
        report.outcome = "failed"
        report.longrepr = f"cell replied {status}, timed out: {notebook.timed_out}"
    return report
