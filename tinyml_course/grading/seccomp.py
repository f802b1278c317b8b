"""A filter of system calls: no sockets, no namespaces, no look into or signal to other processes.

Denied calls fail with EPERM; all others pass. It is a second wall behind the namespaces, and the
one that keeps the network shut where namespaces are not allowed.

References
----------
.. [1] Linux, Documentation/userspace-api/seccomp_filter.rst.
.. [2] Linux, include/uapi/linux/bpf_common.h and seccomp.h, for the codes below.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from tinyml_course.grading import kernel

_LOAD_WORD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16
_ALLOW, _EPERM, _ENOSYS, _KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
_X32 = 0x40000000
_NEW_NAMESPACES = 0x7E020080


class _Table(NamedTuple):
    """System call numbers of one architecture."""

    audit: int
    clone: int
    clone3: int
    forks: tuple[int, ...]
    denied: tuple[int, ...]


_SAME = (424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442)
"""pidfd_send_signal, io_uring, the new mount calls, pidfd_getfd: the same everywhere."""
_TABLES = {
    "x86_64": _Table(
        0xC000003E, 56, 435, (57, 58),
        (
            29, 64, 68, 240,  # System V and POSIX shared memory, semaphores, queues
            41, 42, 43, 49, 50, 53, 288,  # sockets
            101, 310, 311, 312,  # ptrace, process_vm_*, kcmp
            62, 129, 200, 234, 297,  # signals; Python's own exceptions need none
            135, 155, 161, 165, 166, 167, 169, 170, 175, 246, 272, 304, 308, 313, 320,
            248, 249, 250, 298, 321, 323,  # keys, perf, bpf, userfaultfd
        ),
    ),
    "aarch64": _Table(
        0xC00000B7, 220, 435, (),
        (
            180, 186, 190, 194,
            198, 199, 200, 201, 202, 203, 242,
            117, 270, 271, 272,
            129, 130, 131, 138, 240,
            92, 41, 51, 40, 39, 224, 142, 161, 105, 104, 97, 265, 268, 273, 294,
            217, 218, 219, 241, 280, 282,
        ),
    ),
}  # fmt: skip


def build_filter(machine: str, *, alone: bool = False) -> bytes | None:
    """Return the filter for an architecture as packed instructions, or None if it is unknown.

    Parameters
    ----------
    machine : str
        As `os.uname` names it.
    alone : bool, default False
        Deny new processes and threads altogether.

    Examples
    --------
    >>> len(build_filter("x86_64")) % 8, build_filter("m68k")
    (0, None)
    """
    table = _TABLES.get(machine)
    if table is None:
        return None
    program = [
        _step(_LOAD_WORD, _ARCH),
        _step(_EQUAL, table.audit, then=1),
        _step(_RETURN, _KILL),
        _step(_LOAD_WORD, _NUMBER),
        _step(_AT_LEAST, _X32, otherwise=1),
        _step(_RETURN, _EPERM),
        _step(_EQUAL, table.clone3, otherwise=1),
        _step(_RETURN, _ENOSYS),  # libc falls back to clone, whose flags can be examined
    ]
    for number in (*table.denied, *_SAME):
        program += [_step(_EQUAL, number, otherwise=1), _step(_RETURN, _EPERM)]
    if alone:
        for number in (table.clone, *table.forks):
            program += [_step(_EQUAL, number, otherwise=1), _step(_RETURN, _EPERM)]
    program += [
        _step(_EQUAL, table.clone, otherwise=3),
        _step(_LOAD_WORD, _FIRST_ARGUMENT),
        _step(_ANY_BIT, _NEW_NAMESPACES, otherwise=1),
        _step(_RETURN, _EPERM),
        _step(_RETURN, _ALLOW),
    ]
    return b"".join(program)


def filter_system_calls(*, alone: bool) -> None:
    """Deny the calls of the table to this process and all that it starts, for good.

    Parameters
    ----------
    alone : bool
        Deny new processes and threads, too, where their number can't be limited.

    Raises
    ------
    OSError
        If the system does not allow it or the architecture is unknown.
    """
    program = build_filter(kernel.MACHINE, alone=alone)
    if program is None:
        raise OSError(f"no table of system calls for {kernel.MACHINE}")
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.install_filter(program)


def _step(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """Return one instruction: on a jump, how many to skip if it holds, and if not."""
    return struct.pack("<HBBI", code, then, otherwise, value)
