"""Sphinx extension: names of the package, terms of the glossary and papers become links.

The notebooks are written for JupyterLab, where a Sphinx role would stand as raw text. They write
a name as inline code, a new term in bold or italics, a source as an ordinary Markdown link; the
book makes a link of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:\(.*\))?")
DEFINED = re.compile(r"^(?:def|class) (\w+)|^(\w+(?:, *\w+)*) *=(?!=)", re.MULTILINE)
IMPORTED = re.compile(r"^from (tinyml_course\S*) import (\([^)]*\)|.*)", re.MULTILINE)
PAPER = re.compile(r"arXiv:(\d{4}\.\d{4,5})")
GLOSSARY = "book/glossary"
TOP_LEVEL = ("function", "class", "exception", "data")


def find_object(text: str, names: Iterable[str]) -> str | None:
    """Return the one of `names` that the inline code `text` means, or None.

    Parameters
    ----------
    text : str
        For instance ``plan_arena``, ``cost.estimate_cost`` or ``slim(model)``.
    names : iterable of str
        Full dotted names, such as ``tinyml_course.cost.estimate.estimate_cost``.

    Returns
    -------
    str or None
        None where `text` is no name, no public one, or means several.

    Examples
    --------
    >>> names = ["tinyml_course.cost.estimate.estimate_cost", "tinyml_course.device.slim.slim"]
    >>> find_object("tinyml_course.cost.estimate_cost", names)
    'tinyml_course.cost.estimate.estimate_cost'
    >>> find_object("slim(model)", names)
    'tinyml_course.device.slim.slim'
    >>> find_object("estimate", names) is None
    True
    """
    if not NAME.fullmatch(text):
        return None
    parts = text.partition("(")[0].split(".")
    found = [name for name in names if _is_short_for(parts, name.split("."))]
    return found[0] if len(found) == 1 else None


def _is_short_for(parts: list[str], full: list[str]) -> bool:
    """Whether `parts` ends like `full` and leaves out only names between."""
    if parts[-1] != full[-1]:
        return False
    rest = iter(full)
    return all(part in rest for part in parts)


def find_term(text: str, terms: Iterable[str]) -> str | None:
    """Return the one of the glossary's `terms` that `text` spells, in any case, or its plural.

    Examples
    --------
    >>> find_term("Lottery tickets", ["lottery ticket"]), find_term("at most", ["arena"])
    ('lottery ticket', None)
    """
    plain = " ".join(text.split()).casefold()
    spelled = {term.casefold(): term for term in terms}
    singular = plain.removesuffix("s")
    return spelled.get(plain) or (spelled.get(singular) if plain != singular else None)


def defined_names(source: str) -> frozenset[str]:
    r"""Return the names that a page's own code defines; those do not mean the package's.

    Examples
    --------
    >>> sorted(defined_names("class Net: ...\nfit, cut = slim(model)"))
    ['Net', 'cut', 'fit']
    """
    found = [first or second for first, second in DEFINED.findall(source)]
    return frozenset(name.strip() for names in found for name in names.split(","))


def imported_names(source: str) -> dict[str, str]:
    """Return what a page's code imports from the package: short name to dotted name.

    Examples
    --------
    >>> imported_names("from tinyml_course.device import Device, emulate")
    {'Device': 'tinyml_course.device.Device', 'emulate': 'tinyml_course.device.emulate'}
    """
    return {
        name: f"{module}.{name}"
        for module, names in IMPORTED.findall(source)
        for name in re.findall(r"\w+", names.partition("#")[0])
    }


def name_anchors(app: Any, env: Any) -> list[str]:
    """Let Markdown links reach objects, terms and papers: ``page.md#anchor``.

    The parser knows the anchors of headings only; this adds those of every domain.

    Returns
    -------
    list of str
        The pages to write again: all of them if there are other anchors than at the last build.
    """
    del app
    anchors = {(page, anchor): (anchor, title) for title, page, anchor in _domain_anchors(env)}
    for paper in getattr(env.domains.get("cite"), "citations", ()):
        anchors[paper.bibliography_key.docname, paper.key] = (paper.citation_id, paper.key)
    for (page, slug), (anchor, title) in anchors.items():
        if page in env.all_docs:
            slugs = env.metadata[page].setdefault("myst_slugs", {})
            slugs.setdefault(slug, (0, anchor, title))
    before = getattr(env, "crosslinks_anchors", None)
    env.crosslinks_anchors = anchors
    return [] if before == anchors else sorted(env.all_docs)


def _domain_anchors(env: Any) -> Iterable[tuple[str, str, str]]:
    """Yield (title, page, anchor) of what the domains know."""
    for domain in env.domains.values():
        for _, title, _, page, anchor, _ in domain.get_objects():
            yield title, page, anchor


def link_page(app: Any, tree: Any, page: str) -> None:
    """Make links of the names and of the terms' first uses on one page."""
    if app.builder.format != "html":
        return
    _link_names(app, tree, page)
    _link_papers(app, tree, page)
    if page != GLOSSARY and not page.startswith("book/api/"):
        _link_terms(app, tree, page)


def _link_names(app: Any, tree: Any, page: str) -> None:
    """Link inline code; a docstring's single backticks become code first."""
    from docutils import nodes

    objects = {
        name: (target, anchor, kind)
        for name, _, kind, target, anchor, _ in app.env.domains["py"].get_objects()
        if kind != "module"
    }
    top = [name for name, (_, _, kind) in objects.items() if kind in TOP_LEVEL]
    source = "\n".join(block.astext() for block in tree.findall(nodes.literal_block))
    own, imported = defined_names(source), imported_names(source)
    for quoted in list(tree.findall(nodes.title_reference)):
        quoted.replace_self(nodes.literal("", quoted.astext()))
    for code in list(tree.findall(nodes.literal)):
        text = code.astext()
        name = text.partition("(")[0]
        text = text.replace(name, imported.get(name, name), 1)
        found = find_object(text, objects if "." in name else top)
        if not found or name in own or _is_linked(code):
            continue
        target, anchor, _ = objects[found]
        _wrap(code, _address(app, page, target, anchor), found)


def _link_terms(app: Any, tree: Any, page: str) -> None:
    """Link the first bold or italic use of each term; bold before italic, as it introduces."""
    from docutils import nodes

    terms = {
        title: anchor
        for _, title, kind, target, anchor, _ in app.env.domains["std"].get_objects()
        if kind == "term" and target == GLOSSARY
    }
    seen: set[str] = set()
    for kind in (nodes.strong, nodes.emphasis):
        for word in list(tree.findall(kind)):
            term = find_term(word.astext(), terms)
            if term and term not in seen and not _is_linked(word):
                seen.add(term)
                _wrap(word, _address(app, page, GLOSSARY, terms[term]), f"Glossary: {term}")


def _link_papers(app: Any, tree: Any, page: str) -> None:
    """Link arXiv numbers, as docstrings cite papers, to the bibliography."""
    from docutils import nodes

    cite = app.env.domains.get("cite")
    if cite is None:
        return
    papers = {paper.key: paper for paper in cite.citations}
    notes = {key: entry.fields.get("note", "") for key, entry in cite.bibdata.data.entries.items()}
    known = {found[1]: papers[key] for key, note in notes.items()
             if key in papers and (found := PAPER.search(note))}  # fmt: skip
    for text in list(tree.findall(nodes.Text)):
        found = PAPER.search(text.astext())
        paper = known.get(found[1]) if found else None
        target = paper.bibliography_key.docname if paper else page
        if found is None or paper is None or target == page or _is_linked(text):
            continue
        before, after = text.astext()[: found.start()], text.astext()[found.end() :]
        number = nodes.Text(found[0])
        text.parent.replace(text, [nodes.Text(before), number, nodes.Text(after)])
        _wrap(number, _address(app, page, target, paper.citation_id), paper.key)


def _address(app: Any, page: str, target: str, anchor: str) -> str:
    own = "" if page == target else app.builder.get_relative_uri(page, target)
    return f"{own}#{anchor}"


def _is_linked(node: Any) -> bool:
    """Whether `node` stands in a link, a heading or a signature, which stay as they are."""
    from docutils import nodes
    from sphinx.addnodes import desc_signature

    while node is not None:
        if isinstance(node, nodes.reference | nodes.title | desc_signature):
            return True
        node = node.parent
    return False


def _wrap(node: Any, address: str, title: str) -> None:
    from docutils import nodes

    link = nodes.reference("", "", internal=True, refuri=address, reftitle=title)
    node.parent.replace(node, link)
    link += node


def setup(app: Any) -> dict[str, bool]:
    """Register after reading, when all anchors are known."""
    app.connect("env-updated", name_anchors, priority=900)  # after the bibliography's
    app.connect("doctree-resolved", link_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
