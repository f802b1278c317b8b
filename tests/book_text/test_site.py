"""The built book: no dead link, nothing raw on a page, names and terms that became links."""

import re

import pytest

from tests.book_text.site_links import dead_links

FOREIGN = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"(?:https?:)?//", re.I)
RAW = re.compile(
    r"(?<![\w`>]):(?:func|class|mod|ref|doc|term|cite(?::\w+)?|math|meth):(?=[`<])"
    r"|^\.\. [\w-]+::|\|(?:Parameters|Returns)\||^-{4,}$",
    re.MULTILINE,
)
RAW_TABLE = re.compile(r"\|\s?(?:-{3,}|—-?)\s?\|")
CELL = re.compile(r"<(pre|script|style)\b.*?</\1>", re.DOTALL)
TAG = re.compile(r"<[^>]+>")


@pytest.mark.slow
def test_every_link_of_the_built_book_leads_somewhere(site):
    """Each link, picture, script and style is a file of the site, each fragment an anchor."""
    assert [] == dead_links(site)


def test_dead_links_are_found(tmp_path):
    """A missing page, picture or anchor and a way out of the site are named; good ones are not."""
    (tmp_path / "a.html").write_text('<p id="here">a</p><a name="old">b</a>')
    (tmp_path / "b.html").write_text(
        '<a href="a.html#here">1</a><a href="a.html#old">2</a><a href="#top">3</a>'
        '<h1 id="top">t</h1><a href="https://example.org/">4</a><img src="data:image/png;base64,">'
        '<a href="c.html">5</a><a href="a.html#gone">6</a><img src="x.png">'
        '<a href="../a.html">7</a><script src="http://example.org/x.js"></script>'
    )
    dead = ["c.html", "a.html#gone", "x.png", "../a.html", "http://example.org/x.js"]
    assert [("b.html", target) for target in dead] == dead_links(tmp_path)


@pytest.mark.slow
def test_no_page_shows_raw_markup(site):
    """Roles, directives and underlines of docstrings have all become text."""
    pages = {path.name: path.read_text(encoding="utf-8") for path in site.glob("book/**/*.html")}
    texts = {name: TAG.sub("", CELL.sub("", page)) for name, page in pages.items()}
    assert {} == {name: RAW.findall(text) for name, text in texts.items() if RAW.search(text)}


@pytest.mark.parametrize("text", ["See :func:`x`.", "\n.. note::\n", "Parameters\n----------\n"])
def test_raw_markup_is_found(text):
    """A planted role, directive or underline is noticed."""
    assert RAW.search(text)


@pytest.mark.slow
def test_tables_that_cells_print_are_tables(site):
    """No chapter shows a table's source in running text, and each has its claims as a table."""
    pages = {path.name: path.read_text(encoding="utf-8") for path in site.glob("chapters/*/*.html")}
    texts = {name: TAG.sub("", CELL.sub("", page)) for name, page in pages.items()}
    assert [] == [name for name, text in texts.items() if RAW_TABLE.search(text)]
    tables = [name for name, page in pages.items() if "<p>measured here</p>" in page]
    assert len(tables) >= 12


@pytest.mark.parametrize("text", ["| a | b | |—|—|", "a\n|---|---|\n"])
def test_a_tables_source_is_found(text):
    """As it stands, and after the typographer has joined its dashes."""
    assert RAW_TABLE.search(text)


@pytest.mark.slow
def test_no_page_asks_another_machine_for_a_script_or_a_picture(site):
    """Scripts, styles, pictures and frames all come from the site itself."""
    found = {
        str(path.relative_to(site)): match[0]
        for path in site.rglob("*.html")
        if "_static" not in path.parts and (match := FOREIGN.search(path.read_text("utf-8")))
    }
    assert {} == found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "target"),
    [
        ("chapters/00_foundations/the_device.html", "#tinyml_course.device.arena.plan_arena"),
        ("chapters/00_foundations/the_device.html", "book/glossary.html#term-arena"),
        ("chapters/00_foundations/02_numbers.html", "book/bibliography.html#"),
        ("book/api/core.html", "#tinyml_course.core.types.QParams"),
    ],
)
def test_names_terms_and_sources_became_links(site, page, target):
    """Inline code leads to the reference, new terms to the glossary, citations to the sources."""
    hrefs = re.findall(r'href="([^"]*)"', (site / page).read_text(encoding="utf-8"))
    assert [href for href in hrefs if target in href]
