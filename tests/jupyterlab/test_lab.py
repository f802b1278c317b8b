"""The course in JupyterLab, in a headless Chromium, as a learner meets it."""

import nbformat
import pytest

from tests.browser import watched_context
from tests.conftest import ROOT
from tests.jupyterlab.hands import SIZE, Desk
from tests.jupyterlab.lab import serve_course
from tinyml_course.grading.progress import Progress

pytestmark = pytest.mark.slow

CHAPTER = "chapters/00_foundations/01_memory_budget.ipynb"
EXERCISE = "exercises/00_foundations.ipynb"
PICTURES = ROOT / "build" / "screenshots" / "jupyterlab"
"""Kept after the run; git knows nothing of it."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory, browser):
    """Serve a copy of the course as `make learn` does, if there is a browser to look at it."""
    assert browser.is_connected()
    with serve_course(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="module")
def open_desk(browser):
    """Return a function that opens a notebook on a page of its own."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    contexts = []

    def open_it(lab, notebook):
        context = watched_context(browser, viewport=SIZE)
        opened, watch = context.__enter__()
        contexts.append(context)
        desk = Desk(opened.new_page(), watch, PICTURES)
        desk.open(lab, notebook)
        return desk

    yield open_it
    for context in contexts:
        context.__exit__(None, None, None)


@pytest.fixture(scope="module")
def chapter(lab, open_desk):
    """Return chapter 0's first notebook after *Run All Cells*."""
    desk = open_desk(lab, CHAPTER)
    desk.run_all()
    return desk


@pytest.fixture(scope="module")
def exercise(lab, open_desk):
    """Return the exercises of chapter 0, the first task's cells run as they come."""
    desk = open_desk(lab, EXERCISE)
    desk.run("setup", "0-1-prediction", "0-1-hole", "0-1-check", "0-1-picture")
    return desk


def solution(cell):
    """Return the source of a cell of the solutions."""
    notebook = nbformat.read(ROOT / "solutions" / "00_foundations.ipynb", 4)
    return next(found.source for found in notebook.cells if found.id == cell)


def text_of(outputs):
    """Return all that a cell's outputs say as plain text."""
    return "\n".join(
        "".join(output.get("text", "")) + "".join(output.get("data", {}).get("text/plain", ""))
        for output in outputs
    )


def press_tab_until(page, holds, *, at_most=6):
    """Press Tab until the element with the focus meets a condition, a few times at most."""
    for _ in range(at_most):
        page.keyboard.press("Tab")
        if page.evaluate(f"({holds})(document.activeElement)"):
            return
    raise AssertionError(f"{at_most} presses of Tab did not reach: {holds}")


def test_every_cell_runs_without_an_error(chapter):
    """All code cells have run, none left an error or a warning on the error stream."""
    cells = nbformat.read(ROOT / CHAPTER, 4).cells
    outputs = chapter.outputs()
    assert [cell.id for cell in cells if cell.cell_type == "code"] == list(outputs)
    assert [
        (cell, output)
        for cell, of_cell in outputs.items()
        for output in of_cell
        if output["output_type"] == "error" or output.get("name") == "stderr"
    ] == []


def test_a_prediction_is_entered_and_a_slider_moved_by_keyboard_alone(chapter):
    """Tab, words, Enter reveal the figure; an arrow on the slider changes picture and alt text."""
    page = chapter.page
    chapter.select("explore-dense")
    experiment = page.locator(".tinyml-experiment").first
    picture = experiment.locator("img")
    assert not picture.is_visible()
    press_tab_until(page, "element => element.placeholder === 'your prediction'")
    page.keyboard.type("flash, I think")
    page.keyboard.press("Enter")
    picture.wait_for(state="visible")
    experiment.get_by_text("flash, I think").wait_for()
    press_tab_until(page, "element => element.classList.contains('noUi-handle')")
    before = picture.get_attribute("src"), picture.get_attribute("alt")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "old => document.querySelector('.tinyml-experiment img').alt !== old", arg=before[1]
    )
    assert picture.get_attribute("src") != before[0]
    assert experiment.get_by_text("flash, I think").is_visible()
    chapter.photograph("experiment")


def test_menus_and_labels_are_legible_in_both_themes(chapter):
    """No label is cut off, and a menu's text stands out from what is behind it."""
    chapter.select("explore-conv")
    page = chapter.page
    page.locator(".tinyml-experiment button:visible", has_text="Skip").first.click()
    labels = page.locator(".tinyml-experiment .widget-label:visible")
    labels.first.wait_for()
    cut = labels.evaluate_all("all => all.filter(e => e.scrollWidth > e.clientWidth + 1).length")
    assert (labels.count() >= 4, cut) == (True, 0)
    for theme in ("Dark", "Light"):
        chapter.choose_theme(theme)
        colours = page.locator(".tinyml-experiment select:visible").first.evaluate(
            "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
        )
        assert contrast(*colours) >= 4.5


def contrast(first, second):
    """Return the contrast ratio of two colours written as ``rgb(r, g, b)`` (WCAG 2.1)."""

    def luminance(colour):
        parts = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def test_the_closing_emulation_shows_its_verdict(chapter):
    """The last output is the device report: fits, a table, a memory map with alt text."""
    chapter.select("closing")
    report = chapter.page.locator(".device-report").last
    report.scroll_into_view_if_needed()
    report.get_by_text("fits", exact=True).wait_for()
    assert "fits" in report.inner_text()
    assert "arena to reserve" in report.inner_text()
    assert "Memory map over time" in report.locator("img").get_attribute("alt")
    chapter.photograph("report")


def test_an_untouched_task_earns_nothing_and_says_what_to_do(exercise, lab):
    """The panel shows no points and the next step; nothing is recorded as an attempt."""
    panel = exercise.panel()
    panel.get_by_role("button", name="Check again").click()
    panel.get_by_text("Checked at").wait_for()
    assert "Not attempted yet" in panel.inner_text()
    assert "0 of 8 points so far" in panel.inner_text()
    assert Progress(lab.progress).standing()[0].attempts == 0
    exercise.photograph("untouched")


def test_hints_open_one_by_one(exercise, lab):
    """A press shows the first hint only, and records it."""
    panel = exercise.panel()
    panel.get_by_role("button", name="Hint 1 of 3").click()
    panel.locator("li", has_text="concept").wait_for()
    assert panel.get_by_role("button", name="Hint 2 of 3").is_visible()
    assert Progress(lab.progress).standing()[0].hints == 1


def test_the_right_answer_earns_full_points_and_is_recorded(exercise, lab):
    """The solution, written into the cell and run: all parts pass, and the progress file has it."""
    exercise.write("0-1-hole", solution("0-1-hole"))
    exercise.run("0-1-hole")
    panel = exercise.panel()
    panel.get_by_role("button", name="Check again").click()
    panel.get_by_text("8 of 8 points").wait_for()
    assert panel.inner_text().count("✓ passed") == 3
    done = Progress(lab.progress).standing()[0]
    assert (done.points, done.passed) == (8, True)
    exercise.photograph("passed")


def test_nothing_went_wrong_behind_the_page(chapter, exercise):
    """No error in the console, and no request to another machine."""
    assert chapter.faults() + exercise.faults() == []
