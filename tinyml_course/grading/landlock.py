"""File access rules without privileges: what is not named can't be opened.

A second wall behind the jail's own root, and the one that hides other files where namespaces are
not allowed. The rules bind this process and all that it starts, for good.

References
----------
.. [1] Linux, Documentation/userspace-api/landlock.rst and include/uapi/linux/landlock.h.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterable

from tinyml_course.grading import kernel

_CREATE, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_EXECUTE, _READ_FILE, _READ_FOLDER, _TRUNCATE = 1 << 0, 1 << 2, 1 << 3, 1 << 14
_ALL_BY_VERSION = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF}
"""All rights of each version of the interface; later ones add none that are used here."""
_FOR_FILES = _EXECUTE | 1 << 1 | _READ_FILE | _TRUNCATE
_READ = _EXECUTE | _READ_FILE | _READ_FOLDER


def restrict_files(readable: Iterable[str], writable: Iterable[str] = ()) -> None:
    """Deny this process every file but those at or below the named paths.

    Parameters
    ----------
    readable, writable : iterable of str
        Files and folders; those that do not exist are skipped.

    Raises
    ------
    OSError
        If the system has no such rules.
    """
    version = _call(_CREATE, None, 0, _VERSION_FLAG)
    everything = _ALL_BY_VERSION[min(version, 3)]
    rules = _call(_CREATE, struct.pack("<Q", everything), 8, 0)
    try:
        for paths, rights in ((readable, _READ), (writable, everything)):
            for path in paths:
                with contextlib.suppress(FileNotFoundError):
                    _allow(rules, path, rights & everything)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        _call(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights &= ~0 if os.path.isdir(path) else _FOR_FILES
        _call(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("<Qi", rights, handle), 0)
    finally:
        os.close(handle)


def _call(number: int, *args: int | bytes | None) -> int:
    converted = [
        ctypes.c_char_p(arg) if arg is None or isinstance(arg, bytes) else ctypes.c_long(arg)
        for arg in args
    ]
    return kernel.syscall(number, *converted)
