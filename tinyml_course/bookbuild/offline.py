"""Sphinx extension: leave out Thebe, which fetches its script, until a publisher turns it on."""

from __future__ import annotations

from typing import Any


def is_thebe(script: Any) -> bool:
    """Whether `script`, one of a page's, belongs to Thebe."""
    filename = str(getattr(script, "filename", script) or "")
    body = str(getattr(script, "attributes", {}).get("body", ""))
    return "sphinx-thebe" in filename or "THEBE_JS_URL" in body or body.startswith("kernelName")


def drop_thebe(app: Any, pagename: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Take Thebe's scripts off a page, unless the launch buttons ask for them."""
    del pagename, template, tree
    if app.config.html_theme_options.get("launch_buttons", {}).get("thebe"):
        return
    scripts = context.get("script_files", [])
    scripts[:] = [script for script in scripts if not is_thebe(script)]


def setup(app: Any) -> dict[str, bool]:
    """Register with the writing of pages, after Thebe's own hook."""
    app.connect("html-page-context", drop_thebe, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
