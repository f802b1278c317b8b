"""Names, terms and papers become links, on a book of four small pages."""

import re
import subprocess
import sys

import pytest

from tinyml_course.bookbuild.crosslinks import defined_names, find_object, find_term

PAGES = {
    "index.md": (
        "# Front\n\n```{toctree}\nguide\nbook/glossary\nbook/bibliography\nbook/api/c\n```\n"
    ),
    "guide.md": (
        "# Guide to `find_term`\n\nAn **arena**, an *Arena*, **at most** one.\n\n"
        "As in arXiv:1712.05877, not in arXiv:1234.56789.\n\n"
        "Call `find_term`, `bookbuild.crosslinks.find_term(x)` and `mine`, not `x`.\n"
        "See [the paper](book/bibliography.md#jacob2018),\n"
        "[the term](book/glossary.md#term-arena) and\n"
        "[the name](book/api/c.md#tinyml_course.bookbuild.crosslinks.find_term).\n\n"
        "```python\ndef mine(): ...\nfind_object = 3\n```\n\nHere `find_object` is my own.\n"
    ),
    "book/glossary.md": "# Glossary\n\n```{glossary}\narena\n  A block.\n```\n",
    "book/bibliography.md": "# Sources\n\n```{bibliography}\n:all:\n```\n",
    "book/api/c.md": (
        "# C\n\n```{eval-rst}\n.. automodule:: tinyml_course.bookbuild.crosslinks\n"
        "   :members:\n```\n"
    ),
}
SETTINGS = """
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxcontrib.bibtex",
              "tinyml_course.bookbuild.crosslinks"]
bibtex_bibfiles = ["book/references.bib"]
bibtex_cite_id = "{key}"
html_theme = "basic"
"""
PAPER = (
    "@misc{jacob2018, author = {Jacob, B.}, title = {Integers}, year = {2018},\n"
    "note = {arXiv:1712.05877}}\n"
)
OTHER = "@misc{adams1999, author = {Adams, A.}, title = {Other}, year = {1999}}\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the built pages."""
    pytest.importorskip("sphinx", reason="jupyter-book is not installed")
    pytest.importorskip("sphinxcontrib.bibtex", reason="sphinxcontrib-bibtex is not installed")
    folder = tmp_path_factory.mktemp("book")
    for name, text in PAGES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "book/references.bib").write_text(PAPER)
    (folder / "conf.py").write_text(SETTINGS)
    return build(folder)


def build(folder):
    """Build the pages of `folder`, those that need it, and return where they lie."""
    out = folder / "_site"
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-d", str(folder / "_tree")]
    done = subprocess.run([*command, str(folder), str(out)], capture_output=True, text=True)
    assert (0, "") == (done.returncode, done.stderr)
    return out


def hrefs(site, page, text):
    """Return the addresses of the links on `page` that show `text`."""
    html = (site / page).read_text(encoding="utf-8").partition('<div class="body"')[2]
    found = re.findall(r'<a [^>]*href="([^"]*)"[^>]*>(.*?)</a>', html, re.DOTALL)
    return [address for address, shown in found if re.sub(r"<[^>]+>", "", shown) == text]


def test_inline_code_leads_to_the_reference(site):
    """A public name links, with its module or without, with arguments or without."""
    name = "book/api/c.html#tinyml_course.bookbuild.crosslinks.find_term"
    assert [name] == hrefs(site, "guide.html", "find_term")
    assert [name] == hrefs(site, "guide.html", "bookbuild.crosslinks.find_term(x)")


def test_an_arxiv_number_leads_to_the_bibliography(site):
    """A paper that a docstring names by its number is linked; one that is not listed is not."""
    assert ["book/bibliography.html#jacob2018"] == hrefs(site, "guide.html", "arXiv:1712.05877")
    assert [] == hrefs(site, "guide.html", "arXiv:1234.56789")


def test_what_the_page_defines_is_its_own(site):
    """A name that the page's code defines stays code, as does one that the package lacks."""
    assert [[], [], []] == [hrefs(site, "guide.html", n) for n in ("mine", "find_object", "x")]


def test_the_first_bold_use_of_a_term_leads_to_the_glossary(site):
    """The term links once; other emphasis, and the glossary's own page, stay as they are."""
    assert ["book/glossary.html#term-arena"] == hrefs(site, "guide.html", "arena")
    assert [] == hrefs(site, "guide.html", "Arena")
    assert [] == hrefs(site, "guide.html", "at most")


@pytest.mark.parametrize(
    ("text", "page"),
    [("the paper", "bibliography"), ("the term", "glossary"), ("the name", "api/c")],
)
def test_a_plain_markdown_link_reaches_papers_terms_and_names(site, text, page):
    """The anchor of such a link exists on the page that it leads to."""
    ((target, _, anchor),) = [href.partition("#") for href in hrefs(site, "guide.html", text)]
    assert f"book/{page}.html" == target
    assert f'id="{anchor}"' in (site / target).read_text(encoding="utf-8")


def test_a_docstrings_single_backticks_become_code(site):
    """Parameter names of docstrings are shown as code, not as a cited title."""
    page = (site / "book/api/c.html").read_text(encoding="utf-8")
    assert "<cite>" not in page
    assert ">terms</span></code>" in page


def test_a_new_term_is_linked_on_pages_that_did_not_change(site):
    """A later build writes such pages again; a paper keeps its anchor when others come."""
    glossary = site.parent / "book/glossary.md"
    glossary.write_text(PAGES["book/glossary.md"].replace("arena\n", "arena\nat most\n"))
    papers = site.parent / "book/references.bib"
    papers.write_text(
        PAPER
        + PAPER.replace("jacob2018", "adams1999").replace("Jacob", "Adams").replace("arXiv", "")
    )
    build(site.parent)
    assert ["book/glossary.html#term-at-most"] == hrefs(site, "guide.html", "at most")
    assert ["book/bibliography.html#jacob2018"] == hrefs(site, "guide.html", "the paper")


def test_a_name_that_means_several_objects_is_left_alone():
    """Two functions of one name link only where the text says which."""
    names = ["p.a.run", "p.b.run"]
    assert (None, "p.b.run") == (find_object("run", names), find_object("b.run", names))
    assert find_object("p.c.run", names) is None


def test_a_term_matches_in_any_case_and_in_the_plural_only():
    """Other endings are other words."""
    assert ("MAC", "arena", None, None) == tuple(
        find_term(text, ["MAC", "arena"]) for text in ("macs", "Arena", "arenal", "s")
    )


def test_comparisons_are_no_definitions():
    """``x == 1`` does not make `x` the page's own name."""
    assert frozenset({"y"}) == defined_names("x == 1\ny = x")
