"""Output folders that are whole or untouched, and pages from templates."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_atomically(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` (name -> content) into `folder`; a reader never sees a half-written one.

    All are written beside the folder first and moved in at the end, so that an interruption
    before that leaves the folder as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, content in files.items():
            (staging / name).write_bytes(content)
        folder.mkdir(exist_ok=True)
        for name in files:
            os.replace(staging / name, folder / name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def render_page(template: str, **values: Any) -> str:
    """Return the HTML page that `template` makes of `values`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("tinyml_course.pipeline", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template(template).render(**values)
