"""Links of pages, text cells and docstrings: inner ones lead somewhere, outer ones are well formed.

No test fetches an outer address. tests/book_text/test_site.py follows the links of the built book.
"""

import ast
import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.book_text.prose import COURSE, docstrings, links, markdown
from tinyml_course.bookbuild.crosslinks import find_object

HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
REGISTRIES = ("pypi.", "pythonhosted.", "npmjs.", "conda.", "anaconda.", "/simple/")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
ADDRESS = re.compile(r"https?://[^\s)>\]\"'`]+")
IMAGE = re.compile(r"(?:^`{3}\{(?:image|figure)\} +|<img [^>]*src=\")([^\s\"]+)", re.MULTILINE)
PATH = re.compile(r"`(?:python )?((?:benchmarks|data)/\w+\.(?:py|csv|json))[^`]*`")
NAME = re.compile(r"`+([a-z_]\w*(?:\.\w+)+)`+")


@lru_cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors that the book gives to `page`: headings, papers, terms, objects."""
    found = {slug(head) for path, _, text in markdown() if path == page
             for head in HEADING.findall(text)}  # fmt: skip
    text = page.read_text(encoding="utf-8")
    if page.name == "bibliography.md":
        bib = (page.parent / "references.bib").read_text(encoding="utf-8")
        found |= set(re.findall(r"^@\w+\{(\w+),", bib, re.MULTILINE))
    if page.name == "glossary.md":
        found |= {"term-" + term.replace(" ", "-") for term in re.findall(r"^\S.*$", text, re.M)}
    modules = re.findall(r"automodule:: (\S+)", text)
    return frozenset(found | {name for name in objects() if name.rpartition(".")[0] in modules})


def slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub and the book make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@lru_cache
def objects() -> frozenset[str]:
    """Return the dotted names of the package's modules, classes, functions and methods."""
    found = set()
    for path in (COURSE / "tinyml_course").rglob("*.py"):
        parts = path.relative_to(COURSE).with_suffix("").parts
        module = ".".join(part for part in parts if part != "__init__")
        found.add(module)
        body = ast.parse(path.read_text(encoding="utf-8")).body
        found |= {f"{module}.{name}" for node in body for name in _names(node)}
    return frozenset(found)


def _names(node: ast.stmt) -> list[str]:
    """Return what a statement of a module or of a class defines."""
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign):
        return [node.target.id] if isinstance(node.target, ast.Name) else []
    if isinstance(node, ast.ImportFrom | ast.Import):
        return [alias.asname or alias.name for alias in node.names]
    if not isinstance(node, ast.ClassDef | ast.FunctionDef):
        return []
    inner = node.body if isinstance(node, ast.ClassDef) else []
    return [node.name, *(f"{node.name}.{name}" for part in inner for name in _names(part))]


def outer_fault(address: str) -> str:
    """Return what is wrong with an outer address, or an empty string."""
    parts = urlsplit(address)
    if parts.scheme != "https":
        return "is not https"
    if not HOST.fullmatch(parts.netloc):
        return "has no well-formed host"
    if any(name in address for name in REGISTRIES):
        return "is a package registry's"
    return ""


def inner_fault(page: Path, target: str) -> str:
    """Return what is wrong with a link from `page` to a file or an anchor, or an empty string."""
    name, _, anchor = unquote(target).partition("#")
    path = (page.parent / name).resolve() if name else page
    if COURSE not in path.parents or not path.exists():
        return "leads to no file"
    if anchor and path.suffix in (".md", ".ipynb") and anchor not in anchors(path):
        return "leads to no anchor"
    return ""


def fault(page: Path, target: str) -> str:
    """Return what is wrong with `target` as a link of `page`."""
    if re.match(r"[a-z]+:", target):
        return outer_fault(target)
    return inner_fault(page, target)


def targets() -> list[tuple[Path, str]]:
    """Return (page, target) of every link and image."""
    return [
        (path, target)
        for path, _, text in markdown()
        for target in [*(to for _, to in links(text)), *IMAGE.findall(text)]
    ]


def test_every_link_leads_somewhere():
    """Each link and image of a page or a text cell is a file, an anchor or a good address."""
    found = [(path.name, to, why) for path, to in targets() if (why := fault(path, to))]
    assert [] == found
    assert len(targets()) > 50


def test_addresses_in_docstrings_and_sources_are_well_formed():
    """Addresses in docstrings and in the bibliography use https and a host, and no registry's."""
    texts = [(path.name, text) for path, _, text in docstrings()]
    texts.append(("references.bib", (COURSE / "book/references.bib").read_text(encoding="utf-8")))
    found = [
        (name, to, why)
        for name, text in texts
        for to in ADDRESS.findall(text)
        if "127.0.0.1" not in to and (why := outer_fault(to.rstrip(".,;}")))
    ]
    assert [] == found


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("book/glossry.md", "leads to no file"),
        ("book/bibliography.md#jacob1818", "leads to no anchor"),
        ("book/glossary.md#term-netwrok", "leads to no anchor"),
        ("book/api/device.md#tinyml_course.device.arena.plan_arenas", "leads to no anchor"),
        ("../elsewhere.md", "leads to no file"),
        ("http://example.org/", "is not https"),
        ("https://localhost/", "has no well-formed host"),
        ("https://pypi.org/project/numpy", "is a package registry's"),
        ("book/glossary.md#term-zero-point", ""),
        ("book/bibliography.md#jacob2018", ""),
        ("book/api/device.md#tinyml_course.device.arena.plan_arena", ""),
        ("index.md#how-to-run-it", ""),
    ],
)
def test_a_link_is_judged(target, why):
    """A planted fault of each kind is named; a good link of each kind passes."""
    assert why == fault(COURSE / "index.md", target)


def test_scripts_and_tables_named_in_the_text_exist():
    """`benchmarks/x.py` and `data/x.csv` stand in the course, data beside the notebook."""
    missing = [
        (path.name, name)
        for path, _, text in markdown()
        for name in PATH.findall(text)
        if not any((folder / name).exists() for folder in (COURSE, path.parent))
        and not list(COURSE.glob(f"chapters/*/{name}"))
    ]
    assert [] == missing


def test_dotted_names_in_the_text_exist():
    """A name such as `data.load_gestures` in a page or a docstring is one of the package's."""
    parts = {path.name.removesuffix(".py") for path in (COURSE / "tinyml_course").iterdir()}
    texts = [(path, text) for path, _, text in (*markdown(), *docstrings())]
    found = [
        (path.name, name)
        for path, text in texts
        for name in NAME.findall(text)
        if name.split(".")[0] in parts | {"tinyml_course"} and not is_known(name)
    ]
    assert [] == found


def is_known(name: str) -> bool:
    """Whether `name` is an object of the package, or a file's name."""
    if name.endswith((".py", ".md", ".json", ".html", ".csv")):
        return True
    full = name if name.startswith("tinyml_course") else f"tinyml_course.{name}"
    return full in objects() or find_object(full, objects()) is not None


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("data.load_gestures", True),
        ("tinyml_course.device.arena.plan_arena", True),
        ("core.types.GestureSet", True),
        ("data.load_gesturez", False),
        ("tinyml_course.devices", False),
    ],
)
def test_a_stale_name_is_found(name, known):
    """A renamed function is noticed where a text still names it."""
    assert known == is_known(name)
