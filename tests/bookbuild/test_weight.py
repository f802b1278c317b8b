"""A page's bytes, its experiments' states, and what is a fault."""

import os

import pytest

from tinyml_course.bookbuild.weight import page_faults, weigh_pages
from tinyml_course.plots import new_figure
from tinyml_course.widgets.experiment import Control, Experiment
from tinyml_course.widgets.static import MAX_PAGE_BYTES


@pytest.fixture
def site(tmp_path):
    (tmp_path / "part").mkdir()
    return tmp_path


def line_experiment(states):
    slope = Control(name="slope", label="slope", values=tuple(range(states)), default=0)
    return Experiment(
        name="a-line", question="Does it rise?", controls=(slope,),
        draw=lambda **_: new_figure()[0], describe=lambda slope: f"Slope {slope}.",
    )  # fmt: skip


def test_an_image_counts_once_however_often_it_is_shown(site):
    """A picture shown twice is fetched once; one that is part of the page counts as text."""
    (site / "shared.png").write_bytes(os.urandom(5_000))
    image = '<img alt="" src="../shared.png">'
    for name, body in (("none", ""), ("once", image), ("twice", image * 2)):
        (site / f"part/{name}.html").write_text(f"<p>{body}</p>")
    weights = {page.name: page.compressed_bytes for page in weigh_pages(site)}
    assert weights["part/once.html"] - weights["part/none.html"] >= 5_000
    assert weights["part/twice.html"] - weights["part/once.html"] < 100


def test_experiments_are_counted_by_name_and_states(site):
    """The page's table of states is unpacked and counted."""
    (site / "page.html").write_text(line_experiment(3).static().html)
    (page,) = weigh_pages(site)
    (shown,) = page.experiments
    assert ("a-line", 3) == (shown.name, shown.states)
    assert 0 < shown.compressed_bytes <= page.compressed_bytes
    assert () == page_faults([page])


def test_a_page_over_the_budget_is_named_with_its_experiments(site):
    """Random bytes, which no server can compress, take a page over its budget."""
    page = os.urandom(MAX_PAGE_BYTES).hex()
    (site / "page.html").write_text(page + line_experiment(2).static().html)
    (fault,) = page_faults(weigh_pages(site))
    assert fault.startswith("page.html takes more than 1,500,000 B")
    assert "a-line (2 states" in fault


def test_too_many_states_are_a_fault(site, monkeypatch):
    """The fault names page, experiment and limit."""
    (site / "page.html").write_text(line_experiment(5).static().html)
    monkeypatch.setattr("tinyml_course.bookbuild.weight.MAX_STATES", 4)
    (fault,) = page_faults(weigh_pages(site))
    assert "page.html: experiment 'a-line' has 5 states, at most 4 are allowed" == fault


def test_a_page_that_holds_widget_state_is_a_fault(site):
    """Widgets' state without a kernel is dead weight."""
    state = '<script type="application/vnd.jupyter.widget-state+json">{}</script>'
    (site / "page.html").write_text(state)
    (fault,) = page_faults(weigh_pages(site))
    assert "page.html holds the state of widgets" in fault
