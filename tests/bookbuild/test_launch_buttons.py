"""Launch buttons of the course's settings: none until a publisher fills in the addresses."""

import re
from pathlib import Path

import pytest
import yaml

from tests.bookbuild.small_course import CONFIG, write_course
from tinyml_course.bookbuild.build import build_book

COURSE = Path(__file__).resolve().parents[2]
KEYS = ("repository", "launch_buttons")
HOSTS = ("binder.example.org", "hub.example.org", "colab.example.org")


def course_settings():
    """Return the two sections as the course ships them."""
    settings = yaml.safe_load((COURSE / "_config.yml").read_text(encoding="utf-8"))
    return {key: settings[key] for key in KEYS}


def filled_in():
    """Return the same sections with a publisher's addresses in the places that are empty."""
    settings = course_settings()
    settings["repository"]["url"] = "https://github.com/someone/tinyml"
    assert set(settings["launch_buttons"]) > {"binderhub_url", "jupyterhub_url", "colab_url"}
    settings["launch_buttons"] |= {
        "binderhub_url": "https://binder.example.org",
        "jupyterhub_url": "https://hub.example.org",
        "colab_url": "https://colab.example.org",
        "thebe": True,
    }
    return settings


@pytest.mark.slow
@pytest.mark.skipif(not (COURSE / "_config.yml").exists(), reason="this copy has no book")
def test_addresses_make_buttons_and_empty_ones_make_none(tmp_path):
    """Filled in, each notebook links to itself on three services and has Thebe; else nothing."""
    pytest.importorskip("jupyter_book", reason="jupyter-book is not installed")
    pytest.importorskip("latex2mathml", reason="latex2mathml is not installed")
    package = write_course(tmp_path)
    pages = []
    for sections in (course_settings(), filled_in()):
        settings = yaml.safe_load(CONFIG) | sections
        (tmp_path / "_config.yml").write_text(yaml.safe_dump(settings))
        site = build_book(tmp_path, package=package).site
        pages.append((site / "chapters/one.html").read_text(encoding="utf-8"))
    empty, full = pages
    assert [] == [host for host in HOSTS if host in empty]
    assert [] == [word for word in ("initThebeSBT", "THEBE_JS_URL") if word in empty]
    links = re.findall(r"href=\"(https://[^\"]+)\"", full)
    for host in HOSTS:
        (link,) = [link for link in links if host in link]
        assert "someone" in link
        assert "chapters/one.ipynb" in link
    assert "initThebeSBT()" in full
    assert "THEBE_JS_URL" in full
