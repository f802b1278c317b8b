"""Sphinx extension: mends what keeps the theme's pages from screen readers.

The theme's side bar folds its parts with a button that has no name, docutils gives a bibliography
the role of a list whose children no list may have, and pages have no default among light and dark.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any


def name_folds(tree: Any) -> Any:
    """Return a side bar's `tree` in which each fold names the part that it opens.

    Parameters
    ----------
    tree : bs4.BeautifulSoup or str
        What the theme made: `<li>`, in each a link followed by `<details>`; changed in place.
    """
    for fold in getattr(tree, "select", lambda _: ())("li > details > summary"):
        link = fold.parent.find_previous_sibling("a")
        if link is not None and not fold.get_text(strip=True):
            fold["aria-label"] = f"Pages below {link.get_text(strip=True)}"
    return tree


def plain_citations(body: str) -> str:
    """Return a page's `body` with citations as paragraphs, which screen readers read in full.

    Examples
    --------
    >>> plain_citations('<div role="list" class="citation-list">')
    '<div class="citation-list">'
    """
    body = body.replace('<div role="list" class="citation-list">', '<div class="citation-list">')
    return body.replace(' role="doc-biblioentry"', "")


def _name_what_it_makes(make: Callable[..., Any], *args: Any, **options: Any) -> Any:
    return name_folds(make(*args, **options))


def mend_page(app: Any, pagename: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Mend one page before it is written; `context` holds its body and the side bar's maker."""
    del app, pagename, template, tree
    context["default_mode"] = context.get("default_mode") or "auto"
    if "body" in context:
        context["body"] = plain_citations(context["body"])
    if "generate_toctree_html" in context:
        context["generate_toctree_html"] = partial(
            _name_what_it_makes, context["generate_toctree_html"]
        )


def setup(app: Any) -> dict[str, bool]:
    """Register with the writing of pages, after the theme's own hooks."""
    app.connect("html-page-context", mend_page, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
