"""A headless browser for the tests: found, not assumed; it reaches this machine only."""

from __future__ import annotations

import http.server
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

BROWSER_VARIABLE = "TINYML_COURSE_BROWSER"
"""Names the browser's program where it is none of `NAMES`."""

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""What Chromium is called on various systems."""

NO_BROWSER = (
    "no Chromium found: install one (Debian, Ubuntu: sudo apt install chromium), or run "
    f"`playwright install chromium`, or name a program in {BROWSER_VARIABLE}"
)
"""Why the browser tests are skipped."""

ELSEWHERE = re.compile(
    r"^(?!(https?|wss?)://(127\.0\.0\.1|localhost|\[::1\])([:/]|$)|(data|blob|about|file):)", re.I
)
"""Addresses that are not on this machine."""


def find_browser() -> str | None:
    """Return the path of a Chromium: named, on the search path, Playwright's own, or None."""
    named = os.environ.get(BROWSER_VARIABLE)
    if named:
        return shutil.which(named)
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or _find_playwrights_own()


def _find_playwrights_own() -> str | None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as driver:
        path = driver.chromium.executable_path
    return path if Path(path).exists() else None


@contextmanager
def launch_browser() -> Iterator[Any]:
    """Start a headless Chromium and stop it at the end; skip the test where there is none.

    One at a time in a process: tests take the session's fixture `browser`.
    """
    driver_library = pytest.importorskip(
        "playwright.sync_api", reason="no browser driver: pip install playwright"
    )
    path = find_browser()
    if path is None:
        pytest.skip(NO_BROWSER)
    arguments = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")
    with driver_library.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watch:
    """What went wrong in a context, and which addresses its pages asked for in vain.

    Attributes
    ----------
    errors : list of str
        Uncaught exceptions and error messages of the console.
    blocked : list of str
        Addresses outside this machine.
    """

    errors: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)

    def refuse(self, route: Any) -> None:
        """Note an address and answer nothing."""
        self.blocked.append(route.request.url)
        route.abort()

    def listen(self, message: Any) -> None:
        """Note what the console reports as an error, with the file that it comes from."""
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")


@contextmanager
def watched_context(browser: Any, **options: Any) -> Iterator[tuple[Any, Watch]]:
    """Open a browser context in which only loopback answers, and the record of its faults.

    Parameters
    ----------
    browser : playwright.sync_api.Browser
        From `launch_browser`.
    **options
        For `Browser.new_context`: `viewport`, `color_scheme`, ...
    """
    watch = Watch()
    context = browser.new_context(**options)
    try:
        context.route(ELSEWHERE, watch.refuse)
        context.on("weberror", lambda fault: watch.errors.append(str(fault.error)))
        context.on("console", watch.listen)
        yield context, watch
    finally:
        context.close()


class _SilentHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def serve_folder(folder: Path) -> Iterator[str]:
    """Serve `folder` on a free port of loopback; yield the address, without a slash at its end."""
    handler = partial(_SilentHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
