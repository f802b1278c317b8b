"""No solution in what learners get."""

import json

import pytest

from tests.conftest import ROOT
from tests.grading.handed_in import EXERCISES, SOLUTIONS
from tests.grading.sample import solved
from tinyml_course.grading.leaks import find_leaks, strings_in
from tinyml_course.grading.notebook import read_notebook

SOURCES = {path.name: read_notebook(path) for path in sorted(SOLUTIONS.glob("*.ipynb"))}
PAGES = (".html", ".js", ".json", ".txt", ".md", ".ipynb", ".xml", ".svg")
LINE = "weight_bits = inputs * outputs * bits"


@pytest.mark.parametrize("name", list(SOURCES))
def test_no_exercise_and_no_chapter_holds_a_solution(name):
    """Sources, metadata, outputs and attachments of all notebooks are searched."""
    found = {
        str(path.relative_to(ROOT)): leaks
        for folder in (EXERCISES, ROOT / "chapters")
        for path in sorted(folder.rglob("*.ipynb"))
        if (leaks := find_leaks(SOURCES[name], "\n".join(strings_in(json.loads(path.read_text())))))
    }
    assert found == {}


def site_leaks(site, source):
    """Return (file, leak) of every text file below `site`."""
    files = [path for path in sorted(site.rglob("*")) if path.suffix in PAGES]
    return [
        (str(path.relative_to(site)), leak)
        for path in files
        for leak in find_leaks(source, path.read_text(encoding="utf-8", errors="replace"))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SOURCES))
def test_the_built_book_holds_no_solution(name, site):
    """Every page of the book, its sources and its search index are searched."""
    assert (site / "exercises" / name).with_suffix(".html").is_file()
    assert [] == site_leaks(site, SOURCES[name])


@pytest.mark.parametrize("file", ["chapters/a.html", "_sources/a.ipynb", "searchindex.js"])
def test_a_leak_in_a_site_is_found(tmp_path, file):
    """A solution planted on a page, in a page's source or in the search index is named."""
    planted = tmp_path / file
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(f"<html>{LINE}</html>")
    (tmp_path / "clean.html").write_text("<html>nothing</html>")
    assert [file] == [name for name, _ in site_leaks(tmp_path, solved())]


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        LINE.replace(" ", ""),
        f"some text {LINE} and more",
        '<span class="n">weight_bits</span> <span class="o">=</span> <span>inputs</span> '
        "* <b>outputs</b> * bits",
        "<pre>no_worse = (costs[None] &lt;= costs[:, None]).all(axis=2)</pre>",
    ],
)
def test_a_leak_is_found(text):
    """As it stands, without spaces, inside text, and marked up by a book builder."""
    assert len(find_leaks(solved(), text)) == 1


def test_a_whole_solution_is_found_even_if_every_line_is_short():
    """Short lines are nobody's secret alone; together they are."""
    source = solved()
    for cell in source["cells"]:
        if cell["id"] == "0-1-hole":
            cell["source"] = "def weight_bytes(a):\n    # solution\n    b = a + 7\n    return b\n"
    assert find_leaks(source, "b = a + 7") == ()
    assert len(find_leaks(source, "x\nb = a + 7\nreturn b\n")) == 1


def test_the_solution_itself_leaks_all_its_secrets():
    """Every hole of the source is found in the source."""
    leaks = find_leaks(solved(), "\n".join(strings_in(solved())))
    assert len(leaks) >= 2
