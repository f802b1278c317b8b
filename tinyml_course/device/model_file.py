"""Reading a .tflite from disk, when someone else names the file."""

from __future__ import annotations

from pathlib import Path

from tinyml_course.core.errors import InvalidModel
from tinyml_course.device.runtime_child import MAX_MODEL_BYTES


def read_model_file(path: Path) -> bytes:
    """Return the bytes of the model at `path`, or say at once why there are none.

    A device such as ``/dev/zero`` never ends and a pipe may never begin; neither is opened, and
    no file is read that is larger than any model the emulator takes.

    Parameters
    ----------
    path : Path
        A .tflite file.

    Raises
    ------
    InvalidModel
        If `path` is no regular file, or a file too large to be a microcontroller's model.
    OSError
        If it does not exist or may not be read.
    """
    size = path.stat().st_size
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise InvalidModel(f"{path} is {kind}; name the .tflite file itself")
    if size > MAX_MODEL_BYTES:
        raise InvalidModel(
            f"{path} has {size:,} B, more than the {MAX_MODEL_BYTES:,} B that a model may have; "
            "is it a .tflite file?"
        )
    return path.read_bytes()
