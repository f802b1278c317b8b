"""What a notebook's results depend on beside its own cells: modules, their files, data, versions.

Read from the sources alone, without running anything, so that a build knows before it starts.
"""

from __future__ import annotations

import ast
import hashlib
import platform
import re
import sys
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

COMMAND = re.compile(r"[!\"']\s*tinyml\b(?!_)")
IMPORT = re.compile(r"^\s*(?:from|import)\s+([\w.]+)", re.MULTILINE)
MAGIC = re.compile(r"^\s*[%!].*$", re.MULTILINE)


def imports_of(tree: ast.AST, package: str) -> frozenset[str]:
    """Return the dotted names that `tree` imports anywhere, inside functions too.

    A name may be a module or a thing in one. Strings that begin with the package's name count
    as well: they name a module that is started or loaded later.
    """
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names |= {node.value} if node.value.startswith(f"{package}.") else set()
    return frozenset(names)


@dataclass(frozen=True)
class Package:
    """The course's package as it lies on the disk; each module is read at most once.

    Attributes
    ----------
    root : Path
        Its folder, whose name is the package's.
    """

    root: Path
    _modules: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict, compare=False)

    def find(self, name: str) -> Path | None:
        """Return the file of the module `name`, None where `name` is no module of the package."""
        place = self.root.parent.joinpath(*name.split("."))
        found = (place / "__init__.py", place.with_suffix(".py"))
        return next((file for file in found if file.is_file()), None)

    def read(self, name: str) -> tuple[str, frozenset[str]]:
        """Return digest and imports of the module `name`; comments and layout do not count."""
        if name not in self._modules:
            file = self.find(name)
            tree = ast.parse(file.read_bytes() if file else b"")
            digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
            self._modules[name] = digest, imports_of(tree, self.root.name)
        return self._modules[name]

    def close(self, names: frozenset[str]) -> tuple[dict[str, str], set[str]]:
        """Return the modules that `names` reach, with their digests, and other packages' names."""
        modules: dict[str, str] = {}
        others: set[str] = set()
        waiting = sorted(names)
        while waiting:
            name = waiting.pop()
            first, _, rest = name.partition(".")
            if first != self.root.name:
                others.add(first)
                continue
            if rest:
                waiting.append(name.rpartition(".")[0])
            if name not in modules and self.find(name):
                modules[name], imports = self.read(name)
                waiting += sorted(imports)
        return modules, others

    def files_beside(self, modules: dict[str, str]) -> list[Path]:
        """Return templates, tables and other files of the parts that `modules` belong to."""
        parts = {name.split(".")[1] for name in modules if name.count(".") > 1}
        folders = [self.root / part for part in sorted(parts)]
        found = (path for folder in folders for path in sorted(folder.rglob("*")))
        return [path for path in found if path.is_file() and path.suffix not in (".py", ".pyc")]

    @cached_property
    def versions(self) -> dict[str, str]:
        """Versions of the installed packages by the name that is imported."""
        owners = metadata.packages_distributions()
        return {
            name: ",".join(f"{owner} {metadata.version(owner)}" for owner in sorted(set(found)))
            for name, found in owners.items()
        }


def digest_notebook(notebook: Any, path: Path, package: Package) -> str:
    """Return a digest that changes whenever something that `notebook` uses has changed.

    Counted are the modules of `package` that it imports, directly or through others and inside
    functions too, the files that lie beside them, the chapter's folder `data` where the code
    names it, the versions of other packages, and Python's. Its own cells are not counted.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Its code cells are read, not run.
    path : Path
        Where it lies; a folder `data` beside it belongs to it.
    package : Package
        The course's package.
    """
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    modules, others = package.close(imports_of_cells(sources, package.root.name))
    files = package.files_beside(modules)
    data = path.parent / "data"
    if any(re.search(r"[\"']data\b", source) for source in sources) and data.is_dir():
        files += sorted(file for file in data.rglob("*") if file.is_file())
    outside = sorted(others - sys.stdlib_module_names)
    facts = [platform.python_version(), *(package.versions.get(name, name) for name in outside)]
    facts += [f"{name} {digest}" for name, digest in sorted(modules.items())]
    facts += [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def imports_of_cells(sources: list[str], package: str) -> frozenset[str]:
    """Return what code cells import; a cell that calls the command line reaches all that it does.

    Examples
    --------
    >>> sorted(imports_of_cells(["import json", "!tinyml emulate x"], "tinyml_course"))
    ['json', 'tinyml_course.cli']
    """
    names: set[str] = set()
    for source in sources:
        try:
            names |= imports_of(ast.parse(MAGIC.sub("pass", source)), package)
        except SyntaxError:  # a cell may show an error on purpose
            names |= set(IMPORT.findall(source))
        if COMMAND.search(source):
            names.add(f"{package}.cli")
    return frozenset(names)
