"""Every page of the built site, in light and dark, wide and narrow: what a browser finds wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.book.conftest import NARROW, WIDE
from tests.book.page_faults import (
    find_axe_faults,
    find_nameless_figures,
    find_wide_parts,
    is_vague,
    load_axe,
    turn_theme,
)
from tests.browser import watched_context

pytestmark = pytest.mark.slow

OPEN_ALL = "() => document.querySelectorAll('.tx-skip').forEach((button) => button.click())"


@pytest.fixture(scope="module")
def visits(browser: Any, address: str, page_names: list[str]) -> dict[str, dict[str, list[str]]]:
    """Visit each page once; return what is wrong with it by kind of fault."""
    with watched_context(browser, viewport=WIDE, reduced_motion="reduce") as (context, watch):
        page = context.new_page()
        return {name: visit(page, watch, f"{address}/{name}") for name in page_names}


def visit(page: Any, watch: Any, url: str) -> dict[str, list[str]]:
    """Return the faults of the page at `url`, by kind."""
    watch.errors.clear()
    watch.blocked.clear()
    page.set_viewport_size(NARROW)  # before it loads: the theme's drawers glide when resized
    page.goto(url, wait_until="load")
    faults = {"nameless": find_nameless_figures(page), "narrow": find_wide_parts(page)}
    page.set_viewport_size(WIDE)
    page.evaluate(OPEN_ALL)
    faults |= {"console": list(watch.errors), "elsewhere": list(watch.blocked)}
    load_axe(page)
    for theme in ("light", "dark"):
        turn_theme(page, theme)
        faults[theme] = find_axe_faults(page, colours_only=theme == "dark")
    return faults


def collect(visits: dict[str, dict[str, list[str]]], kind: str) -> list[str]:
    """Return a line for each fault of `kind`."""
    return [f"{name}: {fault}" for name, faults in visits.items() for fault in faults[kind]]


def test_the_site_has_the_pages_that_the_contents_name(page_names):
    """Front page, notebooks, exercises, reference and guides are there."""
    folders = {name.rsplit("/", 1)[0] for name in page_names}
    assert {"index.html", "search.html", "chapters/00_foundations", "exercises", "book"} <= folders
    assert "book/api" in folders


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_a_grave_violation(visits, theme):
    """axe-core finds nothing serious or critical on any page, in either theme."""
    assert [] == collect(visits, theme)


def test_every_figure_says_what_it_shows(visits):
    """Each picture has words of its own, not a file's name or 'image'."""
    assert [] == collect(visits, "nameless")


def test_no_page_is_wider_than_a_phone(visits):
    """At 390 pixels nothing reaches out of sight, unless it scrolls within its own box."""
    assert [] == collect(visits, "narrow")


def test_no_page_reports_an_error(visits):
    """The console stays free of errors."""
    assert [] == collect(visits, "console")


def test_no_page_asks_another_machine(visits):
    """Every page is complete without the network."""
    assert [] == collect(visits, "elsewhere")


BROKEN = """<!doctype html><html lang="en"><head><title>t</title></head><body><main><article>
<h1>t</h1><p style="color:#999;background:#fff">pale</p><input type="text">
<img src="{picture}" alt="image"><div style="width:900px">wide</div>
</article></main></body></html>"""


@pytest.fixture(scope="module")
def broken(browser) -> Iterator[Any]:
    """Show a page with one fault of each kind."""
    with watched_context(browser, viewport=NARROW) as (context, _):
        page = context.new_page()
        picture = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
        page.set_content(BROKEN.format(picture=picture))
        load_axe(page)
        yield page


def test_the_checks_find_planted_faults(broken):
    """Pale text, a field without label, a vague picture and a wide box are all found."""
    rules = {fault.split(" ")[0] for fault in find_axe_faults(broken)}
    assert {"color-contrast", "label"} <= rules
    assert len(find_nameless_figures(broken)) == 1
    assert find_wide_parts(broken)


def test_a_file_name_is_no_description():
    """The name of the picture's file, alone or with its folder, is refused."""
    assert is_vague("../_images/a b c.png", "../_images/a b c.png")
    assert is_vague("a plot image")
    assert not is_vague("Accuracy against bits, falling below four.")
