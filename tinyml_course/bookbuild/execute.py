"""Run the book's notebooks, several at a time, and keep their outputs for the build.

Jupyter-cache holds the outputs, as myst-nb expects them. Its own parallel executor takes all
cores, shows no progress and cannot be interrupted, and its key is the code cells alone: here a
notebook also runs again when something that it imports has changed.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinyml_course.bookbuild.contents import read_notebook
from tinyml_course.bookbuild.dependencies import Package, digest_notebook

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One notebook's execution.

    Attributes
    ----------
    name : str
        The notebook, relative to the course.
    seconds : float
        Wall time, measured.
    fault : str
        Cell and error; empty where all went well.
    """

    name: str
    seconds: float
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class NotebookStore:
    """The outputs that are kept, and what they depend on.

    Attributes
    ----------
    folder : Path
        The course.
    build : Path
        Its `_build`: outputs lie in `.jupyter_cache`, Sphinx's reading of the pages in `.doctrees`.
    package : Package
        The package that notebooks import.
    """

    folder: Path
    build: Path
    package: Package
    _lock: Any = field(default_factory=threading.Lock, compare=False, repr=False)

    def read(self, name: str) -> Any:
        """Return the notebook `name`."""
        return read_notebook(self.folder / name)

    def depends(self, name: str) -> str:
        """Return the digest of what the notebook `name` uses beside its own cells."""
        return digest_notebook(self.read(name), self.folder / name, self.package)

    def holds(self, name: str) -> bool:
        """Return whether outputs are kept for this code with these dependencies."""
        try:
            record = self._cache().match_cache_notebook(self.read(name))
        except KeyError:
            return False
        return bool(record.data.get("depends") == self.depends(name))

    def keep(self, name: str, notebook: Any, seconds: float, depends: str) -> None:
        """Keep the outputs of `notebook`, and let Sphinx read its page anew."""
        from jupyter_cache.base import CacheBundleIn

        data = {"execution_seconds": seconds, "depends": depends}
        bundle = CacheBundleIn(notebook, str(self.folder / name), data=data)
        with self._lock:
            (self.build / ".doctrees" / name).with_suffix(".doctree").unlink(missing_ok=True)
            self._cache().cache_notebook_bundle(bundle, check_validity=False, overwrite=True)

    def _cache(self) -> Any:
        from jupyter_cache import get_cache

        return get_cache(str(self.build / ".jupyter_cache"))


def run_notebooks(
    store: NotebookStore,
    names: Sequence[str],
    *,
    timeout: int,
    workers: int = 2,
    report: Callable[[Run], None] = lambda _: None,
) -> tuple[Run, ...]:
    """Run the notebooks `names` and return how each went; those that succeed are kept at once.

    Kernels run in processes of their own. An interruption stops them before it is passed on;
    what was finished by then stays kept.

    Parameters
    ----------
    store : NotebookStore
        Where they lie and where their outputs go.
    names : sequence of str
        Notebooks, relative to the course.
    timeout : int
        Most seconds of wall time for one cell.
    workers : int, default 2
        How many run at the same time.
    report : callable, optional
        Called with each run as it ends, from another thread.
    """
    # nbclient takes over Ctrl-C in the main thread, for one notebook only: run beside it.
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    work = asyncio.run_coroutine_threadsafe(
        _run_all(store, names, timeout=timeout, workers=workers, report=report), loop
    )
    try:
        return work.result()
    except BaseException:
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result(timeout=60)
        raise
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _cancel_all() -> None:
    """Cancel every other task of the loop and wait until their kernels are gone."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _run_all(
    store: NotebookStore,
    names: Sequence[str],
    *,
    timeout: int,
    workers: int,
    report: Callable[[Run], None],
) -> tuple[Run, ...]:
    places = asyncio.Semaphore(workers)

    async def run_in_turn(name: str) -> Run:
        async with places:
            run = await _run_one(store, name, timeout)
        report(run)
        return run

    return tuple(await asyncio.gather(*(run_in_turn(name) for name in names)))


async def _run_one(store: NotebookStore, name: str, timeout: int) -> Run:
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook, depends = store.read(name), store.depends(name)
    place = {"metadata": {"path": str((store.folder / name).parent)}}
    cells: list[int] = []
    client = NotebookClient(
        notebook, timeout=timeout, resources=place, record_timing=False,
        extra_arguments=["--log-level=ERROR"],  # the kernel greets with two lines otherwise
        on_cell_start=lambda cell_index, **_: cells.append(cell_index),
    )  # fmt: skip
    start = time.monotonic()
    try:
        await client.async_execute(env=kernel_environment())
    except (CellExecutionError, CellTimeoutError, DeadKernelError, NoSuchKernel) as fault:
        seconds = time.monotonic() - start
        cell = name_cell(notebook, cells[-1]) if cells else "before the first cell"
        return Run(name=name, seconds=seconds, fault=f"{cell}: {_last_line(fault)}")
    seconds = time.monotonic() - start
    drop_progress_bars(notebook)
    if live := find_live_widget(notebook):
        fault = f"{live}: shows a widget, which needs a kernel; show `experiment.live()`"
        return Run(name=name, seconds=seconds, fault=fault)
    store.keep(name, notebook, seconds, depends)
    return Run(name=name, seconds=seconds)


def _last_line(fault: BaseException) -> str:
    if hasattr(fault, "ename"):
        return f"{fault.ename}: {fault.evalue}"
    lines = str(fault).strip().splitlines()
    return lines[0] if lines else type(fault).__name__


def kernel_environment() -> dict[str, str]:
    """Return the environment of the book's kernels: experiments are drawn, not made live."""
    from tinyml_course.widgets.static import STATIC_VARIABLE

    return {**os.environ, "JUPYTER_PLATFORM_DIRS": "1", STATIC_VARIABLE: "1"}


def drop_progress_bars(notebook: Any) -> None:
    """Take tqdm's bars out of the outputs of `notebook`: at the end of a run they say nothing."""
    states = _widget_states(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [x for x in cell.outputs if not _is_progress_bar(x, states)]
    if not find_live_widget(notebook):
        notebook.metadata.pop("widgets", None)


def find_live_widget(notebook: Any) -> str:
    """Return the name of the first cell whose output is a widget, '' where there is none."""
    for number, cell in enumerate(notebook.cells):
        if any(WIDGET_VIEW in output.get("data", {}) for output in cell.get("outputs", ())):
            return name_cell(notebook, number)
    return ""


def name_cell(notebook: Any, number: int) -> str:
    """Return what a reader looks for: the cell's line in a page of Markdown, else its id."""
    if lines := notebook.metadata.get("source_map"):
        return f"cell at line {lines[number]}"
    return f"cell {notebook.cells[number].get('id', number)!r}"


def _widget_states(notebook: Any) -> dict[str, Any]:
    states: dict[str, Any] = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {})
    return dict(states.get("state", {}))


def _is_progress_bar(output: Any, states: dict[str, Any]) -> bool:
    """Whether `output` is a row that holds a bar; tqdm's is text, bar, text."""
    view = output.get("data", {}).get(WIDGET_VIEW)
    if not view:
        return False
    children = states.get(view["model_id"], {}).get("state", {}).get("children", [])
    models = {
        states.get(child.removeprefix("IPY_MODEL_"), {}).get("model_name") for child in children
    }
    return "FloatProgressModel" in models
