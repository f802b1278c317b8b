"""Start JupyterLab on the chapter list."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

FIRST_PAGE = "chapters/index.ipynb"


def course_folder() -> Path:
    """Return the folder that holds the chapters: this one, or the one of the installation.

    Raises
    ------
    FileNotFoundError
        If neither has them.
    """
    for folder in (Path.cwd(), Path(__file__).resolve().parent.parent):
        if (folder / FIRST_PAGE).exists():
            return folder
    raise FileNotFoundError(
        f"no {FIRST_PAGE} in {Path.cwd()}; run `tinyml learn` in the folder of the course"
    )


def has_screen() -> bool:
    """Whether a browser could be shown to somebody here."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def free_port(wanted: int) -> int:
    """Return `wanted` if it is free on loopback, else a port that is."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on 127.0.0.1; close another server and try again")


def jupyterlab_command(folder: Path, *, port: int, browser: bool) -> list[str]:
    """Return the command that serves `folder` on loopback and opens the chapter list."""
    command = [
        sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
        f"--LabApp.default_url=/lab/tree/{FIRST_PAGE}",
    ]  # fmt: skip
    if not browser:
        command.append("--ServerApp.open_browser=False")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return command


def start_jupyterlab(*, browser: bool = True, port: int = 8888) -> int:
    """Serve the course until the user stops it, and return JupyterLab's exit status.

    Where there is no screen, JupyterLab prints the address to open instead.
    """
    folder = course_folder()
    shown = browser and has_screen()
    if not shown:
        print("Open the address that JupyterLab prints below; Ctrl-C stops it.", flush=True)
    environment = {**os.environ, "JUPYTER_PLATFORM_DIRS": "1"}
    command = jupyterlab_command(folder, port=free_port(port), browser=shown)
    server = subprocess.Popen(command, env=environment)
    while True:
        try:
            return server.wait()
        except KeyboardInterrupt:
            continue  # JupyterLab got it too, and asks or stops
