"""Experiments in a headless Chromium: no kernel, no network, mouse and keyboard."""

import http.server
import threading
from functools import partial

import numpy as np
import pytest

from tinyml_course.plots import new_figure
from tinyml_course.widgets.experiment import Control, Experiment
from tinyml_course.widgets.quantizer import SPELLING

pytestmark = pytest.mark.slow

HEAD = '<!doctype html><html lang="en" {theme}><head><meta charset="utf-8"><title>t</title></head>'


def wave_figure(waves, kind):
    """Return a figure with one line and a picture of text."""
    figure, ax = new_figure()
    x = np.linspace(0, 1, 40)
    ax.plot(x, np.sin(waves * x) if kind == "sine" else np.cos(waves * x), "o-")
    ax.set_title(f"{waves} waves")
    return figure


WAVES = Experiment(
    name="a-wave",
    question="How many waves?",
    controls=(
        Control(name="waves", label="waves", values=(1, 2, 3, 4), default=2),
        Control(name="kind", label="kind", values=("sine", "cosine"), default="sine", kind="menu"),
    ),
    draw=wave_figure,
    describe=lambda waves, kind: f"A {kind} of {waves} waves.",
)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve a folder and keep silent about it."""

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Serve a page with two experiments in each theme; return its address and folder."""
    folder = tmp_path_factory.mktemp("site")
    body = f"<body><h1>t</h1>{WAVES.static().html}{SPELLING.static().html}</body></html>"
    for theme in ("light", "dark", "auto"):
        said = "" if theme == "auto" else f'data-theme="{theme}"'
        page = HEAD.format(theme=said) + body
        (folder / f"{theme}.html").write_text(page, "utf-8")
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


@pytest.fixture
def open_page(browser, site):
    """Return a function that opens a page; at the end no error and no foreign request happened."""
    faults = []
    contexts = []

    def guard(route):
        if (
            route.request.url.startswith((site[0], site[1].as_uri()))
            or "favicon" in route.request.url
        ):
            route.continue_()
        else:
            faults.append(f"asked for {route.request.url}")
            route.abort()

    def open_it(name="light.html", **options):
        context = browser.new_context(**options)
        contexts.append(context)
        context.route("**/*", guard)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda message: (
                faults.append(message.text)
                if message.type == "error" and "favicon" not in str(message.location)
                else None
            ),
        )
        page.goto(f"{site[0]}/{name}")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert faults == []


def first(page, selector):
    """Return the element of the first experiment."""
    return page.locator(f"[data-name=a-wave] {selector}")


def alt(page):
    """Return what a screen reader hears of the first figure."""
    return first(page, ".tx-figure").get_attribute("aria-label")


def reveal(page):
    """Skip the prediction and wait for the controls."""
    first(page, ".tx-skip").click()
    first(page, "input[type=range]").wait_for(state="visible")


def test_the_result_is_hidden_until_a_prediction_is_entered(open_page):
    """An empty field opens nothing; a prediction does, and is shown beside the result."""
    page = open_page()
    assert not first(page, ".tx-result").is_visible()
    first(page, "button[type=submit]").click()
    assert not first(page, ".tx-result").is_visible()
    assert "Write down a prediction" in first(page, ".tx-said").inner_text()
    first(page, ".tx-guess").fill("<b>two</b>")
    first(page, ".tx-guess").press("Enter")
    first(page, "input[type=range]").wait_for(state="visible")
    assert first(page, ".tx-said").inner_text() == "You predicted: <b>two</b>"
    assert first(page, ".tx-figure svg").is_visible()


def test_unpacking_does_not_change_the_figure_at_the_start(open_page):
    """The state that the slider starts from is the one in the markup."""
    page = open_page()
    before = first(page, ".tx-figure svg").evaluate("e => e.outerHTML")
    reveal(page)
    first(page, "input[type=range]").press("ArrowRight")
    changed = first(page, ".tx-figure svg").evaluate("e => e.outerHTML")
    first(page, "input[type=range]").press("ArrowLeft")
    assert first(page, ".tx-figure svg").evaluate("e => e.outerHTML") == before != changed


def test_the_keyboard_alone_reaches_everything(open_page):
    """Tab, typing, Enter and arrows predict, reveal and move the slider."""
    page = open_page()
    page.keyboard.press("Tab")
    page.keyboard.type("three")
    page.keyboard.press("Enter")
    first(page, "input[type=range]").wait_for(state="visible")
    page.wait_for_function("document.activeElement.type === 'range'")
    page.keyboard.press("ArrowRight")
    assert alt(page) == "A sine of 3 waves."
    assert first(page, "input[type=range]").get_attribute("aria-valuetext") == "3"
    assert first(page, "output").inner_text() == "3"
    assert first(page, ".tx-alt").text_content() == "A sine of 3 waves."


def test_the_mouse_moves_the_slider_and_the_figure(open_page):
    """A click at the slider's right end shows the last state's figure."""
    page = open_page()
    reveal(page)
    box = first(page, "input[type=range]").bounding_box()
    page.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
    assert alt(page) == "A sine of 4 waves."
    assert "4 waves" in first(page, ".tx-figure").inner_html()


def test_a_menu_changes_the_figure(open_page):
    """Choosing an option shows its state and keeps the slider's."""
    page = open_page()
    reveal(page)
    first(page, "select").select_option(label="cosine")
    assert alt(page) == "A cosine of 2 waves."


def test_two_experiments_of_a_page_do_not_meet(open_page):
    """Opening one leaves the other hidden, and no id occurs twice."""
    page = open_page()
    reveal(page)
    assert not page.locator("[data-name=number-formats] .tx-result").is_visible()
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert ids
    assert len(ids) == len(set(ids))


def test_without_javascript_question_figure_and_alt_text_show(open_page):
    """The state at the start is visible, the controls that cannot work are not."""
    page = open_page(java_script_enabled=False)
    assert first(page, ".tx-figure svg").is_visible()
    assert first(page, ".tx-alt").is_visible()
    assert not first(page, ".tx-entry").is_visible()
    assert not first(page, "input[type=range]").is_visible()


def test_print_shows_figure_and_alt_text_without_controls(open_page):
    """On paper the figure appears though no prediction was made, its alt text below it."""
    page = open_page("dark.html")
    page.emulate_media(media="print")
    assert first(page, ".tx-figure svg").is_visible()
    assert first(page, ".tx-alt").bounding_box()["height"] > 5
    assert not first(page, ".tx-entry").is_visible()
    assert paper(page) == "rgb(255, 255, 255)"


def paper(page):
    """Return the colour behind the first experiment."""
    return first(page, ".tx-question").evaluate(
        "e => getComputedStyle(e.parentElement).backgroundColor"
    )


@pytest.mark.parametrize(
    ("name", "scheme", "dark"),
    [
        ("light.html", "dark", False),
        ("dark.html", "light", True),
        ("auto.html", "light", False),
        ("auto.html", "dark", True),
    ],
)
def test_the_pages_theme_wins_over_the_systems_which_decides_where_it_has_none(
    open_page, name, scheme, dark
):
    """Paper and figure follow `data-theme`, else the system's setting."""
    page = open_page(name, color_scheme=scheme)
    reveal(page)
    assert (paper(page) == "rgb(23, 23, 23)") is dark
    shown = first(page, ".tx-figure svg").evaluate("e => getComputedStyle(e).filter")
    assert (shown != "none") is dark


def test_a_page_opened_from_a_folder_works_the_same(open_page, site):
    """Without any server the slider moves the figure."""
    page = open_page()
    page.goto((site[1] / "light.html").as_uri())
    reveal(page)
    first(page, "input[type=range]").press("ArrowRight")
    assert alt(page) == "A sine of 3 waves."
