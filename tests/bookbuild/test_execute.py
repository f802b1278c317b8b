"""Running notebooks side by side: what is kept, what a fault says, what an interruption leaves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.bookbuild.small_course import write_course, write_notebook
from tinyml_course.bookbuild.dependencies import Package
from tinyml_course.bookbuild.execute import (
    NotebookStore,
    drop_progress_bars,
    find_live_widget,
    name_cell,
    run_notebooks,
)

pytest.importorskip("jupyter_cache", reason="jupyter-book is not installed")

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
COURSE = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(tmp_path):
    package = Package(write_course(tmp_path))
    return NotebookStore(folder=tmp_path, build=tmp_path / "_build", package=package)


def notebook_with_widget(child_model):
    """Return a notebook whose one output is a row that holds a widget of `child_model`."""
    view = new_output("display_data", data={WIDGET_VIEW: {"model_id": "row"}, "text/plain": "x"})
    states = {
        "row": {"model_name": "HBoxModel", "state": {"children": ["IPY_MODEL_inside"]}},
        "inside": {"model_name": child_model, "state": {}},
    }
    cell = new_code_cell("f()", id="shown", outputs=[view, new_output("stream", text="done")])
    return new_notebook(cells=[cell], metadata={"widgets": {WIDGET_STATE: {"state": states}}})


def test_a_progress_bar_leaves_no_trace():
    """The bar's output and the widgets' state go; the printed line stays."""
    notebook = notebook_with_widget("FloatProgressModel")
    drop_progress_bars(notebook)
    assert ["stream"] == [output.output_type for output in notebook.cells[0].outputs]
    assert "widgets" not in notebook.metadata
    assert find_live_widget(notebook) == ""


def test_any_other_widget_is_found():
    """A slider is no progress bar: it stays, and its cell is named."""
    notebook = notebook_with_widget("FloatSliderModel")
    drop_progress_bars(notebook)
    assert find_live_widget(notebook) == "cell 'shown'"


@pytest.mark.slow
def test_runs_are_kept_and_faults_named(store):
    """Of two notebooks side by side, the good one is kept and the bad one names its cell."""
    write_notebook(store.folder / "chapters/bad.ipynb", "import time", "time.sleep(99)")
    names = ["chapters/bad.ipynb", "chapters/one.ipynb"]
    assert not store.holds("chapters/one.ipynb")
    seen = []
    bad, good = run_notebooks(store, names, timeout=2, report=seen.append)
    assert {bad, good} == set(seen)
    assert bad.fault.startswith("cell 'step-1': ")
    assert "2 seconds" in bad.fault
    assert "" == good.fault
    assert [False, True] == [store.holds(name) for name in names]


def test_kept_outputs_make_sphinx_read_the_page_anew(store):
    """New outputs take away what Sphinx remembers of the page, and of no other page."""
    memory = store.build / ".doctrees/chapters"
    memory.mkdir(parents=True)
    for name in ("one", "two"):
        (memory / f"{name}.doctree").write_bytes(b"old")
    store.keep("chapters/one.ipynb", store.read("chapters/one.ipynb"), 1.0, "digest")
    assert ["two.doctree"] == [path.name for path in memory.iterdir()]


def test_outputs_of_another_state_of_the_package_are_not_held(store):
    """The same cells under another digest are run again."""
    name = "chapters/one.ipynb"
    store.keep(name, store.read(name), 1.0, store.depends(name))
    assert store.holds(name)
    store.keep(name, store.read(name), 1.0, "another digest")
    assert not store.holds(name)


def test_a_cell_of_a_markdown_page_is_named_by_its_line(store):
    """Such cells have no id: the line of their fence says where to look."""
    page = "---\nfile_format: mystnb\nkernelspec: {name: python3}\n---\n# Front\n\n"
    (store.folder / "index.md").write_text(page + "```{code-cell}\nprint(1)\n```\n")
    notebook = store.read("index.md")
    (number,) = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    assert "cell at line 7" == name_cell(notebook, number)


def test_a_kernel_that_is_not_installed_is_named(store):
    """The fault says which kernel is missing, and the build ends as it does for a failing cell."""
    page = "---\nfile_format: mystnb\nkernelspec: {name: no-such-kernel}\n---\n# Front\n"
    (store.folder / "index.md").write_text(page)
    (run,) = run_notebooks(store, ["index.md"], timeout=5)
    assert "before the first cell: No such kernel named no-such-kernel" == run.fault


INTERRUPTED = """
from pathlib import Path
from tinyml_course.bookbuild.dependencies import Package
from tinyml_course.bookbuild.execute import NotebookStore, run_notebooks
folder = Path({folder!r})
store = NotebookStore(folder=folder, build=folder / "_build", package=Package(folder / "none"))
run_notebooks(store, ["chapters/quick.ipynb", "chapters/slow.ipynb"], timeout=600,
              report=lambda run: print("ended", run.name, flush=True))
"""


@pytest.mark.slow
def test_an_interruption_leaves_no_kernel_and_keeps_what_was_finished(store):
    """Ctrl-C ends the build's process with all of its kernels; the finished notebook is kept."""
    psutil = pytest.importorskip("psutil", reason="psutil is not installed")
    mark = "import pathlib; pathlib.Path('started').touch(); import time"
    write_notebook(store.folder / "chapters/quick.ipynb", "print(1)")
    write_notebook(store.folder / "chapters/slow.ipynb", mark, "time.sleep(500)")
    program = INTERRUPTED.format(folder=str(store.folder))
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=COURSE, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.PIPE, env={**os.environ, "JUPYTER_PLATFORM_DIRS": "1"},
    )  # fmt: skip
    assert process.stdout.readline() == "ended chapters/quick.ipynb\n"
    while not (store.folder / "chapters/started").exists():
        time.sleep(0.1)
    kernels = psutil.Process(process.pid).children(recursive=True)
    assert kernels
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors
    _, alive = psutil.wait_procs(kernels, timeout=10)
    assert [] == alive
    package = Package(store.folder / "none")
    kept = NotebookStore(folder=store.folder, build=store.build, package=package)
    assert kept.holds("chapters/quick.ipynb")
    assert not kept.holds("chapters/slow.ipynb")
