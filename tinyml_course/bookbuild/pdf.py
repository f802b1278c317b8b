"""The whole book as one PDF: all pages on one, printed by a browser without a window."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

from tinyml_course.core.errors import CourseError

BROWSER_VARIABLE = "TINYML_COURSE_BROWSER"
BROWSERS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "microsoft-edge", "msedge",
)  # fmt: skip
PRINT_SECONDS = 600

ARTICLE = re.compile(r"<article class=\"bd-article\">(.*?)</article>", re.DOTALL)
SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL)
STYLE_SHEET = re.compile(r"<link\b[^>]*rel=\"stylesheet\"[^>]*>")
PAGE = re.compile(
    r"<span id=\"document-([^\"]+)\"></span>\s*<section[^>]*>\s*<h\d[^>]*>(.*?)<a class=\"header",
    re.DOTALL,
)


class PrintFault(CourseError):
    """The book was not printed; the message says why and what helps."""


def find_browser() -> str:
    """Return the command of a browser of Chromium's family.

    Raises
    ------
    PrintFault
        If there is none.
    """
    named = os.environ.get(BROWSER_VARIABLE)
    for name in (named,) if named else BROWSERS:
        if found := shutil.which(name):
            return found
    raise PrintFault(
        f"no browser for printing found (looked for {named or ', '.join(BROWSERS)}); install "
        f"Chromium, Chrome or Edge, or name its command in {BROWSER_VARIABLE}"
    )


def assemble_page(single: str, parts: list[tuple[str, list[str]]]) -> str:
    """Return the page that is printed: a table of contents, then every page of the book.

    Parameters
    ----------
    single : str
        The book on one page, as Sphinx's `singlehtml` writes it.
    parts : list of (str, list of str)
        Captions and the pages below each.

    Raises
    ------
    PrintFault
        If `single` holds no article, or lacks a page of `parts`.
    """
    found = ARTICLE.search(single)
    if not found:
        raise PrintFault("the book's single page has no article; was it built by jupyter-book 1?")
    body = SCRIPT.sub("", found[1]).replace("<details", "<details open")
    titles = {page[1]: page[2] for page in PAGE.finditer(body)}
    start = PAGE.search(body)
    place = start.start() if start else len(body)
    contents = _write_contents(parts, titles)
    style = (resources.files("tinyml_course.bookbuild") / "assets/print.css").read_text("utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en" data-theme="light"><head><meta charset="utf-8">'
        f"<title>{_find_title(single)}</title>{''.join(STYLE_SHEET.findall(single))}"
        f'<style>{style}</style></head><body class="print"><article class="bd-article">'
        f"{body[:place]}{contents}{body[place:]}</article></body></html>"
    )


def _find_title(single: str) -> str:
    found = re.search(r"<title>(.*?)</title>", single, re.DOTALL)
    return found[1].strip() if found else ""


def _write_contents(parts: list[tuple[str, list[str]]], titles: dict[str, str]) -> str:
    lines = []
    for caption, pages in parts:
        lines.append(f'<li class="part">{html.escape(caption)}</li>')
        for page in pages:
            if page not in titles:
                raise PrintFault(f"page {page} is missing from the printed book")
            lines.append(f'<li><a href="#document-{page}">{titles[page]}</a></li>')
    return f'<nav class="book-contents"><h2>Contents</h2><ol>{"".join(lines)}</ol></nav>'


def print_page(page: Path, pdf: Path) -> None:
    """Print the file `page` to `pdf`, with the headings as the PDF's outline.

    Raises
    ------
    PrintFault
        If no browser is found, or it writes nothing within ten minutes.
    """
    browser = find_browser()
    sandbox = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser, "--headless", *sandbox, "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-dev-shm-usage",
            f"--user-data-dir={profile}", "--no-pdf-header-footer",
            "--generate-pdf-document-outline", f"--print-to-pdf={pdf}", page.resolve().as_uri(),
        ]  # fmt: skip
        pdf.unlink(missing_ok=True)
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PRINT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise PrintFault(f"{browser} printed nothing in {PRINT_SECONDS} s") from None
    if not pdf.is_file() or pdf.stat().st_size == 0:
        raise PrintFault(f"{browser} printed nothing: {done.stderr.strip()[-500:]}")


def list_parts(folder: Path) -> list[tuple[str, list[str]]]:
    """Return captions and pages of the table of contents of `folder`; '' where one has no caption.

    Sub-pages are left out: they follow their page.
    """
    from tinyml_course.bookbuild.contents import pages_of_tree, read_contents

    site: Any = read_contents(folder)
    return [(tree.caption or "", pages_of_tree(folder, tree)) for tree in site.root.subtrees]
