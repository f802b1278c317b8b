"""Build the online book: run what changed, write the site, hold every page to its budget."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyml_course.bookbuild.contents import list_notebooks, read_settings
from tinyml_course.bookbuild.dependencies import Package
from tinyml_course.bookbuild.execute import NotebookStore, Run, kernel_environment, run_notebooks
from tinyml_course.bookbuild.pdf import assemble_page, find_browser, list_parts, print_page
from tinyml_course.bookbuild.weight import PageWeight, page_faults, weigh_pages
from tinyml_course.core.errors import CourseError

COURSE_PACKAGE = Path(__file__).resolve().parent.parent
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
UNRECORDED = re.compile(r"(\S+\.(?:ipynb|md))\S*: Executing notebook")
DEFAULT_TIMEOUT = 120


class BookFault(CourseError):
    """The book was not built; the message names notebook and cell, or the warnings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltBook:
    """A finished build.

    Attributes
    ----------
    site : Path
        Folder with `index.html`.
    runs : tuple of Run
        Notebooks that ran, in the order of the book.
    kept : tuple of str
        Notebooks whose kept outputs were used.
    pages : tuple of PageWeight
        Every page's size, the largest first.
    """

    site: Path
    runs: tuple[Run, ...]
    kept: tuple[str, ...]
    pages: tuple[PageWeight, ...]

    @property
    def executed(self) -> tuple[str, ...]:
        """Names of the notebooks that ran."""
        return tuple(run.name for run in self.runs)

    def __str__(self) -> str:
        ran = [f"  {run.name}  {run.seconds:.0f} s" for run in self.runs]
        return "\n".join(
            [
                f"Notebooks that ran: {len(ran)}, kept: {len(self.kept)}",
                *ran,
                f"Largest of {len(self.pages)} pages, compressed: {self.pages[0]}",
                f"Wrote {self.site}/index.html",
            ]
        )


def book_command(
    folder: Path, out: Path, *, config: Path | None = None, builder: str = "html"
) -> list[str]:
    """Return the command that builds the book of `folder` below `out`; any warning fails it."""
    chosen = ["--config", str(config)] if config else []
    jupyter_book = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    return [
        *jupyter_book, "build", str(folder), "--path-output", str(out), *chosen,
        "--builder", builder, "--warningiserror", "--keep-going",
    ]  # fmt: skip


def build_book(
    folder: Path,
    *,
    out: Path | None = None,
    config: Path | None = None,
    package: Path = COURSE_PACKAGE,
) -> BuiltBook:
    """Build the book of `folder` and return where it lies, what ran and how large its pages are.

    Parameters
    ----------
    folder : Path
        Holds `_config.yml` and `_toc.yml`.
    out : Path, optional
        Where `_build` goes; `folder` itself by default.
    config : Path, optional
        Another `_config.yml`.
    package : Path, optional
        Folder of the package that the notebooks import; the course's by default.

    Returns
    -------
    BuiltBook
        Its folder, the notebooks that ran or were kept, the pages.

    Raises
    ------
    BookFault
        If a cell raises, a warning is printed, a page is too large or jupyter-book is not
        installed.
    """
    build = (out or folder) / "_build"
    runs, kept = execute_changed(folder, build, config=config, package=package)
    write_pages(book_command(folder, build.parent, config=config), folder)
    pages = weigh_pages(build / "html")
    if faults := page_faults(pages):
        raise BookFault("pages are too large, or wait for a kernel:\n" + "\n".join(faults))
    return BuiltBook(site=build / "html", runs=runs, kept=kept, pages=pages)


def build_pdf(
    folder: Path,
    *,
    out: Path | None = None,
    config: Path | None = None,
    package: Path = COURSE_PACKAGE,
) -> Path:
    """Print the book of `folder` to one PDF and return its file, ``_build/pdf/book.pdf``.

    Parameters are those of `build_book`.

    Raises
    ------
    BookFault
        As for `build_book`.
    PrintFault
        If no browser is installed, which is found out first, or it prints nothing.
    """
    find_browser()
    build = (out or folder) / "_build"
    execute_changed(folder, build, config=config, package=package)
    write_pages(book_command(folder, build.parent, config=config, builder="singlehtml"), folder)
    single, pdf = build / "singlehtml" / "index.html", build / "pdf" / "book.pdf"
    page = single.with_name("print.html")
    printed = assemble_page(single.read_text(encoding="utf-8"), list_parts(folder))
    page.write_text(printed, encoding="utf-8")
    pdf.parent.mkdir(exist_ok=True)
    print_page(page, pdf)
    return pdf


def execute_changed(
    folder: Path, build: Path, *, config: Path | None, package: Path
) -> tuple[tuple[Run, ...], tuple[str, ...]]:
    """Run the notebooks that changed, or that use something that did; return runs and the others.

    Raises
    ------
    BookFault
        If jupyter-book is not installed, or a cell raises or takes too long: it names notebook,
        cell and error. The notebooks that succeeded are kept.
    """
    if not importlib.util.find_spec("jupyter_book"):
        raise BookFault("jupyter-book is not installed; pip install 'tinyml-course[learn,book]'")
    from tqdm import tqdm

    settings = read_settings(folder, config)
    names = list_notebooks(folder, settings)
    store = NotebookStore(folder=folder, build=build, package=Package(package))
    kept = tuple(name for name in names if store.holds(name))
    changed = [name for name in names if name not in kept]
    print(f"{len(changed)} of {len(names)} notebooks run, {len(kept)} are kept", flush=True)
    timeout = settings.get("execute", {}).get("timeout", DEFAULT_TIMEOUT)
    with tqdm(total=len(changed), desc="notebooks", unit="", disable=not changed) as bar:

        def report(run: Run) -> None:
            bar.write(f"{run.name}: {'FAILED' if run.fault else 'ran'}, {run.seconds:.0f} s")
            bar.update()

        runs = run_notebooks(store, changed, timeout=timeout, report=report)
    if faults := [f"{run.name}, {run.fault}" for run in runs if run.fault]:
        raise BookFault("notebooks failed, the book was not built:\n" + "\n".join(faults))
    return runs, kept


def write_pages(command: Sequence[str], folder: Path) -> None:
    """Run the site's builder.

    Raises
    ------
    BookFault
        If it warns, fails, or runs a notebook that should have been kept.
    """
    status, log = _run(command, folder)
    if status:
        raise BookFault("the book was not built:\n" + "\n".join(warnings_of(log)))
    if unrecorded := UNRECORDED.findall(COLOURS.sub("", log)):
        raise BookFault(f"ran outside the build's own record: {', '.join(unrecorded)}")


def warnings_of(log: str) -> tuple[str, ...]:
    """Return the log's warnings and errors, or its last lines where it has none."""
    lines = COLOURS.sub("", log).splitlines()
    found = [line for line in lines if "WARNING:" in line or "ERROR:" in line]
    return tuple(found or lines[-15:])


def _run(command: Sequence[str], folder: Path) -> tuple[int, str]:
    """Run `command`, show which page it is at, and return exit status and output."""
    process = subprocess.Popen(
        command, cwd=folder, env={**kernel_environment(), "PYTHONUNBUFFERED": "1"}, text=True,
        encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    kept: list[str] = []
    stage = ""
    try:
        for line in process.stdout or ():
            kept.append(line)
            words = COLOURS.sub("", line).split("...")[0].strip()
            if words in ("reading sources", "writing output") and words != stage:
                stage = words
                print(f"pages: {stage}", flush=True)
    except BaseException:
        process.terminate()
        raise
    finally:
        process.wait()
        if process.stdout:
            process.stdout.close()
    return process.returncode, "".join(kept)
