"""Output folders are whole or untouched."""

import pytest

from tinyml_course.pipeline import outputs
from tinyml_course.pipeline.outputs import write_atomically


def test_files_replace_older_ones_and_leave_strangers(tmp_path):
    """A second run replaces its own files and keeps what else is there."""
    folder = tmp_path / "out"
    write_atomically(folder, {"a.txt": b"old"})
    (folder / "notes.txt").write_text("mine")
    write_atomically(folder, {"a.txt": b"new"})
    contents = {path.name: path.read_text() for path in folder.iterdir()}
    assert contents == {"a.txt": "new", "notes.txt": "mine"}


def test_an_interruption_leaves_the_folder_as_it_was(tmp_path, monkeypatch):
    """Ctrl-C while writing leaves the old files and no staging folder."""
    folder = tmp_path / "out"
    write_atomically(folder, {"a.txt": b"old", "b.txt": b"old"})

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(outputs.Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(folder, {"a.txt": b"new", "b.txt": b"new"})
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (folder / "a.txt").read_text() == "old"
