"""The printed book: one page of all pages, and the PDF that a browser makes of it."""

import pytest

from tests.bookbuild.small_course import write_course
from tinyml_course.bookbuild.build import build_pdf
from tinyml_course.bookbuild.pdf import PrintFault, assemble_page, find_browser, list_parts

SINGLE = """<html><head><title>small</title>
<link rel="stylesheet" href="_static/a.css"><link rel="icon" href="x.svg"></head>
<body><nav>side bar</nav><article class="bd-article"><section id="front"><h1>Front</h1></section>
<span id="document-chapters/one"></span>
<section id="one"><h2>One <em>bit</em><a class="headerlink" href="#one">#</a></h2>
<script type="text/plain" class="tx-states">eJw=</script><details><summary>more</summary></details>
</section>
<span id="document-chapters/two"></span><section id="two"><h2>Two<a class="headerlink"></a></h2>
</section></article></body></html>"""


def test_the_printed_page_opens_with_its_contents():
    """After the front page stand the parts and a link to each of their pages, in order."""
    page = assemble_page(SINGLE, [("Start", ["chapters/one"]), ("More & more", ["chapters/two"])])
    front, contents = page.index("<h1>Front</h1>"), page.index("Contents")
    one = page.index('<a href="#document-chapters/one">One <em>bit</em></a>')
    two = page.index('<a href="#document-chapters/two">Two</a>')
    assert front < contents < one < page.index("More &amp; more") < two
    assert two < page.index('<span id="document-chapters/one">')


def test_the_printed_page_holds_no_script_and_no_side_bar_and_shows_what_was_folded():
    """States of experiments and the theme's bars are left out; folded texts are open."""
    page = assemble_page(SINGLE, [])
    assert "<script" not in page
    assert "side bar" not in page
    assert "<details open>" in page
    assert 'href="_static/a.css"' in page


def test_a_page_that_is_missing_is_named():
    """A page of the table of contents that the single page lacks stops the printing."""
    with pytest.raises(PrintFault, match="page chapters/three is missing"):
        assemble_page(SINGLE, [("", ["chapters/three"])])


def test_parts_follow_the_table_of_contents(tmp_path):
    """Each part has its caption and its pages, patterns resolved."""
    pytest.importorskip("sphinx_external_toc", reason="jupyter-book is not installed")
    write_course(tmp_path)
    assert [("", ["chapters/one", "chapters/two", "exercises/task"])] == list_parts(tmp_path)


def test_without_a_browser_the_remedy_is_named(monkeypatch):
    """The message says what to install and which variable names another command."""
    monkeypatch.setenv("TINYML_COURSE_BROWSER", "no-such-browser")
    with pytest.raises(PrintFault, match=r"no-such-browser.*install Chromium.*TINYML_COURSE_BRO"):
        find_browser()


@pytest.mark.slow
def test_the_pdf_holds_every_page_with_an_outline(tmp_path):
    """Front page, contents, two notebooks with outputs and an exercise: five pages, all titled."""
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")
    pytest.importorskip("jupyter_book", reason="jupyter-book is not installed")
    pytest.importorskip("latex2mathml", reason="latex2mathml is not installed")
    try:
        find_browser()
    except PrintFault as fault:
        pytest.skip(str(fault))
    package = write_course(tmp_path)
    pdf = pypdf.PdfReader(build_pdf(tmp_path, package=package))
    texts = [page.extract_text() for page in pdf.pages]
    assert 5 == len(texts)
    for number, words in enumerate(["Start.", "Contents", "one is 1", "two is 2", "NotImpl"]):
        assert words in texts[number]
    titles = [entry.title for entry in _flatten(pdf.outline)]
    assert ["Front", "Contents", "one", "two", "task"] == titles
    links = [note.get_object()["/Subtype"] for note in pdf.pages[1]["/Annots"]]
    assert ["/Link"] * 3 == links


def _flatten(outline):
    for entry in outline:
        yield from _flatten(entry) if isinstance(entry, list) else [entry]
