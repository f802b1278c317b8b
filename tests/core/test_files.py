"""Output folders are whole or untouched."""

import pytest

from tinyml_course.core import files
from tinyml_course.core.files import write_atomically


def test_files_replace_older_ones_and_leave_strangers(tmp_path):
    """A second run replaces its own files and keeps what else is there."""
    folder = tmp_path / "out"
    write_atomically(folder, {"a.txt": b"old"})
    (folder / "notes.txt").write_text("mine")
    write_atomically(folder, {"a.txt": b"new"})
    contents = {path.name: path.read_text() for path in folder.iterdir()}
    assert contents == {"a.txt": "new", "notes.txt": "mine"}


def test_names_may_lie_in_subfolders(tmp_path):
    """Subfolders are made where missing, and another file in one survives."""
    folder = tmp_path / "deep" / "out"
    write_atomically(folder, {"main/a.cc": b"old", "main/b.cc": b"kept"})
    write_atomically(folder, {"main/a.cc": b"new", "README.md": b"read"})
    found = {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*.*")}
    assert found == {"main/a.cc": "new", "main/b.cc": "kept", "README.md": "read"}


@pytest.mark.parametrize("name", ["../a.txt", "/a.txt", "sub/../../a.txt", ""])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    """Nothing is written, not even the harmless file before it."""
    with pytest.raises(ValueError, match="leads out of the folder"):
        write_atomically(tmp_path / "out", {"b.txt": b"", name: b""})
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_the_folder_as_it_was(tmp_path, monkeypatch):
    """Ctrl-C while writing leaves the old files and no staging folder."""
    folder = tmp_path / "out"
    write_atomically(folder, {"a.txt": b"old", "b.txt": b"old"})

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(folder, {"a.txt": b"new", "b.txt": b"new"})
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (folder / "a.txt").read_text() == "old"
