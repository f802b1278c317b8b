"""The build behind `tinyml book`, on a course of two small notebooks."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tinyml_course.bookbuild.build import BookFault, build_book, executed_notebooks, failed_cells

CONFIG = """
title: small
only_build_toc_files: true
execute: {execute_notebooks: cache, timeout: 60}
html: {use_multitoc_numbering: false}
sphinx:
  extra_extensions: [tinyml_course.bookbuild.offline, tinyml_course.bookbuild.mathml]
  config: {html_math_renderer: mathml, nb_ipywidgets_js: {}}
"""
TOC = """
format: jb-book
root: index
chapters: [{file: chapters/one}, {file: chapters/two}]
"""


def write_notebook(path, *sources, prose="A formula: $s = 1$."):
    text = new_markdown_cell(f"# {path.stem}\n\n{prose}", id="title")
    codes = [new_code_cell(source, id=f"step-{i}") for i, source in enumerate(sources)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=[text, *codes], metadata={"kernelspec": kernel}), path)


@pytest.fixture
def course(tmp_path):
    (tmp_path / "_config.yml").write_text(CONFIG)
    (tmp_path / "_toc.yml").write_text(TOC)
    (tmp_path / "index.md").write_text("# Front\n\nStart.\n")
    write_notebook(tmp_path / "chapters/one.ipynb", "print('one is', 1)")
    write_notebook(tmp_path / "chapters/two.ipynb", "x = 2", "print('two is', x)")
    return tmp_path


def test_a_notebook_that_came_from_the_cache_did_not_run():
    """Only lines that report an execution count, each notebook once."""
    log = (
        "/c/chapters/0/a.ipynb: Using cached notebook: ID=1 [mystnb]\n"
        "\x1b[2K/c/chapters/0/b.ipynb: Executed notebook in 2.50 seconds [mystnb]\n" * 2
    )
    assert ("chapters/0/b.ipynb",) == executed_notebooks(log)


def test_a_report_names_notebook_and_cell(course):
    """The cell whose source the trace quotes is named by its id, with the error."""
    reports = course / "site/reports/chapters"
    reports.mkdir(parents=True)
    rule = "-" * 18
    (reports / "two.err.log").write_text(
        f"Traceback\nError: An error occurred while executing the following cell:\n{rule}\n"
        f"print('two is', x)\n{rule}\n\nNameError: name 'x' is not defined\n"
    )
    expected = "chapters/two.ipynb, cell 'step-1': NameError: name 'x' is not defined"
    assert (expected,) == failed_cells(course, course / "site")


@pytest.mark.slow
def test_a_build_runs_what_changed_and_names_the_cell_that_fails(course):
    """Both notebooks run once; prose reruns nothing; a fault names notebook and cell."""
    pytest.importorskip("jupyter_book", reason="jupyter-book is not installed")
    pytest.importorskip("latex2mathml", reason="latex2mathml is not installed")
    built = build_book(course)
    assert {"chapters/one.ipynb", "chapters/two.ipynb"} == set(built.executed)
    page = (built.site / "chapters/one.html").read_text(encoding="utf-8")
    assert "one is 1" in page
    assert "<math" in page
    assert [] == re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"https?:", page)
    assert "unpkg.com" not in page

    write_notebook(course / "chapters/one.ipynb", "print('one is', 1)", prose="Other words.")
    assert () == build_book(course).executed

    write_notebook(course / "chapters/two.ipynb", "x = 2", "print('two is', y)")
    with pytest.raises(BookFault, match=r"chapters/two\.ipynb, cell 'step-1': NameError"):
        build_book(course)
