"""The built site, served on this machine alone, and pages of it whose faults are recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.browser import serve_folder, watched_context

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots" / "book"
"""Pictures of this run, in a folder that git ignores."""

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """Where the built site answers."""
    with serve_folder(site) as where:
        yield where


@pytest.fixture(scope="session")
def page_names(site: Path) -> list[str]:
    """Every page of the site: paths below its root."""
    pages = (path.relative_to(site) for path in site.rglob("*.html"))
    return sorted(str(page) for page in pages if page.parts[0] not in ("_static", "reports"))


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Return the folder for pictures of this run."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS


@pytest.fixture
def open_site(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Return a function that opens a page of the site.

    At the end no page has reported an error or asked for anything from another machine.
    """
    with ExitStack() as stack:
        watches = []

        def open_it(name: str = "index.html", **options: Any) -> Any:
            settings = {"viewport": WIDE, "reduced_motion": "reduce", **options}
            context, watch = stack.enter_context(watched_context(browser, **settings))
            watches.append(watch)
            page = context.new_page()
            page.goto(f"{address}/{name}")
            return page

        yield open_it
        assert [(watch.errors, watch.blocked) for watch in watches] == [([], [])] * len(watches)
