"""Which notebooks the book shows and runs: its table of contents and its settings."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any


def list_notebooks(folder: Path, settings: dict[str, Any]) -> tuple[str, ...]:
    """Return the notebooks that the book runs, in the order of its table of contents.

    Pages of Markdown whose head says that they are notebooks count, too.

    Parameters
    ----------
    folder : Path
        Holds `_toc.yml`.
    settings : dict
        What `_config.yml` says; notebooks that match one of its `execute.exclude_patterns` are
        shown, not run.
    """
    skipped = settings.get("execute", {}).get("exclude_patterns", [])
    pages = dict.fromkeys(list_pages(folder))
    names = [f"{page}{suffix}" for page in pages for suffix in (".ipynb", ".md")]
    return tuple(
        name
        for name in names
        if is_notebook(folder / name)
        and not any(PurePosixPath((folder / name).as_posix()).match(mark) for mark in skipped)
    )


def is_notebook(path: Path) -> bool:
    """Return whether `path` is a notebook, or a page of Markdown whose head says that it is one."""
    from myst_nb.core.read import is_myst_markdown_notebook

    if not path.is_file():
        return False
    return path.suffix == ".ipynb" or is_myst_markdown_notebook(path.read_text(encoding="utf-8"))


def read_notebook(path: Path) -> Any:
    """Return the notebook at `path` as the page's builder reads it, so that both find it again."""
    import nbformat
    from myst_nb.core.read import myst_nb_reader_plugin

    if path.suffix == ".md":
        return myst_nb_reader_plugin(str(path))
    return nbformat.read(path, as_version=4)


def list_pages(folder: Path) -> list[str]:
    """Return the pages that `_toc.yml` names, patterns resolved, without their suffixes."""
    site = read_contents(folder)
    trees = (tree for document in site.values() for tree in document.subtrees)
    found = [page for tree in trees for page in pages_of_tree(folder, tree)]
    return [str(site.root.docname), *found]


def read_contents(folder: Path) -> Any:
    """Return the table of contents of `folder`, a `sphinx_external_toc` site map."""
    from sphinx_external_toc.parsing import parse_toc_yaml

    return parse_toc_yaml(folder / "_toc.yml")


def pages_of_tree(folder: Path, tree: Any) -> list[str]:
    """Return the pages that one `tree` of the table of contents lists, patterns resolved."""
    from sphinx_external_toc.api import FileItem, GlobItem

    pages: list[str] = []
    for item in tree.items:
        if isinstance(item, GlobItem):
            found = sorted(path for path in folder.glob(str(item)) if path.is_file())
            pages += [path.relative_to(folder).with_suffix("").as_posix() for path in found]
        elif isinstance(item, FileItem):
            pages.append(str(item))
    return pages


def read_settings(folder: Path, config: Path | None = None) -> dict[str, Any]:
    """Return the book's settings: `config`, else `_config.yml` of `folder`."""
    import yaml

    text = (config or folder / "_config.yml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text) or {})
