"""Inside the learner's process: load the cells, call the function, hand over plain data.

Nothing here decides anything. By the time this runs the process is locked in, and what it says
is only ever read as data.
"""

from __future__ import annotations

import ast
import contextlib
import sys
from types import ModuleType
from typing import Any

from tinyml_course.grading.channel import Channel
from tinyml_course.grading.wire import NotPlain

TEXT_CHARACTERS = 300


class Absent:
    """Stands for a name that the notebook imports and that is not available here."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Refuse the call."""
        raise NameError(f"{self._name} is not available where exercises are judged")

    def __getattr__(self, name: str) -> Any:
        """Refuse the attribute."""
        raise NameError(f"{self._name}.{name} is not available where exercises are judged")


def serve(channel: Channel) -> None:
    """Load what the judge sends, then answer its calls until it hangs up.

    The first message is a dict with ``setup`` (sources), ``cells`` (pairs of id and source),
    ``function`` (a name) and ``withheld`` (modules). Each cell is announced before it runs, so
    that the judge knows which one it was if this process ends.
    """
    order = channel.receive()
    withhold(order["withheld"])
    namespace = _new_namespace()
    for source in order["setup"]:
        _set_up(source, namespace)
    faults = {}
    for cell_id, source in order["cells"]:
        channel.send(["cell", cell_id])
        faults[cell_id] = _run(source, cell_id, namespace)
    channel.send(["loaded", faults])
    while True:
        args = channel.receive()
        kind, value = _call(namespace.get(order["function"]), order["function"], args)
        try:
            channel.send([kind, value])
        except NotPlain as fault:
            channel.send(["raised", f"the result is no plain data: {fault}"])


def withhold(modules: list[str]) -> None:
    """Take modules of the course away, with every name that other modules took from them."""
    for name in modules:
        sys.modules.pop(name, None)
        parent, _, leaf = name.rpartition(".")
        if leaf in vars(sys.modules.get(parent, ModuleType(""))):
            delattr(sys.modules[parent], leaf)
    for name, module in list(sys.modules.items()):
        if name.startswith("tinyml_course.") and modules:
            _forget(module, modules)


def _forget(module: ModuleType, modules: list[str]) -> None:
    for key, value in list(vars(module).items()):
        origin = value.__name__ if isinstance(value, ModuleType) else _origin(value)
        if origin in modules:
            delattr(module, key)


def _origin(value: Any) -> str | None:
    return getattr(value, "__module__", None) if callable(value) else None


def _new_namespace() -> dict[str, Any]:
    main = ModuleType("__main__")
    sys.modules["__main__"] = main
    vars(main)["display"] = lambda *_, **__: None
    return vars(main)


def split_setup(source: str) -> list[tuple[str, tuple[str, ...]]]:
    r"""Return the statements of a setup cell, each with the names that it imports.

    Only imports and plain assignments are kept: nothing else is needed to call a function.

    Examples
    --------
    >>> split_setup("import numpy as np\nprint(1)\nSEED = 0")
    [('import numpy as np', ('np',)), ('SEED = 0', ())]
    """
    statements: list[tuple[str, tuple[str, ...]]] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
            statements.append((ast.unparse(node), tuple(names)))
        elif isinstance(node, ast.Assign):
            statements.append((ast.unparse(node), ()))
    return statements


def without_magics(source: str) -> str:
    r"""Return a cell's source with IPython's own lines replaced by ``pass``.

    Examples
    --------
    >>> without_magics("%matplotlib inline\nx = 1")
    'pass\nx = 1'
    """
    lines = []
    for line in source.split("\n"):
        code = line.lstrip()
        is_magic = code.startswith(("%", "!", "?")) or code.rstrip().endswith("?")
        lines.append(line[: len(line) - len(code)] + "pass" if is_magic else line)
    return "\n".join(lines)


def _set_up(source: str, namespace: dict[str, Any]) -> None:
    """Run the imports and assignments of a setup cell, each on its own."""
    with contextlib.suppress(Exception):
        for statement, names in split_setup(source):
            if _run(statement, "setup", namespace):
                namespace.update({name: Absent(name) for name in names})


def _compile(source: str, name: str) -> Any:
    try:
        return compile(source, f"<{name}>", "exec")
    except SyntaxError:
        return compile(without_magics(source), f"<{name}>", "exec")


def _run(source: str, name: str, namespace: dict[str, Any]) -> str:
    """Return the fault of a piece of code, or an empty string; its failure stays its own."""
    try:
        exec(_compile(source, name), namespace)
    except BaseException as error:
        return _describe(error)
    return ""


def _call(function: Any, name: str, args: tuple[Any, ...]) -> tuple[str, Any]:
    """Return how a call ended and its value: ``value``, ``stub`` or ``raised``."""
    if not callable(function):
        return "raised", f"there is no function {name!r}"
    try:
        return "value", function(*args)
    except NotImplementedError:
        return "stub", None
    except BaseException as error:
        return "raised", f"raised {_describe(error)}"


def _describe(error: BaseException) -> str:
    """Return class and text of an error, even of one that tries to prevent it."""
    try:
        said = f"{type(error).__name__}: {str(error)!s}"
    except BaseException:
        said = "an error that can't be described"
    return "".join(said)[:TEXT_CHARACTERS]
