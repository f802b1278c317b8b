"""The build behind `tinyml book`, on a course of two small notebooks."""

import re

import pytest

from tests.bookbuild.small_course import ADD, write_course, write_notebook
from tinyml_course.bookbuild.build import BookFault, build_book, warnings_of

ONE, TWO = "chapters/one.ipynb", "chapters/two.ipynb"
FRONT = """---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3, language: python}
---
# Front

```{code-cell}
print("front is", 40 + 2)
```
"""


@pytest.fixture
def course(tmp_path):
    pytest.importorskip("jupyter_book", reason="jupyter-book is not installed")
    pytest.importorskip("latex2mathml", reason="latex2mathml is not installed")
    write_course(tmp_path)
    (tmp_path / "index.md").write_text(FRONT)
    return tmp_path


def test_a_failed_build_quotes_the_warnings_else_the_end():
    """Warnings and errors are picked from the log, without their colours."""
    log = "reading\n\x1b[31m/c/a.md:3: WARNING: unknown document\x1b[0m\ndone\n"
    assert ("/c/a.md:3: WARNING: unknown document",) == warnings_of(log)
    assert ("reading", "done") == warnings_of("reading\ndone")


@pytest.mark.slow
def test_a_build_runs_what_changed_and_names_the_cell_that_fails(course):
    """Prose runs nothing, a changed module runs its notebooks, a fault names its cell."""

    def build():
        return build_book(course, package=course / "small_package")

    built = build()
    assert ("index.md", ONE, TWO) == built.executed
    assert "front is 42" in (built.site / "index.html").read_text(encoding="utf-8")
    page = (built.site / "chapters/one.html").read_text(encoding="utf-8")
    assert "one is 1" in page
    assert "<math" in page
    assert [] == re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"https?:", page)
    assert "unpkg.com" not in page
    assert built.pages[0].compressed_bytes > 1_000

    cell = "print('one is', add(0, 1))"
    write_notebook(course / ONE, ADD, cell, prose="Other words.")
    (course / "small_package/other.py").write_text("OTHER = 2\n")
    built = build()
    assert ((), ("index.md", ONE, TWO)) == (built.executed, built.kept)
    assert "Other words." in (built.site / "chapters/one.html").read_text(encoding="utf-8")

    (course / "small_package/add.py").write_text("def add(a, b):\n    return a + b + 41\n")
    built = build()
    assert ((ONE,), ("index.md", TWO)) == (built.executed, built.kept)
    assert "one is 42" in (built.site / "chapters/one.html").read_text(encoding="utf-8")

    write_notebook(course / TWO, "x = 2", "print('two is', y)")
    with pytest.raises(BookFault, match=r"chapters/two\.ipynb, cell 'step-1': NameError"):
        build()
