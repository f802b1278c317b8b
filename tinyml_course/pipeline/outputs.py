"""Pages from templates."""

from __future__ import annotations

from typing import Any


def render_page(template: str, **values: Any) -> str:
    """Return the HTML page that `template` makes of `values`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("tinyml_course.pipeline", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template(template).render(**values)
