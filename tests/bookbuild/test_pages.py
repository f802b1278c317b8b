"""The book's table of contents and settings against the course's own files."""

from pathlib import Path

import nbformat
import pytest
import yaml

COURSE = Path(__file__).resolve().parents[2]
UNLISTED = {"chapters/index"}  # reports on a learner's machine; index.md stands in its place
SOURCES = (".ipynb", ".md")

pytestmark = pytest.mark.skipif(
    not (COURSE / "_toc.yml").exists(), reason="this copy of the course has no book"
)


def toc() -> dict:
    return yaml.safe_load((COURSE / "_toc.yml").read_text(encoding="utf-8"))


def entries(chapters: list[dict]) -> list[str]:
    """Return the pages in order, patterns resolved."""
    pages = []
    for entry in chapters:
        if "glob" in entry:
            found = {path.with_suffix("") for path in COURSE.glob(entry["glob"])}
            pages += sorted(path.relative_to(COURSE).as_posix() for path in found)
        else:
            pages.append(entry["file"])
        pages += entries(entry.get("sections", []))
    return pages


def pages() -> list[str]:
    return [page for part in toc()["parts"] for page in entries(part["chapters"])]


def notebooks() -> set[str]:
    found = [*COURSE.glob("chapters/**/*.ipynb"), *COURSE.glob("exercises/*.ipynb")]
    names = {path.relative_to(COURSE).with_suffix("").as_posix() for path in found}
    return {name for name in names if ".ipynb_checkpoints" not in name} - UNLISTED


def test_every_page_exists():
    """Each page of the table of contents is a notebook or a Markdown file."""
    missing = [
        page for page in pages() if not any((COURSE / (page + end)).exists() for end in SOURCES)
    ]
    assert [] == missing


def test_every_notebook_is_listed_exactly_once():
    """A notebook that is added to the course must be added to the book, once."""
    listed = [page for page in pages() if page.startswith(("chapters/", "exercises/"))]
    assert sorted(notebooks()) == sorted(listed)


def test_the_book_keeps_the_order_of_the_chapter_list():
    """The book orders the notebooks as chapters/index.ipynb does."""
    cells = nbformat.read(COURSE / "chapters/index.ipynb", as_version=4).cells
    text = "\n".join(cell.source for cell in cells)
    listed = [page for page in pages() if page.startswith("chapters/")]
    places = [text.index(page.removeprefix("chapters/") + ".ipynb") for page in listed]
    assert sorted(places) == places


def test_no_page_comes_from_the_solutions():
    """Solutions are neither listed nor read by the build."""
    config = yaml.safe_load((COURSE / "_config.yml").read_text(encoding="utf-8"))
    assert "solutions" in config["exclude_patterns"]
    assert [] == [page for page in pages() if page.startswith(("solutions", "tests"))]


def test_every_public_module_is_in_the_reference():
    """The reference names each module of the package's parts once, tasks left out."""
    text = "".join(page.read_text(encoding="utf-8") for page in COURSE.glob("book/api/*.md"))
    named = [line.split()[-1] for line in text.splitlines() if line.startswith(".. automodule::")]
    package = COURSE / "tinyml_course"
    parts = {f"tinyml_course/{page.stem}" for page in COURSE.glob("book/api/*.md")}
    modules = {
        path.relative_to(COURSE).with_suffix("").as_posix()
        for path in package.rglob("*.py")
        if path.name != "__init__.py" and "tasks" not in path.parts
    }
    wanted = {name.replace("/", ".") for name in modules if "/".join(name.split("/")[:2]) in parts}
    assert sorted(wanted) == sorted(named)


def test_the_build_stops_at_a_failing_cell_and_uses_the_cache():
    """Notebooks run through the cache, with a time limit, and errors are not allowed."""
    execute = yaml.safe_load((COURSE / "_config.yml").read_text(encoding="utf-8"))["execute"]
    assert ("cache", False) == (execute["execute_notebooks"], execute["allow_errors"])
    assert 0 < execute["timeout"] <= 300
