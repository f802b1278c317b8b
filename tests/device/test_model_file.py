"""Files that are no models, before they are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tinyml_course.core.errors import InvalidModel
from tinyml_course.device.model_file import read_model_file
from tinyml_course.device.runtime_child import MAX_MODEL_BYTES


def test_a_file_is_returned_as_it_is(tmp_path):
    """Contents are not judged here."""
    path = tmp_path / "m.tflite"
    path.write_bytes(b"anything")
    assert b"anything" == read_model_file(path)


def test_a_folder_is_named_as_one(tmp_path):
    """The message says what to name instead."""
    with pytest.raises(InvalidModel, match=r"is a folder; name the \.tflite file"):
        read_model_file(tmp_path)


def test_what_never_ends_or_never_begins_is_not_opened(tmp_path):
    """Neither an endless device nor a pipe that nobody writes to keeps the caller waiting."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (Path("/dev/zero"), pipe):
        with pytest.raises(InvalidModel, match="no regular file"):
            read_model_file(path)


def test_a_huge_file_is_refused_unread(tmp_path):
    """Its size is in the message; a sparse file costs nothing to make."""
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(MAX_MODEL_BYTES + 1)
    with pytest.raises(InvalidModel, match=f"{MAX_MODEL_BYTES + 1:,} B"):
        read_model_file(path)


def test_a_file_that_is_not_there_is_an_os_error(tmp_path):
    """The caller sees the system's own words."""
    with pytest.raises(FileNotFoundError):
        read_model_file(tmp_path / "none")
