"""Links and anchors of a folder of web pages."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

OUTSIDE = ("https", "mailto", "data", "javascript", "blob", "about")


class Page(HTMLParser):
    """Collects what a page offers as anchors, and what it asks for."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: set[str] = set()
        self.targets: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note identifiers, and the addresses of links, pictures, scripts and styles."""
        for name, value in attrs:
            if not value:
                continue
            if name == "id" or (name == "name" and tag == "a"):
                self.anchors.add(value)
            elif name in ("href", "src", "poster") or (name == "data" and tag == "object"):
                self.targets.append(value)


def dead_links(site: Path) -> list[tuple[str, str]]:
    """Return (page, target) of each link, picture, script or style of `site` that is missing.

    Targets outside the site count as dead where they are no https address.
    """
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))
             if path.relative_to(site).parts[0] not in ("_static", "reports")}  # fmt: skip
    return [
        (str(path.relative_to(site)), target)
        for path, page in pages.items()
        for target in dict.fromkeys(page.targets)
        if not _is_alive(site, path, target, pages)
    ]


def _is_alive(site: Path, path: Path, target: str, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return parts.scheme in OUTSIDE
    file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if site.resolve() not in file.parents or not file.is_file():
        return False
    anchor = unquote(parts.fragment)
    return not anchor or file not in pages or anchor in pages[file].anchors
