"""What a notebook depends on, on a package of a few lines."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.bookbuild.small_course import write_course
from tinyml_course.bookbuild.dependencies import Package, digest_notebook, imports_of_cells


@pytest.fixture
def course(tmp_path):
    write_course(tmp_path)
    return tmp_path


def digest(course, name="chapters/one.ipynb"):
    notebook = nbformat.read(course / name, as_version=4)
    return digest_notebook(notebook, course / name, Package(course / "small_package"))


def digest_of(course, source):
    notebook = new_notebook(cells=[new_code_cell(source)])
    package = Package(course / "small_package")
    return digest_notebook(notebook, course / "chapters/any.ipynb", package)


def test_a_changed_statement_changes_the_digest_and_a_comment_does_not(course):
    """Comments and blank lines of a module run nothing; its statements do."""
    before = digest(course)
    module = course / "small_package/add.py"
    module.write_text("# why\n\n" + module.read_text())
    assert before == digest(course)
    module.write_text("def add(a, b):\n    return b + a\n")
    assert before != digest(course)


def test_a_module_that_is_not_imported_does_not_count(course):
    """A change of another module leaves a notebook's digest as it was."""
    before = digest(course)
    (course / "small_package/other.py").write_text("OTHER = 2\n")
    assert before == digest(course)


@pytest.mark.parametrize(
    "reach",
    [
        "from small_package.other import OTHER",
        "import small_package.other as other",
        "from small_package import other",
        "def later():\n    from small_package import other",
        "start = ['python', '-m', 'small_package.other']",
    ],
)
def test_a_module_counts_however_it_is_reached(course, reach):
    """Through another module, inside a function, or by its name in a string."""
    (course / "small_package/add.py").write_text(reach + "\n")
    before = digest(course)
    (course / "small_package/other.py").write_text("OTHER = 2\n")
    assert before != digest(course)


def test_the_packages_own_init_counts(course):
    """Importing a module runs the package's `__init__` first."""
    before = digest(course)
    (course / "small_package/__init__.py").write_text("VERSION = 2\n")
    assert before != digest(course)


def test_files_beside_the_modules_count(course):
    """A template in a part of the package changes the digest of those who import the part."""
    part = course / "small_package/part"
    part.mkdir()
    (part / "__init__.py").write_text("")
    (part / "page.py").write_text("")
    before = digest_of(course, "import small_package.part.page"), digest(course)
    (part / "page.html").write_text("<p>")
    after = digest_of(course, "import small_package.part.page"), digest(course)
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_the_chapters_data_count_where_the_code_names_them(course):
    """A table in the folder `data` counts for a cell that opens it, not for its neighbours."""
    reading, other = "open('data/rows.csv')", "x = 1"
    before = digest_of(course, reading), digest_of(course, other)
    (course / "chapters/data").mkdir()
    (course / "chapters/data/rows.csv").write_text("1\n")
    assert before[0] != digest_of(course, reading)
    assert before[1] == digest_of(course, other)


def test_a_newer_version_of_an_imported_package_changes_the_digest(course, monkeypatch):
    """Outputs of another NumPy are not kept."""
    monkeypatch.setattr(Package, "versions", {"numpy": "numpy 2.0"})
    before = digest_of(course, "import numpy"), digest_of(course, "import json")
    monkeypatch.setattr(Package, "versions", {"numpy": "numpy 2.1"})
    after = digest_of(course, "import numpy"), digest_of(course, "import json")
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_cells_that_do_not_parse_still_name_their_imports():
    """A cell with an error on purpose, or with a magic command, is read line by line."""
    assert {"numpy"} == imports_of_cells(["import numpy\nx = = 1"], "small_package")
    assert {"numpy"} == imports_of_cells(["%matplotlib inline\nimport numpy"], "small_package")
