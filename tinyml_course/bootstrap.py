"""Set up the course's virtual environment; needs nothing but Python's standard library.

Run by `make learn` and `make test`, before the package is installed. Running it again
takes a second where nothing has changed, and finishes an installation that was interrupted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent
NEEDED_GB = {"learn": 5.0, "dev": 5.5, "book": 6.0}
SATISFIED_BY = {"learn": ("learn", "dev"), "dev": ("dev",), "book": ("book",)}
SUPPORTED = ((3, 11), (3, 14))
KERNEL = "tinyml-course"


class SetupError(Exception):
    """A set-up step that failed; the message says what to do."""


def main(argv: list[str] | None = None) -> int:
    """Set up the environment and return the exit status, 0 or 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", default=".venv", help="folder of the virtual environment")
    parser.add_argument("--extra", default="learn", choices=sorted(NEEDED_GB))
    options = parser.parse_args(argv)
    try:
        set_up(ROOT / options.venv, options.extra)
    except SetupError as fault:
        print(f"\nSet-up stopped: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nSet-up interrupted; run the same command again to go on.", file=sys.stderr)
        return 130
    return 0


def set_up(venv: Path, extra: str) -> None:
    """Create `venv` with the packages of `extra` and the course's kernel, or find it up to date.

    Raises
    ------
    SetupError
        If Python, the disk or the network does not allow it.
    """
    check_python()
    if any(is_installed(venv, name) for name in SATISFIED_BY[extra]) and python_works(venv):
        return
    check_disk(venv, extra)
    print(f"Setting up {venv.name} for '{extra}': once, some minutes, about 3 GB.", flush=True)
    create_venv(venv)
    install_packages(venv, extra)
    register_kernel(venv)
    quiet_jupyterlab(venv)
    stamp_of(venv, extra).write_text(fingerprint(extra) + "\n")


def stamp_of(venv: Path, extra: str) -> Path:
    """Return the file that says that `extra` is installed in `venv`, whole."""
    return venv / f".installed-{extra}"


def is_installed(venv: Path, extra: str) -> bool:
    """Whether `extra` was installed to the end, from the project's files as they are now."""
    stamp = stamp_of(venv, extra)
    return stamp.exists() and stamp.read_text().strip() == fingerprint(extra)


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> None:
    """Raise `SetupError` unless `version` is supported."""
    low, high = SUPPORTED
    if not low <= version[:2] < high:
        raise SetupError(
            f"Python {'.'.join(map(str, version))} is not supported; install Python 3.11, 3.12 or "
            "3.13 (TensorFlow has no packages for others) and run `make learn PYTHON=python3.12`"
        )


def check_disk(venv: Path, extra: str) -> None:
    """Raise `SetupError` unless the disk has room for the packages of `extra`."""
    free_gb = shutil.disk_usage(venv.parent).free / 1e9
    if free_gb < NEEDED_GB[extra]:
        raise SetupError(
            f"{free_gb:.1f} GB free on the disk of {venv.parent.name}/, {NEEDED_GB[extra]:.1f} GB "
            "needed; free some space, or clone the course onto another disk"
        )


def fingerprint(extra: str) -> str:
    """Return a digest of all that decides what is installed."""
    digest = hashlib.sha256(f"{extra} {sys.version_info[:2]} {ROOT}".encode())
    for name in ("pyproject.toml", "requirements.lock"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def python_of(venv: Path) -> Path:
    """Return the interpreter inside `venv`."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def python_works(venv: Path) -> bool:
    """Whether the interpreter of `venv` starts and is the version that runs now."""
    code = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    try:
        return subprocess.run([python_of(venv), "-c", code], check=False).returncode == 0
    except OSError:
        return False


def create_venv(venv: Path) -> None:
    """Create `venv`, or a new one in place of a broken one or one of another Python."""
    if python_works(venv) and has_pip(venv):
        return
    if venv.exists():
        if any(venv.iterdir()) and not (venv / "pyvenv.cfg").exists():
            raise SetupError(f"{venv} exists and is no virtual environment; remove or rename it")
        shutil.rmtree(venv)
    done = subprocess.run(
        [sys.executable, "-m", "venv", str(venv)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        shutil.rmtree(venv, ignore_errors=True)
        minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupError(
            "this Python can't create virtual environments. On Debian or Ubuntu: "
            f"sudo apt install python3-venv (or python{minor}-venv).\n"
            + (done.stderr or done.stdout).strip()[-400:]
        )


def has_pip(venv: Path) -> bool:
    """Whether `venv` has a working pip."""
    command = [python_of(venv), "-m", "pip", "--version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def install_packages(venv: Path, extra: str) -> None:
    """Install the course and the packages of `extra` at the versions of `requirements.lock`."""
    command = [
        str(python_of(venv)), "-m", "pip", "install", "--disable-pip-version-check",
        "--progress-bar", "on" if sys.stdout.isatty() else "off",
        "--constraint", str(ROOT / "requirements.lock"),
        "--editable", f"{ROOT}[{extra}]",
    ]  # fmt: skip
    log = venv / "install.log"
    print(f"Installing packages (whole output: {venv.name}/{log.name})", flush=True)
    with log.open("w") as out:
        status = stream(command, out)
    if status:
        raise SetupError(explain_pip(log.read_text()) + f" Whole output: {venv.name}/{log.name}")


def stream(command: list[str], log: TextIO) -> int:
    """Run `command`, copy its output to `log`, show what is under way; return its status."""
    started = time.monotonic()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            log.write(line)
            if step := describe_step(line):
                show_step(f"  {time.monotonic() - started:4.0f} s  {step}")
        print(flush=True)
        return process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise


def describe_step(line: str) -> str:
    """Return what a line of pip's output says to a person; empty for most lines."""
    word, _, rest = line.strip().partition(" ")
    package = rest.split(" ")[0][:50]
    if word == "Installing" and "collected packages" in rest:
        return f"unpacking {rest.count(',') + 1} packages, a minute or two"
    steps = {"Collecting": f"finding {package}", "Downloading": f"downloading {package}"}
    return steps.get(word, line.strip()[:76] if word == "ERROR:" else "")


def show_step(text: str) -> None:
    """Show one step: over the last one on a screen, on a line of its own in a file."""
    if sys.stdout.isatty():
        print(f"\r\x1b[K{text}", end="", flush=True)
    else:
        print(text, flush=True)


def explain_pip(log: str) -> str:
    """Return what a failed pip run means and what to do about it."""
    text = log.lower()
    if "no space left" in text:
        return "the disk is full; free some space and run the same command again."
    network = ("name resolution", "connection", "timed out", "proxyerror", "ssl", "max retries")
    if any(sign in text for sign in network):
        return (
            "the package index can't be reached; check the network (behind a proxy: set "
            "HTTPS_PROXY), then run the same command again, it goes on where it stopped."
        )
    if "no matching distribution" in text or "resolutionimpossible" in text:
        return (
            "a pinned package does not exist for this Python or system; the course is tested on "
            "64-bit Linux with Python 3.11 to 3.13."
        )
    return "pip failed:\n" + "\n".join(log.strip().splitlines()[-5:]) + "\n"


def register_kernel(venv: Path) -> None:
    """Register the notebooks' kernel inside `venv`, where only this JupyterLab sees it."""
    command = [
        str(python_of(venv)), "-m", "ipykernel", "install", "--sys-prefix",
        "--name", KERNEL, "--display-name", "TinyML course",
        "--env", "OPENBLAS_NUM_THREADS", "1",  # small matrices need none
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"the notebook kernel can't be registered:\n{done.stderr.strip()[-400:]}")


def quiet_jupyterlab(venv: Path) -> None:
    """Keep this JupyterLab from asking about news and from looking for updates."""
    settings = venv / "share" / "jupyter" / "lab" / "settings"
    settings.mkdir(parents=True, exist_ok=True)
    notification = {"fetchNews": "false", "checkForUpdates": False}
    overrides = {"@jupyterlab/apputils-extension:notification": notification}
    (settings / "overrides.json").write_text(json.dumps(overrides, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
