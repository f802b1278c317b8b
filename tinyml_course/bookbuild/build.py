"""Build the online book, say which notebooks ran, and name the cell where one failed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tinyml_course.core.errors import CourseError

RAN = re.compile(r"(?:^|[\s/])((?:chapters|exercises)/\S+?\.(?:ipynb|md))\S*: Executed notebook in")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
SOURCE = re.compile(r"^-{10,}\n(.*?)\n-{10,}$", re.DOTALL | re.MULTILINE)


class BookFault(CourseError):
    """The book was not built; the message names notebook and cell, or the warnings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltBook:
    """A finished build.

    Attributes
    ----------
    site : Path
        Folder with `index.html`.
    executed : tuple of str
        Notebooks that ran; the others were unchanged, and their kept outputs were used.
    """

    site: Path
    executed: tuple[str, ...]

    def __str__(self) -> str:
        ran = [f"  {name}" for name in self.executed] or ["  none: no code cell has changed"]
        return "\n".join(["Notebooks that ran:", *ran, f"Wrote {self.site}/index.html"])


def book_command(folder: Path, out: Path, *, config: Path | None = None) -> list[str]:
    """Return the command that builds the book of `folder` below `out`; any warning fails it."""
    chosen = ["--config", str(config)] if config else []
    jupyter_book = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    return [
        *jupyter_book, "build", str(folder), "--path-output", str(out), *chosen,
        "--warningiserror", "--keep-going",
    ]  # fmt: skip


def executed_notebooks(log: str) -> tuple[str, ...]:
    """Return the notebooks that ran, in the order of the build's `log`.

    Examples
    --------
    >>> executed_notebooks("/c/chapters/00/a.ipynb: Executed notebook in 2.50 seconds [mystnb]")
    ('chapters/00/a.ipynb',)
    """
    return tuple(dict.fromkeys(RAN.findall(COLOURS.sub("", log))))


def failed_cells(folder: Path, site: Path) -> tuple[str, ...]:
    """Return a sentence for each notebook of `folder` that failed, from the reports in `site`."""
    reports = sorted((site / "reports").rglob("*.err.log"))
    return tuple(_name_cell(folder, site / "reports", report) for report in reports)


def _name_cell(folder: Path, reports: Path, report: Path) -> str:
    """Return notebook, cell and error of one report: the trace quotes the cell's source."""
    import nbformat

    name = str(report.relative_to(reports)).removesuffix(".err.log") + ".ipynb"
    text = COLOURS.sub("", report.read_text(encoding="utf-8"))
    quoted = SOURCE.search(text)
    error = text.strip().splitlines()[-1]
    for cell in nbformat.read(folder / name, as_version=4).cells:
        if quoted and cell.cell_type == "code" and cell.source.strip() == quoted[1].strip():
            return f"{name}, cell {cell.id!r}: {error}"
    return f"{name}: {error}"


def build_book(folder: Path, *, out: Path | None = None, config: Path | None = None) -> BuiltBook:
    """Build the book of `folder` and return where it lies and what ran.

    Parameters
    ----------
    folder : Path
        Holds `_config.yml` and `_toc.yml`.
    out : Path, optional
        Where `_build` goes; `folder` itself by default.
    config : Path, optional
        Another `_config.yml`.

    Returns
    -------
    BuiltBook
        Its folder and the notebooks that ran.

    Raises
    ------
    BookFault
        If a cell raises, a warning is printed or jupyter-book is not installed.
    """
    out = out or folder
    site = out / "_build" / "html"
    for old in (site / "reports").rglob("*.err.log"):
        old.unlink()
    status, log = _run(book_command(folder, out, config=config), folder)
    if "No module named 'jupyter_book'" in log:
        raise BookFault("jupyter-book is not installed; pip install 'tinyml-course[learn,book]'")
    failed = failed_cells(folder, site)
    if status or failed:
        raise BookFault("the book was not built:\n" + "\n".join(failed or warnings_of(log)))
    return BuiltBook(site=site, executed=executed_notebooks(log))


def warnings_of(log: str) -> tuple[str, ...]:
    """Return the log's warnings and errors, or its last lines where it has none."""
    lines = COLOURS.sub("", log).splitlines()
    found = [line for line in lines if "WARNING:" in line or "ERROR:" in line]
    return tuple(found or lines[-15:])


def _run(command: list[str], folder: Path) -> tuple[int, str]:
    """Run `command`, show its progress, and return exit status and output."""
    environment = {**os.environ, "JUPYTER_PLATFORM_DIRS": "1"}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, text=True, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    kept: list[str] = []
    with process:
        for line in process.stdout or ():
            kept.append(line)
            if "notebook" in line:
                print(COLOURS.sub("", line).rstrip(), flush=True)
    return process.returncode, "".join(kept)
