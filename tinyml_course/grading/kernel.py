"""The few Linux calls that Python's standard library lacks, each raising OSError where it fails."""

from __future__ import annotations

import ctypes
import os
import struct
import sys

NEWNS = 0x00020000
NEWUTS = 0x04000000
NEWIPC = 0x08000000
NEWUSER = 0x10000000
NEWPID = 0x20000000
NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 22, 36, 38
SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522

_SYSCALLS = {
    "x86_64": {"pivot_root": 155, "capset": 126},
    "aarch64": {"pivot_root": 41, "capset": 91},
}

LINUX = sys.platform.startswith("linux")
MACHINE = os.uname().machine if hasattr(os, "uname") else ""


def _libc() -> ctypes.CDLL:
    if not LINUX:
        raise OSError("only Linux has this call")
    return ctypes.CDLL(None, use_errno=True)


def _check(status: int, what: str) -> int:
    if status == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return status


def syscall(number: int, *args: object) -> int:
    """Make a system call by number, with arguments of ctypes, and return what it returns."""
    return _check(_libc().syscall(ctypes.c_long(number), *args), f"system call {number}")


def _syscall(name: str, *args: object) -> int:
    number = _SYSCALLS.get(MACHINE, {}).get(name)
    if number is None:
        raise OSError(f"{name} is not known for {MACHINE}")
    return syscall(number, *args)


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for new ones."""
    _check(_libc().unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount `source` at `target`."""
    status = _libc().mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()
    )
    _check(status, f"mount {target}")


def detach(target: str) -> None:
    """Unmount `target` and all below it."""
    _check(_libc().umount2(target.encode(), ctypes.c_int(MNT_DETACH)), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root and put the old root at `old`, which lies below it."""
    _syscall("pivot_root", ctypes.c_char_p(new.encode()), ctypes.c_char_p(old.encode()))


def prctl(option: int, value: int, pointer: object = 0) -> None:
    """Set a property of this process."""
    status = _libc().prctl(ctypes.c_int(option), ctypes.c_ulong(value), pointer, 0, 0)
    _check(status, f"prctl {option}")


def drop_capabilities() -> None:
    """Give up every capability of this process."""
    header = ctypes.create_string_buffer(struct.pack("<Ii", _CAPABILITY_VERSION_3, 0), 8)
    nothing = ctypes.create_string_buffer(bytes(24), 24)
    _syscall("capset", header, nothing)


def install_filter(program: bytes) -> None:
    """Install a seccomp filter, given as packed BPF instructions of 8 bytes."""
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.create_string_buffer(header, len(header)))
