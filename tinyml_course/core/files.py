"""Output folders that are whole or untouched."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath


def write_atomically(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` into `folder`; a reader never sees a half-written one.

    All are written beside the folder first and moved in at the end, so that an interruption
    before that leaves the folder as it was. Other files in the folder stay.

    Parameters
    ----------
    folder : Path
        Made where it does not exist, with its parents.
    files : mapping of str to bytes
        Name to content; a name may lie in a subfolder, as ``"main/main.cc"``.

    Raises
    ------
    ValueError
        If a name leads out of the folder.
    """
    for name in files:
        relative = PurePosixPath(name)
        if not relative.parts or relative.is_absolute() or ".." in relative.parts:
            raise ValueError(f"file name {name!r} leads out of the folder; use a relative one")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, content in files.items():
            path = staging / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging / name, folder / name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
