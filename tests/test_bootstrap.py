"""The set-up that runs before the package is installed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tinyml_course import bootstrap


@pytest.mark.parametrize("version", [(3, 10, 9), (3, 14, 0), (2, 7, 18)])
def test_an_unsupported_python_is_refused_with_the_remedy(version):
    """A Python without TensorFlow packages is named, with the ones that work."""
    with pytest.raises(bootstrap.SetupError, match=r"3\.11, 3\.12 or 3\.13"):
        bootstrap.check_python(version)


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 5), (3, 13, 9)])
def test_a_supported_python_passes(version):
    """Python 3.11 to 3.13 is accepted."""
    bootstrap.check_python(version)


def test_a_full_disk_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    """Too little free space stops the set-up and says how much is needed."""
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda _: type("U", (), {"free": 1e9})())
    with pytest.raises(bootstrap.SetupError, match=r"1\.0 GB free .* 5\.0 GB needed"):
        bootstrap.set_up(tmp_path / ".venv", "learn")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("log", "remedy"),
    [
        ("Temporary failure in name resolution", "check the network"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("ERROR: No matching distribution found for x", "64-bit Linux"),
        ("something else entirely", "something else entirely"),
    ],
)
def test_a_failed_installation_is_explained(log, remedy):
    """Pip's output is turned into a fault with its remedy."""
    assert remedy in bootstrap.explain_pip(log)


def test_a_folder_that_is_no_environment_is_not_deleted(tmp_path):
    """A folder of the user's own in place of .venv is left alone."""
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(bootstrap.SetupError, match="no virtual environment"):
        bootstrap.create_venv(tmp_path)
    assert (tmp_path / "diary.txt").read_text() == "mine"


def test_a_finished_set_up_is_not_repeated(tmp_path, monkeypatch):
    """With a matching stamp and a working interpreter nothing is installed again."""
    monkeypatch.setattr(bootstrap, "python_works", lambda _: True)
    monkeypatch.setattr(bootstrap, "install_packages", lambda *_: pytest.fail("installed again"))
    bootstrap.stamp_of(tmp_path, "dev").write_text(bootstrap.fingerprint("dev") + "\n")
    bootstrap.set_up(tmp_path, "learn")


def test_a_changed_lock_file_is_installed_anew(tmp_path):
    """A stamp of other requirements does not count."""
    bootstrap.stamp_of(tmp_path, "learn").write_text("of an older lock file\n")
    assert not bootstrap.is_installed(tmp_path, "learn")


def test_the_script_needs_only_the_standard_library():
    """It runs isolated from every installed package."""
    script = Path(bootstrap.__file__)
    done = subprocess.run([sys.executable, "-I", "-S", script, "--help"], capture_output=True)
    assert done.returncode == 0


def test_lock_file_has_exact_versions_and_no_addresses():
    """Every line of requirements.lock pins one package to one version."""
    lines = (bootstrap.ROOT / "requirements.lock").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 50
    assert [pin for pin in pins if "==" not in pin or "://" in pin or "@" in pin] == []


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("Collecting numpy>=2 (from x)", "finding numpy>=2"),
        ("  Downloading numpy-2.whl (17 MB)", "downloading numpy-2.whl"),
        ("Installing collected packages: a, b, c", "unpacking 3 packages, a minute or two"),
        ("ERROR: no such thing", "ERROR: no such thing"),
        ("Requirement already satisfied: a", ""),
    ],
)
def test_progress_is_told_in_words(line, step):
    """Only the steps that take time are shown."""
    assert bootstrap.describe_step(line) == step
