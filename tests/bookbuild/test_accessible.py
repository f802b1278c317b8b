"""Pages as screen readers need them: named folds, plain citations, a default theme."""

import pytest

from tinyml_course.bookbuild.accessible import mend_page, plain_citations

bs4 = pytest.importorskip("bs4", reason="the book's tools are missing: make setup-book")

FOLD = '<ul><li><a href="x">API</a><details><summary><i></i></summary></details></li></ul>'
NAMED = "<ul><li><details><summary><p>Chapter 0</p></summary></details></li></ul>"


def side_bar(markup, **context):
    """Return what a page's side bar looks like after the mending."""
    context["generate_toctree_html"] = lambda **_: bs4.BeautifulSoup(markup, "html.parser")
    mend_page(None, "index", "page.html", context, None)
    return context["generate_toctree_html"](kind="sidebar")


def test_a_fold_without_words_takes_the_name_of_its_part():
    """A screen reader says what the button opens."""
    assert side_bar(FOLD).summary["aria-label"] == "Pages below API"


def test_a_fold_with_words_keeps_them():
    """A visible name is the better one."""
    assert not side_bar(NAMED).summary.has_attr("aria-label")


def test_a_bar_that_is_plain_text_passes():
    """The theme gives an empty string where a page has no side bar."""
    context = {"generate_toctree_html": lambda **_: ""}
    mend_page(None, "index", "page.html", context, None)
    assert context["generate_toctree_html"]() == ""


def test_citations_lose_their_roles_and_keep_their_words():
    """Neither a list that holds links nor a deprecated role remains."""
    markup = (
        '<div role="list" class="citation-list">\n'
        '<div class="citation" id="a" role="doc-biblioentry"><p>Jacob</p></div></div>'
    )
    assert 'role="' not in plain_citations(markup)
    assert '<div class="citation" id="a"><p>Jacob</p></div>' in plain_citations(markup)


@pytest.mark.parametrize(("given", "used"), [("", "auto"), ("dark", "dark")])
def test_the_reader_s_system_decides_the_theme_unless_the_publisher_does(given, used):
    """An empty default becomes 'auto'; a chosen one stays."""
    context = {"default_mode": given}
    mend_page(None, "index", "page.html", context, None)
    assert context["default_mode"] == used
