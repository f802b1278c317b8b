"""JupyterLab as `make learn` starts it, on a copy of the course, and the hands that use it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+)/lab\S*\?token=(\w+)")
START_S, STOP_S = 120, 30
ABANDONED_S = 600
"""After this long without a page the server stops by itself, whatever became of the tests."""


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab.

    Attributes
    ----------
    address, token : str
        Where it is, and the word that lets in.
    folder : Path
        The copy of the course that it serves.
    progress : Path
        The learner's progress file.
    """

    address: str
    token: str
    folder: Path
    progress: Path

    def url(self, path: str) -> str:
        """Return the address of a notebook in a workspace of its own."""
        workspace = re.sub(r"\W+", "-", path)
        return f"{self.address}/lab/workspaces/{workspace}/tree/{path}?token={self.token}&reset"


def copy_course(folder: Path) -> None:
    """Copy what a learner has: chapters and exercises, no outputs of earlier runs."""
    for part in ("chapters", "exercises"):
        ignored = shutil.ignore_patterns(".ipynb_checkpoints", "*.tflite")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)


def private_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which nothing of this machine's user is read or written."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "TINYML", "XDG"))}
    for name in ("home", "config"):
        (folder / name).mkdir(parents=True)
    config = {
        "ServerApp": {"shutdown_no_activity_timeout": ABANDONED_S},
        "LabApp": {"expose_app_in_browser": True},
        "MappingKernelManager": {"cull_idle_timeout": ABANDONED_S, "cull_interval": 30},
    }
    (folder / "config" / "jupyter_server_config.json").write_text(json.dumps(config))
    return {
        **kept,
        "HOME": str(folder / "home"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "TINYML_COURSE_PROGRESS": str(folder / "progress.sqlite3"),
        "BROWSER": "none",
    }


@contextmanager
def serve_course(folder: Path) -> Iterator[Lab]:
    """Serve a copy of the course from `folder` with `tinyml learn`; stop all of it at the end."""
    course, private = folder / "course", folder / "private"
    copy_course(course)
    log = folder / "jupyterlab.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tinyml_course.cli", "learn", "--no-browser", "--port", "0"],
            cwd=course, env=private_environment(private), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            address, token = _wait_for_address(process, log)
            yield Lab(address, token, course, private / "progress.sqlite3")
        finally:
            _stop_group(process)


def _wait_for_address(process: subprocess.Popen[bytes], log: Path) -> tuple[str, str]:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if found := ADDRESS.search(log.read_text()):
            return found[1], found[2]
        time.sleep(0.2)
    raise AssertionError(f"JupyterLab printed no address:\n{log.read_text()[-2000:]}")


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    """End the command and the server; the server ends its kernels, which watch it as well."""
    for sign, patience in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, 5)):
        deadline = time.monotonic() + patience
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
            while time.monotonic() < deadline:
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(0.1)
