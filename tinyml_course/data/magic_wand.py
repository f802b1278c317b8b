"""Pete Warden's magic wand digits: a local copy, the cache, or one download.

1,000 strokes drawn with an Arduino Nano 33 BLE Sense on a stick, Apache-2.0.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tinyml_course.core.errors import InvalidData
from tinyml_course.core.types import GestureSet
from tinyml_course.data.raster import gestures_from_strokes
from tinyml_course.data.strokes import read_stroke_json

VARIABLE = "TINYML_COURSE_DATA"
"""Environment variable that names a local copy."""

COMMIT = "8170591863f9addca27b1a963263f7c7bed33f41"
BASE_URL = f"https://raw.githubusercontent.com/petewarden/magic_wand_digit_data/{COMMIT}"

SHA256: Mapping[str, str] = MappingProxyType(
    {
        "petewarden_0.json": "446316ff5677b01d3e304aaf60d1c448b60185cfcb395328913bcb7a5b2af949",
        "petewarden_1.json": "6e929f6ea5e76091dd5cd01e80045a47215bfaed2c4d93bc22c8a22d7ec01387",
        "petewarden_2.json": "2e823f3f374dce27005ad594871679c3db8ab81c2ef4b3767889edaff6d4e866",
        "petewarden_3.json": "836a4fa621ec7bb60b26e48b91e58de25a7c2f9cb6f0be34da8f1215c5ee2dfa",
        "petewarden_4.json": "35d44f391307c9f24a7c464a9b839dc6b28eb484d84f25b459f6476d21d05c6f",
        "petewarden_5.json": "4f0ef98ce3d7d885ffbc014dde4845889ff2f67d5b7712b03d8e853e728afcd7",
        "petewarden_6.json": "a44d0a2685469fe5481ac6a69ab520fe8fa256227bc9becfd95d32b55f74f930",
        "petewarden_7.json": "5f2c7dd40ba568cddaaf384624be801944a6e1205a10eeba3e5e47e7fc080deb",
        "petewarden_8.json": "7ea7270543adf10d1af3624f09fe6e21d004e33e5598eca4b87ab84bd61f1d90",
        "petewarden_9.json": "b0e3dae6876c802c6aacaf2016b380a9f8b3c62966f23339e403a3b1b493e30d",
    }
)
"""Files of the full set with their checksums; a local copy may be a part and is not checked."""

SUBFOLDER = "magic_wand_digits"
TIMEOUT_S = 30
CHUNK_BYTES = 1 << 16


def load_magic_wand(folder: str | Path | None = None) -> GestureSet:
    """Return the digits from `folder`, the local copy, the cache, or the network, in this order.

    Parameters
    ----------
    folder : str or Path, optional
        Folder with petewarden_*.json, or one that holds it as magic_wand_digits/.

    Raises
    ------
    InvalidData
        If a named folder holds no recordings, or the download fails.
    """
    found = find_recordings() if folder is None else _find_in(Path(folder), "the folder")
    found = found or download_magic_wand()
    files = sorted(found.glob("petewarden_*.json"))
    strokes = [stroke for path in files for stroke in read_stroke_json(path)]
    return gestures_from_strokes(strokes, source=f"magic wand digits in {found}")


def find_recordings() -> Path | None:
    """Return the folder of the local copy or of the cache, None if there is neither.

    Raises
    ------
    InvalidData
        If TINYML_COURSE_DATA names a folder without recordings.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return _find_in(Path(named).expanduser(), VARIABLE)
    folder = cache_folder()
    return folder if all((folder / name).is_file() for name in SHA256) else None


def _find_in(folder: Path, what: str) -> Path:
    for candidate in (folder, folder / SUBFOLDER):
        if any(candidate.glob("petewarden_*.json")):
            return candidate
    raise InvalidData(
        f"{what} names {folder}, which holds no petewarden_*.json, nor does its {SUBFOLDER}/; "
        f"correct the path, or unset {VARIABLE} to download the data"
    )


def cache_folder() -> Path:
    """Return the folder of this user where the download is kept."""
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("tinyml_course")) / SUBFOLDER


def download_magic_wand(
    folder: str | Path | None = None,
    *,
    base_url: str = BASE_URL,
    checksums: Mapping[str, str] = SHA256,
    progress: bool = True,
) -> Path:
    """Return the folder with all files, fetched and checked unless they are there already.

    Files are moved in once all are fetched and checked, so that none is ever half-written.

    Parameters
    ----------
    folder : str or Path, optional
        Where to keep them, by default the user's cache.
    base_url : str
        Address that the file names are appended to.
    checksums : mapping
        File name -> SHA-256, hexadecimal.
    progress : bool
        Show a progress bar.

    Raises
    ------
    InvalidData
        If a file can't be fetched, or its content differs from the checksum.
    """
    folder = Path(folder) if folder is not None else cache_folder()
    if all(_is_intact(folder / name, digest) for name, digest in checksums.items()):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _fetch_all(staging, base_url, checksums, progress=progress)
        folder.mkdir(exist_ok=True)
        for name in checksums:
            os.replace(staging / name, folder / name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def _is_intact(path: Path, digest: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def _fetch_all(
    staging: Path, base_url: str, checksums: Mapping[str, str], *, progress: bool
) -> None:
    """Fetch every file into `staging` and check it."""
    from tqdm.auto import tqdm

    with tqdm(
        total=len(checksums), desc="magic wand digits", unit="file", disable=not progress
    ) as bar:
        for name, digest in checksums.items():
            url = f"{base_url}/{name}"
            try:
                with urllib.request.urlopen(url, timeout=TIMEOUT_S) as reply:
                    _copy(reply, staging / name)
            except (OSError, http.client.HTTPException) as fault:
                raise InvalidData(f"can't download {url}: {fault}; {_remedy()}") from fault
            found = hashlib.sha256((staging / name).read_bytes()).hexdigest()
            if found != digest:
                raise InvalidData(
                    f"{url} has the SHA-256 {found[:16]}..., expected {digest[:16]}...; "
                    f"something on the way changes it; {_remedy()}"
                )
            bar.update()


def _copy(reply: http.client.HTTPResponse, path: Path) -> None:
    """Write the reply's body to `path`; a connection that breaks early is an error."""
    expected = reply.length
    with path.open("wb") as file:
        shutil.copyfileobj(reply, file, CHUNK_BYTES)
        written = file.tell()
    if expected is not None and written != expected:
        raise http.client.HTTPException(f"the connection broke after {written} of {expected} B")


def _remedy() -> str:
    return (
        f"try again with a network, set {VARIABLE} to a local copy, or use --data synthetic, "
        "which needs no files"
    )
