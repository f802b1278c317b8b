"""The built site as a reader uses it: links, search, an experiment, dark mode, a phone."""

from __future__ import annotations

import io

import pytest

from tests.book.conftest import NARROW, WIDE
from tests.book.page_faults import turn_theme

pytestmark = pytest.mark.slow

NOTEBOOK = "chapters/00_foundations/02_numbers.html"
GUIDE = "book/glossary.html"

LUMINANCE = """(element, property) => {
  const [r, g, b] = getComputedStyle(element)[property].match(/[\\d.]+/g).map((part) => {
    const c = Number(part) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}"""


def contrast(a: float, b: float) -> float:
    """Return WCAG's ratio of two luminances."""
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


def tones(picture: bytes) -> tuple[float, float]:
    """Return the luminance of a picture's paper, its commonest grey, and of its strongest ink."""
    from PIL import Image

    counts = Image.open(io.BytesIO(picture)).convert("L").histogram()
    grey = [((level / 255 + 0.055) / 1.055) ** 2.4 for level in range(256)]
    paper = counts.index(max(counts))
    used = [level for level, count in enumerate(counts) if count > 20]
    ink = max(used, key=lambda level: contrast(grey[level], grey[paper]))
    return grey[paper], grey[ink]


def test_the_front_page_leads_to_each_chapter(open_site, page_names):
    """Each folder of chapters is linked from the text of the front page or its side bar."""
    page = open_site("index.html")
    chapters = {name.rsplit("/", 1)[0] for name in page_names if name.startswith("chapters/")}
    links = page.locator("a").evaluate_all("all => all.map((a) => a.getAttribute('href') ?? '')")
    assert chapters
    assert chapters <= {link.rsplit("/", 1)[0] for link in links}


def test_next_and_previous_lead_on_and_back(open_site):
    """The arrows below a page go one page on, and back to where one was."""
    page = open_site(NOTEBOOK)
    page.locator("a.right-next").click()
    page.wait_for_url("**/03_error_growth.html")
    page.locator("a.left-prev").click()
    page.wait_for_url("**/02_numbers.html")


def test_the_side_bar_leads_to_another_part(open_site):
    """A reader of a notebook comes to the glossary with one click, and sees where that is."""
    page = open_site(NOTEBOOK)
    page.locator("#pst-primary-sidebar a", has_text="Glossary").click()
    page.wait_for_url("**/glossary.html")
    assert "Glossary" in page.locator("article h1").inner_text()
    assert "Glossary" in page.locator("#pst-primary-sidebar li.current > a").last.inner_text()


@pytest.mark.parametrize(
    ("word", "stem", "leads_to"),
    [
        ("outliers", "outlier", "chapters/"),
        ("requantization", "requantiz", "book/"),
        ("choose_qparams", "choose_qparams", "book/api/"),
    ],
)
def test_search_finds_a_word_and_leads_there(open_site, word, stem, leads_to):
    """Words of the text, by their stem, and a function's name are found without the network."""
    page = open_site(f"search.html?q={word}")
    result = page.locator(f"#search-results li a[href*='{leads_to}']").first
    result.wait_for(timeout=20_000)
    result.click()
    page.wait_for_load_state()
    assert leads_to in page.url
    assert stem in page.locator("article").inner_text().lower()


def test_search_opens_by_key_and_says_when_nothing_is_found(open_site):
    """Ctrl+K opens the field; a word that stands nowhere gives no result."""
    page = open_site("index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("zzyzxqq")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=zzyzxqq")
    page.locator("#search-results", has_text="did not match").wait_for(timeout=20_000)
    assert page.locator("#search-results li").count() == 0


def test_an_experiment_predicts_reveals_and_moves_by_keyboard(open_site, screenshots):
    """The keys alone enter a prediction, open the result and change figure and words."""
    page = open_site(NOTEBOOK)
    piece = page.locator(".tx-experiment:has(input[type=range])").first
    assert not piece.locator(".tx-result").is_visible()
    piece.locator(".tx-guess").focus()
    page.keyboard.type("eight")
    page.keyboard.press("Enter")
    slider = piece.locator("input[type=range]").first
    slider.wait_for(state="visible")
    figure = piece.locator(".tx-figure")
    before = figure.inner_html(), figure.get_attribute("aria-label"), slider.input_value()
    slider.focus()
    page.keyboard.press("ArrowLeft" if before[2] == slider.get_attribute("max") else "ArrowRight")
    after = figure.inner_html(), figure.get_attribute("aria-label"), slider.input_value()
    assert "eight" in piece.locator(".tx-said").inner_text()
    assert all(old != new for old, new in zip(before, after, strict=True))
    piece.screenshot(path=screenshots / "experiment.png")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", NOTEBOOK, GUIDE])
def test_a_theme_colours_page_and_text(open_site, name, theme):
    """The button changes paper and ink; the text of the article keeps a contrast of 7."""
    page = open_site(name)
    turn_theme(page, theme)
    paper = page.locator("body").evaluate(LUMINANCE, "backgroundColor")
    ink = page.locator("article p").first.evaluate(LUMINANCE, "color")
    assert (paper > 0.5) is (theme == "light")
    assert contrast(paper, ink) >= 7


def test_the_chosen_theme_stays_on_the_next_page(open_site):
    """A reader chooses once."""
    page = open_site(NOTEBOOK)
    turn_theme(page, "dark")
    page.locator("a.right-next").click()
    page.wait_for_url("**/03_error_growth.html")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_the_reader_s_system_chooses_the_theme_at_first(open_site):
    """Where nothing was chosen, a dark system gets dark pages."""
    for scheme in ("light", "dark"):
        page = open_site("index.html", color_scheme=scheme)
        assert page.evaluate("document.documentElement.dataset.theme") == scheme


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figures_stay_legible(open_site, theme):
    """In either theme a figure's ink stands out from its paper by 7 to 1."""
    page = open_site(NOTEBOOK)
    turn_theme(page, theme)
    for button in page.locator(".tx-skip").all():
        button.click()
    pictures = page.locator(".cell_output img, .tx-figure svg").all()
    assert len(pictures) >= 3
    ratios = [contrast(*tones(picture.screenshot())) for picture in pictures[:5]]
    assert min(ratios) >= 7


def test_an_experiment_stands_on_the_page_s_own_paper_in_the_dark(open_site):
    """No pale frame of the theme's surrounds it."""
    page = open_site(NOTEBOOK)
    turn_theme(page, "dark")
    frame = page.locator(".text_html:has(> .tx-experiment)").first
    shown = frame.evaluate("e => getComputedStyle(e).backgroundColor")
    assert shown == "rgba(0, 0, 0, 0)"


def test_a_phone_opens_the_contents(open_site):
    """On a narrow screen the side bar waits behind its button, and its links work."""
    page = open_site(NOTEBOOK, viewport=NARROW)
    link = page.locator("a:visible", has_text="Glossary")
    assert link.count() == 0
    page.locator("button.primary-toggle:visible").click()
    link.first.click()
    page.wait_for_url("**/glossary.html")


def test_the_button_hides_the_side_bar_on_a_wide_screen(open_site):
    """Who wants the whole width for the text gets it."""
    page = open_site(NOTEBOOK)
    link = page.locator("#pst-primary-sidebar a", has_text="Glossary")
    link.wait_for(state="visible")
    page.locator("button.primary-toggle:visible").click()
    link.wait_for(state="hidden")


KINDS = (
    "index.html", NOTEBOOK, "chapters/00_foundations/the_device.html",
    "chapters/01_quantization/06_diagnosis.html", "exercises/00_foundations.html", GUIDE,
    "book/api/cost.html", "book/instructors.html", "search.html",
)  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_each_kind_of_page_is_pictured(open_site, screenshots, theme, size):
    """A picture of every kind of page, in both themes and sizes, is left for whoever looks."""
    page = open_site("index.html", viewport=size)
    turn_theme(page, theme)
    address = page.url.removesuffix("index.html")
    for name in KINDS:
        page.goto(address + name)
        label = f"{name.removesuffix('.html').replace('/', '-')}-{theme}-{size['width']}.png"
        page.screenshot(path=screenshots / label)
        assert (screenshots / label).stat().st_size > 5_000
