"""Where learners' code lives: a root of its own with the standard library, NumPy and scratch.

`enter` is called once by the warm server, after its imports; `lock_in` by each learner's process,
after it was forked and before any code of the learner's is loaded. Both do what the system allows
and say what that was; resource limits work everywhere.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import sysconfig
from dataclasses import dataclass, replace
from pathlib import Path

from tinyml_course.grading import kernel
from tinyml_course.grading.landlock import restrict_files
from tinyml_course.grading.seccomp import filter_system_calls
from tinyml_course.grading.task import Limits

SCRATCH = "/scratch"
SCRATCH_BYTES = 16 * 1024**2
OPEN_FILES = 64
FIRST_UID, UIDS = 61_184, 4096
"""Users that no account has; each learner's process is another one."""

_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")


@dataclass(frozen=True, slots=True)
class Jail:
    """What the server set up.

    Attributes
    ----------
    namespaces : bool
        Whether file system, network and process ids are its own.
    own_user : bool
        Whether it is root's, so that each learner's process can be a user of its own.
    base_bytes : int
        Address space of the server, which each learner's process starts with.
    readable : tuple of str
        Files and folders that learners' code may read.
    scratch : str
        Folder that it may write into; empty for none.
    trusted : bool
        Whether the code that is locked in is the course's own.
    """

    namespaces: bool
    own_user: bool
    base_bytes: int
    readable: tuple[str, ...]
    scratch: str
    trusted: bool

    @property
    def counts_processes(self) -> bool:
        """Whether a limit of processes counts those of the learner's code only.

        Root has no such limit, and without namespaces a user's other processes count.
        """
        return self.own_user or (self.namespaces and os.geteuid() != 0)


def enter(
    staging: str, packages: tuple[Path, ...], *, namespaces: bool, trusted: bool = False
) -> Jail:
    """Move this process into a root of its own, for good, and return what that achieved.

    Parameters
    ----------
    staging : str
        An empty folder to build the root on; the caller removes it.
    packages : tuple of Path
        Folders beside the standard library that stay readable, at the same path.
    namespaces : bool
        Try to get namespaces.
    trusted : bool, default False
        The processes run the course's own code. Where there are no namespaces they may write
        into `staging`, and start processes that can't be counted.
    """
    base = {"platbase": sys.base_exec_prefix}  # of the interpreter, not of a virtual environment
    library = sorted({sysconfig.get_path(key, vars=base) for key in ("stdlib", "platstdlib")})
    shown = _outermost([str(path) for path in packages if path.exists()])
    can_change, can_read = _try_nobody(library[0])
    readable = (*_SYSTEM, *library, *shown, *_DEVICES)
    jail = Jail(True, can_change, _address_space(), readable, SCRATCH, trusted)
    if namespaces:
        with contextlib.suppress(OSError):
            _leave_namespaces()
            _build_root(Path(staging), library, shown)
            return jail
    # without a root of its own, another user may be barred from the library
    return replace(
        jail,
        namespaces=False,
        own_user=can_change and can_read,
        scratch=staging if trusted else "",
    )


def lock_in(jail: Jail, limits: Limits, *, number: int) -> tuple[str, ...]:
    """Lock this process in, for good, and return the protections that are on.

    Parameters
    ----------
    jail : Jail
        What the server set up. Where it has namespaces, this process has left its parent's
        process ids and mounts already.
    limits : Limits
        Resources.
    number : int
        Distinguishes it from others that live at the same time; chooses its user.
    """
    protections = ["resource limits"]
    if jail.namespaces:
        _mount_scratch()
        protections += ["own file system", "no network", "own process ids"]
    elif jail.scratch:
        if jail.own_user:
            os.chown(jail.scratch, _user(number), -1)
        os.chdir(jail.scratch)
    with contextlib.suppress(OSError):
        restrict_files(jail.readable, [path for path in (jail.scratch, "/dev/null") if path])
        protections.append("file access rules")
    _set_limits(jail, limits)
    if jail.own_user:
        _become_nobody(number)
        protections.append("own user")
    with contextlib.suppress(OSError):
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        if not jail.own_user:
            kernel.drop_capabilities()
        protections.append("no privileges")
    with contextlib.suppress(OSError):
        filter_system_calls(alone=not (jail.counts_processes or jail.trusted))
        protections.append("no sockets, no signals")
    return tuple(protections)


def _leave_namespaces() -> None:
    own = kernel.NEWNS | kernel.NEWNET | kernel.NEWIPC | kernel.NEWUTS
    if os.geteuid() == 0:
        kernel.unshare(own)
        return
    uid, gid = os.getuid(), os.getgid()
    kernel.unshare(own | kernel.NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _build_root(root: Path, library: list[str], packages: list[str]) -> None:
    """Build the new root out of read-only views of the old one, and leave the old one.

    Folders of installed packages inside the library are emptied first, unless they are shown
    themselves.
    """
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    _mount_empty(str(root))
    for path in _outermost([*_SYSTEM, *library, *packages]):
        _show(path, root)
    for folder in _installed(library):
        inner = [path for path in packages if path.startswith(f"{folder}/")]
        if (root / folder[1:]).is_dir() and _outermost([*packages, folder]) != packages:
            _mount_empty(str(root / folder[1:]))
            for path in inner:
                _show(path, root)
    for path in _DEVICES:
        _bind(path, root)
    (root / SCRATCH[1:]).mkdir()
    (root / ".old").mkdir()
    kernel.pivot_root(str(root), str(root / ".old"))
    os.chdir("/")
    kernel.detach("/.old")
    os.rmdir("/.old")
    kernel.mount("none", "/", "", kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY)


def _installed(library: list[str]) -> list[str]:
    """Return the folders that packages are installed in."""
    found = {path for path in sys.path if path.endswith(("site-packages", "dist-packages"))}
    return sorted(found | {f"{path}/site-packages" for path in library})


def _outermost(paths: list[str]) -> list[str]:
    """Return those paths that lie inside no other, in order and once.

    Examples
    --------
    >>> _outermost(["/usr/lib/python3", "/usr/lib", "/usr/library"])
    ['/usr/lib', '/usr/library']
    """
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not any(path.startswith(f"{other}/") for other in kept):
            kept.append(path)
    return kept


def _mount_empty(target: str) -> None:
    kernel.mount("tmpfs", target, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755")


def _show(path: str, root: Path) -> None:
    """Make `path` visible below `root`, read-only; a link in the top folder stays a link."""
    target = root / path[1:]
    if not os.path.exists(path) or os.path.lexists(target):
        return
    if os.path.islink(path) and path.count("/") == 1:  # /lib -> usr/lib
        os.symlink(os.readlink(path), target)
        return
    _bind(path, root)
    held = os.statvfs(path).f_flag & (kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    flags = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID
    kernel.mount("none", str(target), "", flags | held)


def _bind(path: str, root: Path) -> None:
    target = root / path[1:]
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.isdir(path):
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    kernel.mount(path, str(target), "", kernel.MS_BIND | kernel.MS_REC)


def _mount_scratch() -> None:
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("tmpfs", SCRATCH, "tmpfs", flags, f"size={SCRATCH_BYTES},nr_inodes=256,mode=777")
    os.chdir(SCRATCH)


def _set_limits(jail: Jail, limits: Limits) -> None:
    wanted = {
        resource.RLIMIT_CPU: limits.cpu_s,
        resource.RLIMIT_AS: jail.base_bytes + limits.memory_bytes,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    if jail.counts_processes:
        wanted[resource.RLIMIT_NPROC] = limits.processes
    for number, value in wanted.items():
        ceiling = resource.getrlimit(number)[1]
        value = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(number, (value, value))


def _become_nobody(number: int) -> None:
    uid = _user(number)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _user(number: int) -> int:
    return FIRST_UID + number % UIDS


def _try_nobody(library: str) -> tuple[bool, bool]:
    """Return whether a process may become another user, and whether that one can read here.

    Tried in a process that ends at once.
    """
    if not hasattr(os, "setresuid") or os.geteuid() != 0:
        return False, False
    probe = os.fork()
    if probe == 0:
        found = 0
        with contextlib.suppress(OSError):
            _become_nobody(UIDS - 1)
            found = 1
            os.listdir(library)
            found = 3
        os._exit(found)
    found = os.waitstatus_to_exitcode(os.waitpid(probe, 0)[1])
    return bool(found & 1), bool(found & 2)


def _address_space() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 1024**3
    return pages * resource.getpagesize()
